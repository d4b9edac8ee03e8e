"""Policies by reinforcement learning, ours and Stable-Baselines3's, on the built-in storage ring; and the rules.

Run from the repository root, with the peer where it is installed (else it is named as not installed)::

    python -m benchmarks.policies [facility] [seeds] [shifts] [first seed]

Fairness: both learn the same task from the same first action, the present settings, with the same discount, trace,
clip, exploration and net; the peer on the Gymnasium environment (reference engine, one run at a time), ours on the
batched twin (bit-equal steps, tests/test_controllers_environment.py). Both are judged by their mean action on the same
fresh runs of the batched twin. Time is processor seconds from nothing, compiling among it, as other work may run
on the machine; wall seconds stand beside.
"""

import os
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks import policies_sb3 as peer
from benchmarks.policies_sb3 import Snapshot
from controllers.evaluation import under_one_law
from controllers.policies import comparison, ppo
from controllers.policies.batched_environment import world
from controllers.policies.tasks import Task, task
from twin import load

RECIPE = ppo.Recipe(updates=30)
POOL, FRESH = 512, 512
EVERY = 2048  # shifts between two looks at the peer's policy: its own length of a rollout


def ours(where: Task, first: np.ndarray, seed: int) -> Iterator[Snapshot]:
    """A snapshot after each update."""
    wall, cpu = time.perf_counter(), time.process_time()
    pool = world(where, where.draw(POOL, comparison.seed_of(seed, comparison.POOL)))
    for n, (actor, _) in enumerate(ppo.training(where, pool, RECIPE, seed, first), 1):
        spent = time.process_time() - cpu, time.perf_counter() - wall
        yield Snapshot(n * RECIPE.runs * where.shifts, *spent, actor)


def looked_at(taken: list[Snapshot], looks: int = 8) -> list[Snapshot]:
    """Some of them, closer at the beginning, and the last."""
    last = len(taken) - 1
    return [taken[i] for i in sorted({round(last * (k / looks) ** 2) for k in range(looks + 1)})]


def curve(where: Task, taken: list[Snapshot], thumb: np.ndarray) -> list[tuple[Snapshot, float, tuple]]:
    """(snapshot, useful beam [%], its gain over the rule of thumb) of some of them."""
    found = []
    for snapshot in looked_at(taken):
        mine = comparison.fresh(where, snapshot.actor.act, FRESH, 0)
        found.append((snapshot, float(mine.mean()), under_one_law(mine, thumb)))
    return found


def told(name: str, seed: int, found: list) -> None:
    """A line for each look, and when the policy was first surely better than the rule of thumb."""
    for snapshot, mean, gain in found:
        print(
            f"{name:24} seed {seed}  {snapshot.shifts:8d} shifts {snapshot.cpu_s:7.1f} cpu s {snapshot.wall_s:7.1f} s"
            f"  useful beam {mean:7.2f} %  over thumb {gain.mean:+7.2f} [{gain.low:+.2f} {gain.high:+.2f}]", flush=True,
        )  # fmt: skip
    last, better = found[-1][0], [s for s, _, gain in found if gain.low > 0]
    first = (
        f"better after {better[0].cpu_s:.1f} cpu s, {better[0].shifts} shifts" if better else "never better"
    )
    begun = found[0][0]
    rate = (last.shifts - begun.shifts) / max(last.cpu_s - begun.cpu_s, 1e-9)
    print(f"{name:24} seed {seed}  {first}; {rate:.0f} shifts/cpu s after the first look", flush=True)


def main(facility: str = "storage-ring", seeds: int = 5, shifts: int = 20 * EVERY, begin: int = 0) -> None:
    where = task(load(facility))
    first = ppo.opening(where, where.space.present)
    thumbs = {name: comparison.fresh(where, act, FRESH, 0) for name, act in comparison.thumbs(where).items()}
    for name, seen in thumbs.items():
        print(f"{name:30} {seen.mean():8.2f} %", flush=True)
    thumb = max(thumbs.values(), key=np.mean)
    for seed in range(begin, begin + seeds):
        told("ours", seed, curve(where, list(ours(where, first, seed)), thumb))
        if peer.version() is None:
            print(f"{peer.NEEDS} is not installed")
            continue
        taken = list(peer.trained(where, RECIPE, first, seed, shifts, EVERY))
        told(f"{peer.NEEDS} {peer.version()}", seed, curve(where, taken, thumb))


if __name__ == "__main__":
    main(*sys.argv[1:2], *(int(word) for word in sys.argv[2:]))

"""Policies on a wear-and-repair process solved exactly: what share of the exact gain each recovers."""

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from case_wear import CHARGES, best, best_held, pair  # noqa: E402
from optimum import interval  # noqa: E402

from controllers.policies import batched_environment, ppo, rules  # noqa: E402
from controllers.policies.environment import Task  # noqa: E402
from controllers.policies.mpc import Planner  # noqa: E402
from controllers.searches.search import SEARCHES  # noqa: E402

FRESH, POOL, UPDATES = 512, 128, 100

HEAD = f"""
## Wear and repair: a decision process solved exactly

Either of two units carries the beam. Each fails at a rate (charge / 200 pC)^4 / 100 h and is repaired in a mean
of 48 h (exponential). In each of 21 shifts the charge is chosen anew from how many units are down
(`tests/case_wear.py`). The best policy follows backwards in time (R. Bellman, Dynamic Programming, 1957). Each
policy was found on other random inputs and is evaluated on {FRESH} new runs of the twin, paired with the best
held charge there; 0 is that charge, 100 % the best policy. PPO trained for {UPDATES} updates on {POOL} runs.
Intervals are 90 % (Student's t over the runs) and do not contain the chance of another training; three seeds
stand for it. The planner holds each candidate for as long as it looks ahead. A failure costs six shifts, so
with a shorter horizon the planner runs at too high a charge.

| policy | useful beam, % | share of the exact gain, 90 % interval |
|---|---|---|
"""


def policies(wear: Task) -> list[tuple[str, rules.Act]]:
    """(name, what acts): the exact best, one charge held, a planner and a trained policy."""
    table = jnp.asarray(best()[1])

    def exact(key, world, play, observation):
        down = batched_environment.seen(wear, world, play).down[:, 0].astype(int)
        return (2.0 * (table[play.shift][down] - CHARGES[0]) / (CHARGES[-1] - CHARGES[0]) - 1.0)[:, None]

    pool = batched_environment.world(wear, wear.draw(POOL, 1))
    held = rules.best_to_hold(wear, pool, SEARCHES["bayes"], 16)
    recipe = ppo.Recipe(updates=UPDATES, discount=1.0, trace=0.95)
    trained = [(f"PPO, seed {seed}", ppo.train(wear, pool, recipe, seed)[0].act) for seed in range(3)]
    return [
        ("the exact best, on the twin", exact),
        (f"`best_to_hold` with `bayes`, 16 evaluations: {held[0]:.0f} pC (exact {best_held()[1]:.0f} pC)",
         rules.hold(wear, held)),
        ("planner (MPC), 2 shifts ahead", Planner(wear).policy),
        ("planner (MPC), 4 shifts ahead, 12 futures", Planner(wear, futures=12, shifts=4).policy),
        ("planner (MPC), 12 shifts ahead", Planner(wear, shifts=12).policy),
        *trained,
    ]  # fmt: skip


def rows() -> list[str]:
    wear = pair()
    fresh = batched_environment.world(wear, wear.draw(FRESH, 9))
    held = rules.score(wear, fresh, rules.hold(wear, np.array([best_held()[1]])))
    whole = (best()[0] - best_held()[0]) / 100.0
    lines = []
    for name, act in policies(wear):
        seen = rules.score(wear, fresh, act)
        mean, low, high = interval((seen - held) / whole)
        lines.append(f"| {name} | {seen.mean():.2f} | {mean:.0f} % ({low:.0f} ... {high:.0f}) |")
        print(lines[-1], flush=True)
    return lines


def section() -> str:
    """The section of docs/exact-optima.md."""
    top, hold = best()[0], best_held()
    tail = f"\nExactly: {top:.3f} % for the best policy, {hold[0]:.3f} % for the best held charge, {hold[1]:.0f} pC.\n"
    return HEAD + "\n".join(rows()) + "\n" + tail


if __name__ == "__main__":
    print(section())

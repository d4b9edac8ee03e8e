"""Performance models beside PyTorch and scikit-learn: CPU time to train, error, throughput, latency, time in a loop.

Run from the repository root: python -m benchmarks.surrogates (some minutes). PyTorch is looked for in the
environment ``work/peers`` (or the Python that BEAMTWIN_PEERS names); without it its columns are skipped, in words.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from surrogate import ensemble
from surrogate.fitting import LARGE
from surrogate.models import chosen
from surrogate.selection import Study

ROOT = Path(__file__).parents[1]
PEERS = Path(os.environ.get("BEAMTWIN_PEERS", ROOT / "work/peers/bin/python"))
ROWS, LATER, INPUTS, NOISE = 50_000, 10_000, 8, 0.05
RECIPE = LARGE
SEED = 0


def machine(x: np.ndarray) -> np.ndarray:
    """A made-up machine [N, 4] of 8 inputs in -1 ... 1: beam size, lifetime, flux and orbit, each of sd about 1."""
    focus, detune, voltage, current, gap, water, kick, skew = x.T
    size = np.sqrt(1.0 + 3.0 * (focus - 0.3 * current) ** 2 + (detune * skew) ** 2)
    lifetime = np.exp(-1.5 * (voltage - 0.2) ** 2) / (1.2 + current)
    flux = (1.2 + current) * np.exp(-gap) * (1.0 - 0.1 * water) / size
    orbit = np.sin(2.0 * kick) + 0.5 * skew * focus + 0.3 * np.tanh(3.0 * detune)
    y = np.stack([size, lifetime, flux, orbit], axis=1)
    return (y - np.array([1.55, 0.6, 0.85, 0.0])) / np.array([0.45, 0.33, 0.62, 0.75])


def data(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, (rows, INPUTS))
    return x, machine(x) + NOISE * rng.normal(size=(rows, 4))


def cpu(function) -> tuple[float, object]:
    """CPU seconds of this process, and what the function made."""
    begin = time.process_time()
    made = jax.block_until_ready(function())
    return time.process_time() - begin, made


def least(function, repeats: int = 5) -> float:
    """Seconds, the least of some repeats after a first one."""
    function()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function())
        taken.append(time.perf_counter() - begin)
    return min(taken)


def over_floor(predicted: np.ndarray, y: np.ndarray) -> str:
    """RMSE over the noise, each output."""
    return ", ".join(f"{r:.2f}" for r in np.sqrt(((predicted - y) ** 2).mean(0)) / NOISE)


def ours(x, y, later) -> dict:
    """The perceptrons: trained on all rows, compiling counted and not."""
    scale = ensemble.scaling(x, y, np.full(INPUTS, 1e-6), -np.ones(4))
    study = Study(chosen(["perceptrons"]), scale, SEED, RECIPE, len(x))
    task, learner = study.task(x, y), study.learners["perceptrons"]
    first, _ = cpu(lambda: learner.fit(task, RECIPE.rounds).model)
    again, model = cpu(lambda: learner.fit(task, RECIPE.rounds).model)
    z = study.task(later[0], later[1]).z
    out = np.asarray(ensemble.in_batches(jax.jit(lambda part: (jax.vmap(model)(part).mean(1),)), z)[0])
    predicted = scale.y_mean + scale.y_scale * out
    return {"first": first, "again": again, "floor": over_floor(predicted, later[1]), **speeds(model, z)}


def speeds(model, z) -> dict:
    """Rows a second in batches, microseconds of one query, microseconds a step inside a compiled scan."""
    batch = jax.jit(jax.vmap(lambda own, row: own(row).mean(0), (None, 0)))
    one = jax.jit(lambda own, row: own(row).mean(0))
    loop = jax.jit(
        lambda own, row: jax.lax.scan(lambda c, _: (c + 1e-9 * own(c).mean(), None), row, None, 1000)[0]
    )
    first = jnp.asarray(z[0])
    some = jnp.asarray(z[:4096])
    return {
        "rows": len(some) / least(lambda: batch(model, some)),
        "latency": 1e6 * least(lambda: one(model, first), 50),
        "step": 1e3 * least(lambda: loop(model, first), 3),
    }


def trees(x, y, later) -> dict:
    """scikit-learn's gradient-boosted trees, one for each output, with their seed-to-seed spread."""
    with threadpool_limits(1):
        fits = [
            cpu(lambda s=s: [HistGradientBoostingRegressor(random_state=s).fit(x, t) for t in y.T])
            for s in (0, 1)
        ]
        said = [np.stack([m.predict(later[0]) for m in made], 1) for _, made in fits]  # type: ignore[attr-defined]
        models = fits[0][1]
        batch = least(lambda: [m.predict(later[0][:4096]) for m in models])  # type: ignore[attr-defined]
        one = least(lambda: [m.predict(later[0][:1]) for m in models], 20)  # type: ignore[attr-defined]
    floors = [over_floor(p, later[1]) for p in said]
    return {"first": fits[0][0], "again": fits[1][0], "floor": " / ".join(floors), "rows": 4096 / batch,
            "latency": 1e6 * one}  # fmt: skip


def torch(x, y, later) -> dict | str:
    """The same networks, batches and optimiser in PyTorch on the CPU, in a process of its own."""
    if not PEERS.is_file():
        return f"PyTorch skipped: no {PEERS}; make one with python -m venv work/peers and pip install torch"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, x=x, y=y, later_x=later[0])
        args = [
            str(PEERS),
            str(ROOT / "benchmarks/surrogates_torch.py"),
            str(path),
            json.dumps(RECIPE._asdict()),
        ]
        done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        return f"PyTorch skipped: {done.stderr.strip().splitlines()[-1:]}"
    return json.loads(done.stdout)


def small(rows: int = 400) -> dict[str, dict]:
    """Speeds of every model of ours, as it serves after a small log of these inputs."""
    x, y = data(rows, 3)
    scale = ensemble.scaling(x, y, np.full(INPUTS, 1e-6), -np.ones(4))
    study = Study(chosen(None), scale, SEED, room=rows)
    task, found = study.task(x, y), {}
    for name, learner in study.learners.items():
        if not learner.refuses(task):
            seconds, fit = cpu(lambda own=learner: own.fit(task, 20))
            found[name] = {"first": seconds, **speeds(fit.model, task.z)}  # type: ignore[attr-defined]
    return found


def line(name: str, row: dict) -> str:
    def cell(key: str, form: str) -> str:
        return form.format(row[key]) if key in row else "-"

    return (
        f"{name:34s} {cell('first', '{:8.1f}')} {cell('again', '{:8.1f}')} {cell('rows', '{:12.0f}')} "
        f"{cell('latency', '{:9.0f}')} {cell('step', '{:9.1f}')}   {row.get('floor', '')}"
    )


def main() -> None:
    x, y = data(ROWS, 1)
    later = data(LATER, 2)
    steps = RECIPE.rounds * RECIPE.steps_a_round
    print(f"{ROWS} rows, {INPUTS} inputs, 4 outputs, noise {NOISE}; {RECIPE.members} networks, {steps} steps")
    print(
        f"{'':34s} {'CPU s':>8s} {'again':>8s} {'rows/s':>12s} {'us query':>9s} {'us step':>9s}   RMSE / noise"
    )
    ours_found = ours(x, y, later)
    print(line("beamtwin perceptrons", ours_found), flush=True)
    peer = torch(x, y, later)
    print(peer if isinstance(peer, str) else line("the same in PyTorch", peer), flush=True)
    print(line("scikit-learn boosted trees, 2 seeds", trees(x, y, later)), flush=True)
    if not isinstance(peer, str):
        print(f"training CPU over PyTorch's: {ours_found['first'] / peer['first']:.2f} with compiling, "
              f"{ours_found['again'] / peer['first']:.2f} without")  # fmt: skip
    for name, row in small().items():
        print(line(f"{name}, 400 rows", row), flush=True)


if __name__ == "__main__":
    sys.exit(main())

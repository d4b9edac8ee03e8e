"""How often off-policy intervals hold the truth, and what they approve: 100 policies over logs of hidden plants.

By hand: ``python -m benchmarks.off_policy [logs a facility] [first seed] [days]``; about half a minute a log, then a
minute for the real one. Prints the tables of ``docs/off-policy.md``. Truth is the hidden plant's own law, played on the
batched twin through the log's days: the mean of ``RUNS`` runs with fresh luck, against the operators' settings on the
same random events. Seeds from 101 on chose the rules; the tables are of others.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import h5py
import jax
import numpy as np
from scipy import stats

from controllers.off_policy import candidate, estimate
from controllers.off_policy.epochs import Epochs, epochs
from controllers.off_policy.estimate import Evaluation
from replay_data import hidden
from replay_data.importers import import_log
from replay_data.record import Record
from replay_data.runlog import open_log
from replay_data.synthesize import EPOCH_H, synthesize
from replay_data.view import LogView
from twin import Facility, Space, batched, load
from twin.draws import draw, enough
from twin.outcome import metrics
from twin.plant import build
from twin.scenario import Scenario, calendar

ROOT = Path(__file__).parent.parent
FERMI = ROOT.parent / "shared" / "data" / "fermi_rl_2020" / "fermi_rl_2020.h5"
FACILITIES = ("storage-ring", "xfel-linac")
KINDS = ("one knob shifted", "all shifted", "one knob held", "two held", "all held")
RUNS = 64


class Tried(NamedTuple):
    """One candidate policy: a shift of what operators chose, or knobs held."""

    kind: str
    by: np.ndarray  # [K]
    held: np.ndarray  # [K], nan where operators choose

    def drawn(self, space: Space, settings: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """What it would choose in epochs with settings [N, K], [R, N, K]."""
        if self.by.any():
            return candidate.shifted(space, settings, self.by)
        wanted = space.step(settings, np.where(np.isnan(self.held), settings, self.held), np.inf)
        return candidate.region(space, settings, wanted, draws=draws, seed=seed)


class Row(NamedTuple):
    """One candidate: what is true of it, and what the log says."""

    facility: str
    kind: str
    gain: float  # true, % useful beam
    broken: float  # share of user time in which a promised quantity truly lies beyond its bound
    found: Evaluation

    @property
    def unsafe(self) -> bool:
        return self.gain < 0 or self.broken > estimate.BROKEN

    @property
    def overlap(self) -> bool:
        """Whether operators tried enough of it; the rest is told to be beyond the log."""
        return not estimate.lacking(self.found)

    def covered(self, estimate: str) -> bool:
        return self.found.gains[estimate].low <= self.gain <= self.found.gains[estimate].high


def policies(space: Space, settings: np.ndarray, rng) -> list[Tried]:
    """One of each kind, near to and far from what operators chose."""
    span, many = space.high - space.low, len(space.names)
    middle, none, free = space.to_unit(settings).mean(0), np.zeros(many), np.full(many, np.nan)

    def held(count: int, spread: float) -> np.ndarray:
        some = free.copy()
        which = rng.choice(many, count, replace=False)
        some[which] = np.clip(middle[which] + rng.normal(0.0, spread, count), 0.02, 0.98)
        return space.from_unit(some)

    one, way = none.copy(), rng.normal(size=many)
    one[rng.integers(many)] = rng.choice([-1.0, 1.0]) * rng.uniform(0.03, 0.25)
    every = way / np.linalg.norm(way) * rng.uniform(0.05, 0.3)
    moves = [(one * span, free), (every * span, free)]
    moves += [(none, held(*each)) for each in ((1, 0.2), (2, 0.17), (many, 0.12))]
    return [Tried(kind, *move) for kind, move in zip(KINDS, moves, strict=True)]


class Truth:
    """The hidden plant of a log, and what operators would have had of it on the mean."""

    def __init__(self, facility: Facility, settings: np.ndarray, seed: int):
        edges = np.arange(len(settings) + 1) * EPOCH_H
        conditions = hidden.conditions(facility, (edges[:-1] + edges[1:]) / 2, seed)
        self.law, self.plant = hidden.plant_law(facility, seed), build(facility)
        self.scenario = Scenario(calendar(facility, edges[-1]), edges, settings, conditions)
        self.draws = draw(facility, RUNS, *enough(facility, edges[-1]), seed=90000 + seed)
        self.before = self._useful(settings[None])

    def _useful(self, settings: np.ndarray) -> np.ndarray:
        plans = np.ascontiguousarray(np.broadcast_to(settings, (RUNS, *settings.shape[1:])))
        tally = batched.simulate(self.plant, self.law, self.draws, self.scenario, plans)
        assert not tally.exhausted.any(), "draws were used up"
        return metrics(tally, self.plant)["useful_beam"]

    def gain(self, settings: np.ndarray) -> float:
        """Of settings [1 or RUNS, D, K]."""
        return float((self._useful(settings) - self.before).mean())

    def broken(self, settings: np.ndarray, days: np.ndarray, weight: np.ndarray) -> float:
        """Share of the user time of some days in which a promised quantity lies beyond its bound."""
        quantity = np.asarray(_quantities(self.law, settings[:, days], self.scenario.conditions[days]))
        out = np.zeros(quantity.shape[:2], bool)
        for bound in estimate.bounds(self.plant.facility):
            out |= (quantity[..., bound.q] < bound.low) | (quantity[..., bound.q] > bound.high)
        return float(np.average(out.mean(0), weights=weight))


@jax.jit
def _quantities(law, settings, conditions):
    each = jax.vmap(lambda s, c: law(s, c).quantity)
    return jax.vmap(each, in_axes=(0, None))(settings, conditions)


def daily(facility: Facility, record: Record) -> np.ndarray:
    """Settings [D, K] of each day."""
    hours = np.arange(int(record.hours / EPOCH_H)) * EPOCH_H
    return np.stack([record.channel(knob.name).at(hours) for knob in facility.knob], -1)


def one(facility: Facility, seed: int, days: float) -> list[Row]:
    """Candidates on one log."""
    record, space = synthesize(facility, days, seed), Space.of(facility)
    settings, log = daily(facility, record), epochs(LogView(record, facility))
    truth, rows = Truth(facility, settings, seed), []
    seen = (log.hour / EPOCH_H).astype(int)
    for tried in policies(space, settings, np.random.default_rng([seed, 77])):
        true = tried.drawn(space, settings, RUNS, 78)
        proposed = tried.drawn(space, log.settings, candidate.DRAWS, 5)
        found = estimate.evaluate(log, proposed, space.names, estimate.bounds(facility))
        rows.append(
            Row(facility.name, tried.kind, truth.gain(true), truth.broken(true, seen, log.weight), found)
        )
    return rows


def fermi() -> list[Row]:
    """Each run of the FERMI log against each other: would the settings of the one have done better in the other?

    The truth is what the other really brought, if the machine stayed the same.
    """
    facility = load(ROOT / "examples" / "fermi" / "facility.toml")
    path = ROOT / "work" / "off-policy-fermi.h5"
    path.parent.mkdir(exist_ok=True)
    import_log(FERMI, path, ROOT / "examples" / "fermi" / "map.toml")
    with open_log(path) as log:
        whole = epochs(LogView(log, facility))
    with h5py.File(FERMI) as file:
        run = file["transitions"]["run"][:]
    parts = [Epochs(*(column[run == r] for column in whole)) for r in np.unique(run)]
    rng, rows = np.random.default_rng(1), []
    for i, here in enumerate(parts):
        for j, there in enumerate(parts):
            if i != j:
                picked = rng.integers(0, len(there.hour), (candidate.DRAWS, len(here.hour)))
                found = estimate.evaluate(here, there.settings[picked], Space.of(facility).names)
                gain = there.outcome.mean() - here.outcome.mean()
                rows.append(Row(facility.name, f"run {i + 1} asked of run {j + 1}", float(gain), 0.0, found))
    return rows


def share(hits: list[bool]) -> str:
    """A share with its 95 % interval (Clopper and Pearson)."""
    if not hits:
        return "none"
    low, high = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return f"{sum(hits)} of {len(hits)} ({100 * low:.0f} to {100 * high:.0f} %)"


def coverage(rows: list[Row]) -> None:
    """One row an estimate: how often its 90 % interval holds the truth, how far it is off, how wide it is."""
    print(
        "\n| estimate | covers, all | covers, tried enough | rms error | bias | half-width |\n|---|---|---|---|---|---|"
    )
    tried = [r for r in rows if r.overlap]
    for name in estimate.ESTIMATES:
        off = np.array([r.found.gains[name].mean - r.gain for r in tried])
        half = np.median([r.found.gains[name].high - r.found.gains[name].low for r in tried]) / 2
        cells = [share([r.covered(name) for r in some]) for some in (rows, tried)]
        print(
            f"| {name} | {' | '.join(cells)} | {np.sqrt((off**2).mean()):.2f} | {off.mean():+.2f} | {half:.2f} |"
        )


def verdicts(rows: list[Row]) -> None:
    """One row a facility and kind: what was said, and how much of it was wrong."""
    print("\n| facility | policy | tried enough | better | worse | cannot tell |\n|---|---|---|---|---|---|")
    for facility, kind in dict.fromkeys((r.facility, r.kind) for r in rows):
        some = [r for r in rows if (r.facility, r.kind) == (facility, kind)]
        said = [sum(r.found.verdict == v for r in some) for v in ("better", "worse", "cannot tell")]
        print(
            f"| {facility} | {kind} | {sum(r.overlap for r in some)} of {len(some)} | {' | '.join(map(str, said))} |"
        )
    unsafe, safe = [r for r in rows if r.unsafe], [r for r in rows if not r.unsafe]
    print(f"\nUnsafe, called better: {share([r.found.verdict == 'better' for r in unsafe])}")
    print(f"Safe, called better: {share([r.found.verdict == 'better' for r in safe])}")
    print(f"Safe, called worse: {share([r.found.verdict == 'worse' for r in safe])}")


def real(rows: list[Row]) -> None:
    """One row a pair of runs."""
    print("\n| FERMI | truly | doubly robust | verdict |\n|---|---|---|---|")
    for r in rows:
        gain = r.found.gains["doubly robust"]
        why = f"{r.found.verdict}: {r.found.effective:.0f} epochs, {r.found.pieces:.1f} stretches"
        print(
            f"| {r.kind} | {r.gain:+.1f} | {gain.mean:+.1f} ({gain.low:+.1f} ... {gain.high:+.1f}) | {why} |"
        )


def main(logs: int = 10, first: int = 1, days: int = 240) -> None:
    """Print all tables as Markdown."""
    rows = []
    for name in FACILITIES:
        for seed in range(first, first + logs):
            rows += one(load(name), seed, float(days))
            print(
                f"{name} {seed}: {[round(r.gain, 2) for r in rows[-len(KINDS) :]]}",
                file=sys.stderr,
                flush=True,
            )
    print(f"{len(rows)} policies, {logs} logs of {days} days a facility, seeds from {first} on.")
    coverage(rows)
    verdicts(rows)
    if FERMI.is_file():
        real(fermi())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

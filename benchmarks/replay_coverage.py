"""How often a counterfactual's 90 % interval holds the truth, under the true, wrong and learned models.

Of synthetic logs, whose hidden plant is known: see ``tests/study_replay.py``.
``python -m benchmarks.replay_coverage [logs]`` prints the first tables of ``docs/replay.md``; a few minutes.
``python -m benchmarks.replay_coverage learned [logs]`` prints that of learned models: each has learned from the
first ``EARLIER_DAYS`` of its log, and is asked about the rest; some ten seconds a log.
"""

import sys
from dataclasses import replace

import jax
import numpy as np
from scipy import stats

from replay_data import hidden, replay
from replay_data.random_inputs import operating_points, play
from replay_data.record import KEYS, Record
from replay_data.synthesize import EPOCH_H, synthesize
from replay_data.view import LogView
from surrogate.learned import LearnedLaw
from surrogate.train import train
from tests.study_replay import DAYS, EACH, METRICS, MODELS, covered, known, noticed
from twin import Facility, Space, UserError, load
from twin.draws import draw, enough

LONG_DAYS = 120.0
CHANGES = [
    ("storage-ring", {"rf_voltage": 2.8}),
    ("storage-ring", {"rf_voltage": 3.9}),
    ("xfel-linac", {"gradient_1": 7.1}),
    ("xfel-linac", {"gradient_1": 8.0}),
]
EARLIER_DAYS, LAWS = 120.0, 8


def share(hits) -> str:
    """A share with its 90 % interval (Clopper and Pearson)."""
    n, k = len(hits), sum(hits)
    low, high = stats.binomtest(k, n).proportion_ci(0.90)
    return f"{100 * k / n:.0f} % ({100 * low:.0f} ... {100 * high:.0f})"


def learned(facility: Facility, record: Record, until_h: float, seed: int) -> LearnedLaw:
    """The law that `beamtwin train` makes of a log's hours before ``until_h``."""
    channels = {n: c.keep(c.time_h < until_h) for n, c in record.channels.items()}
    tables = {}
    for name, key in KEYS.items():
        table = record.table(name)
        tables[name] = {column: cells[table[key] < until_h].copy() for column, cells in table.items()}
    for column in ("repair_start_h", "end_h"):
        late = tables["faults"][column] >= until_h
        tables["faults"][column][late] = np.nan
    return train(facility, [Record(facility.name, record.start, until_h, channels, tables)], seed).law


def true_changes(facility: Facility, whole: replay.Window, from_h: float, law, changes, seed: int):
    """For each change of settings from ``from_h`` on: what it would have changed of each metric by the log's luck."""
    made = draw(facility, 1, *enough(facility, whole.scenario.horizon_h), seed=seed).run(0)
    late = whole.scenario.edges_h[:-1] >= from_h

    def brought(change) -> np.ndarray:
        held = Space.of(facility).override(whole.scenario.settings, change)
        settings = np.where(late[:, None], held, whole.scenario.settings)
        changed = replace(whole, scenario=replace(whole.scenario, settings=settings))
        tally = play(changed, operating_points(changed, law), made, record=False).tally()
        return np.array([tally.failures, tally.user_h - tally.delivered_h, np.sum(tally.samples)], float)

    before = brought({})
    return [brought(change) - before for change in changes]


def learned_rows(facility: Facility, changes: list[dict[str, float]], seed: int) -> list[list[tuple]]:
    """For each change, the rows of ``_changes`` with a learned model, and those with the true law."""
    record = synthesize(facility, EARLIER_DAYS + DAYS, seed)
    whole = known(facility, EARLIER_DAYS + DAYS, seed)
    view = replay.window(LogView(record, facility), 24.0 * DAYS)
    true_law = hidden.plant_law(facility, seed)
    model = learned(facility, record, view.from_h, seed)
    conditions = replace(view, scenario=replace(view.scenario, conditions=_felt(view, facility, seed)))
    truths = true_changes(facility, whole, view.from_h, true_law, changes, seed)
    one = jax.tree.map(lambda a: np.asarray(a)[None], true_law)
    rows = []
    for change, truth_ in zip(changes, truths, strict=True):
        cases = (view, model.draws(jax.random.key(seed), LAWS), LAWS), (conditions, one, 1)
        for base, laws, count in cases:
            rows.append(_changes(base, change, laws, count, truth_, seed))
    return rows


def _changes(view: replay.Window, change, laws, count: int, true: np.ndarray, seed: int) -> list[tuple]:
    """(true change, mean, low, high) of each metric; NaN where the replay refuses, its draws used up."""
    try:
        seen = replay.counterfactual(
            view, replay.altered(view, change), laws, count, EACH // count, 1000 + seed
        )
    except UserError:
        return [(t, np.nan, np.nan, np.nan) for t in true]
    return [(t, *seen.change(m)) for t, m in zip(true, METRICS, strict=True)]


def _felt(view: replay.Window, facility: Facility, seed: int) -> np.ndarray:
    """What the hidden plant felt in the epochs of a window, drifts included."""
    edges = view.scenario.edges_h[:-1] + view.from_h
    return hidden.conditions(facility, (np.floor(edges / EPOCH_H + 1e-9) + 0.5) * EPOCH_H, seed)


def main_learned(logs: int = 8) -> None:
    """Print the table of learned models as Markdown: coverage of the change, its mean error and mean width."""
    print(
        f"{logs} logs, learned from {EARLIER_DAYS:g} days, {DAYS:g} days replayed, {LAWS} laws, {EACH} runs.\n"
    )
    print(f"| facility, change | model | {' | '.join(METRICS)} |\n|---|---|{'---|' * len(METRICS)}")
    for name in dict.fromkeys(name for name, _ in CHANGES):
        changes = [change for other, change in CHANGES if other == name]
        found = np.array([learned_rows(load(name), changes, seed) for seed in range(logs)])
        for i, change in enumerate(changes):
            told = ", ".join(f"{knob} = {value:g}" for knob, value in change.items())
            for j, model in enumerate(("learned", "the true law")):
                cells = [_cell(found[:, 2 * i + j, m]) for m in range(len(METRICS))]
                print(f"| {name}, {told} | {model} | {' | '.join(cells)} |", flush=True)


def _cell(rows: np.ndarray) -> str:
    """Of rows (truth, mean, low, high): the share covered, the mean truth, the mean error and the mean width."""
    refused = np.isnan(rows[:, 1])
    true, mean, low, high = rows[~refused].T
    hits = (low - 1e-6 <= true) & (true <= high + 1e-6)
    return (
        f"{share(hits.tolist())}; true {true.mean():+.1f}, error {np.mean(mean - true):+.1f}, "
        f"width {np.mean(high - low):.1f}{f' ({refused.sum()} refused)' if refused.any() else ''}"
    )


def main(logs: int = 24) -> None:
    """Print both tables as Markdown."""
    print(f"{logs} logs of {DAYS:g} days each, {EACH} runs a counterfactual.\n")
    print(f"| facility, change | model | {' | '.join(METRICS)} |\n|---|---|{'---|' * len(METRICS)}")
    for name, change in CHANGES:
        rows = [covered(load(name), change, seed) for seed in range(logs)]
        told = ", ".join(f"{knob} = {value:g}" for knob, value in change.items())
        for model in MODELS:
            cells = [share([row[model][m] for row in rows]) for m in range(len(METRICS))]
            print(f"| {name}, {told} | {model} | {' | '.join(cells)} |", flush=True)
    print(f"\n| facility | model | noticed in {DAYS:g} days | in {LONG_DAYS:g} days |\n|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in CHANGES):
        rows = [[noticed(load(name), days, seed) for seed in range(logs)] for days in (DAYS, LONG_DAYS)]
        for model in MODELS:
            cells = [share([row[model] for row in part]) for part in rows]
            print(f"| {name} | {model} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["learned"]:
        main_learned(*map(int, sys.argv[2:]))
    else:
        main(*map(int, sys.argv[1:]))

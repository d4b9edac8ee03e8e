"""Factual and counterfactual replay of a log through the twin, with the same random events.

The random inputs that a law recovers from the record (``random_inputs``) reproduce the record at the recorded
settings. With other settings, crews or modes (``otherwise``) they show what the same random events would have
caused. Random inputs beyond the end of the record are drawn, so a counterfactual has an interval.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from replay_data.fit import Fit, fits, untested
from replay_data.otherwise import Reach, altered, by_case, by_policy, reach
from replay_data.random_inputs import RandomInputs, operating_points, play, recover, same_random_events
from replay_data.residuals import Beside, Predict, Residual, beside, residual
from replay_data.window import Window, window
from twin import UserError
from twin.draws import Draws
from twin.outcome import Tally, metrics
from twin.plant import Law
from twin.reference import Run
from twin.tree import BEAMLINE

__all__ = [
    "Beside",
    "Counterfactual",
    "Factual",
    "Predict",
    "RandomInputs",
    "Reach",
    "Residual",
    "Window",
    "altered",
    "beside",
    "by_case",
    "by_policy",
    "counterfactual",
    "factual",
    "interval",
    "reach",
    "recover",
    "residual",
    "same_random_events",
    "window",
]


@dataclass(frozen=True)
class Factual:
    """The result of a factual replay, at the recorded settings and random inputs, next to the record."""

    tally: Tally
    failures: int  # recorded failures
    reproduced: int  # failures of the twin at the recorded hour, to 1e-6 h
    samples: np.ndarray  # [B] samples in the twin
    measured: np.ndarray  # [B] recorded samples
    outages: list[dict[str, Any]]
    fit: dict[str, Fit]  # of each failure mode with enough failures
    untested: dict[str, int]  # complete lives of each other failure mode
    at_h: np.ndarray  # [N] hours of the log
    done: np.ndarray  # [N, B] samples of the twin until each hour


def factual(view: Window, law: Law, seed: int = 0) -> Factual:
    """Replay the record at its own settings; a perfect twin reproduces every failure at its hour."""
    inputs = recover(view, law)
    run = play(view, operating_points(view, law), same_random_events(view, [inputs], 1, seed).run(0))
    tally = run.tally()
    in_twin = _failures(run)
    recorded = list(zip(view.faults["process"], view.faults["start_h"], strict=True))
    reproduced = sum(any(p == q and abs(t - u) < 1e-6 for q, u in in_twin) for p, t in recorded)
    return Factual(
        tally, len(recorded), reproduced, tally.samples, view.measured, _outages(view, run),
        fits(view, inputs), untested(view, inputs), *_counted(view, run, tally),
    )  # fmt: skip


def _counted(view: Window, run: Run, tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Hours of the log [N], and the samples [N, B] that a run had counted until then."""
    at_h = np.array([piece.at_h for piece in run.curve] + [view.scenario.horizon_h])
    return at_h + view.from_h, np.array([piece.done for piece in run.curve] + [tuple(tally.samples)])


def _failures(run: Run) -> list[tuple[int, float]]:
    return [(e.subject, e.at_h) for e in run.trace if e.kind == "fail"]


def _outages(view: Window, run: Run) -> list[dict[str, Any]]:
    """Machine faults of a run: process, start and end in hours of the log."""
    names, effect, rows = view.facility.process_names, view.plant.effect, {}
    for event in run.trace:
        if event.kind == "fail" and effect[event.subject] != BEAMLINE:
            row = {"process": names[event.subject], "start_h": event.at_h + view.from_h, "end_h": None}
            rows[event.subject, event.life] = row
        elif event.kind == "fixed" and effect[event.subject] != BEAMLINE:
            rows[event.subject, event.life]["end_h"] = event.at_h + view.from_h
    return list(rows.values())


class Counterfactual(NamedTuple):
    """The result of a counterfactual replay: R pairs of runs with the same random events."""

    before: dict[str, np.ndarray]  # metrics of the recorded settings, [R]
    after: dict[str, np.ndarray]  # of the other settings
    outages: list[dict[str, Any]]  # of one run, that of the first law

    def change(self, metric: str) -> tuple[float, float, float]:
        """The mean change of a metric, and its 90 % interval over the runs."""
        before, after = self.before[metric], self.after[metric]
        same = before == after  # also if both are infinite
        gain = np.where(same, 0.0, np.where(same, 0.0, after) - np.where(same, 0.0, before))
        return float(gain.mean()), *interval(gain)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 90 % prediction interval of one more run: quantiles p = 5 %, 95 % of R runs at rank p (R + 1)."""
    low, high = np.quantile(values, [0.05, 0.95], method="weibull")
    return float(low), float(high)


def counterfactual(
    view: Window, changed: Window, laws: Any, count: int, each: int, seed: int
) -> Counterfactual:
    """Run both windows on the random inputs recovered by ``count`` laws (leading axis), ``each`` runs per law."""
    one = [jax.tree.map(lambda a, i=i: a[i], laws) for i in range(count)]
    draws = same_random_events(view, [recover(view, law) for law in one], each, seed)
    plans = [operating_points(view, law) for law in one], [operating_points(changed, law) for law in one]
    # At the recorded settings all runs of one law equal the record, so one run is enough.
    before = _metrics(view, [(p, draws.run(i * each)) for i, p in enumerate(plans[0])])
    after = _metrics(changed, [(plans[1][r // each], draws.run(r)) for r in range(count * each)])
    run = play(changed, plans[1][0], draws.run(0))
    return Counterfactual({m: np.repeat(v, each) for m, v in before.items()}, after, _outages(changed, run))


def _metrics(view: Window, runs: list[tuple[list, Draws]]) -> dict[str, np.ndarray]:
    """The metrics of runs, each given by its operating points and draws."""
    tallies = [play(view, plan, draws, record=False).tally() for plan, draws in runs]
    tally = Tally(*(np.stack(field) for field in zip(*tallies, strict=True)))
    if tally.exhausted.any():
        raise UserError(
            f"replay: {int(tally.exhausted.sum())} of {len(tally.exhausted)} runs used more random inputs than were "
            "drawn: failures are far more frequent than in the record; choose settings nearer to the recorded ones"
        )
    return metrics(tally, view.plant) | {"lost_h": tally.user_h - tally.delivered_h}

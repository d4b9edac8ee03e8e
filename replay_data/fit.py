"""Goodness of fit of a hazard model: under the true model the recovered ageing budgets are unit-exponential.

The Kolmogorov-Smirnov test finds a wrong level or shape; the test against trend finds a hazard that changes
in time differently from the model. With many failure modes some p-values are small by chance: Holm's
correction keeps the probability of rejecting any true model at ``LEVEL``. A model learned from the replayed
log itself fits it better than chance allows, so the tests are less sensitive to its errors.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import stats

from replay_data.random_inputs import RandomInputs
from replay_data.window import Window

LEVEL = 0.05
FEWEST = 5


class Fit(NamedTuple):
    """The tests of one failure mode; p-values are corrected by Holm over all modes and both tests."""

    budgets: list[float]  # ageing budgets of the complete lives
    expected: float  # expected failures: the integrated hazard of these lives and the unfinished ones
    exponential: float  # p of the Kolmogorov-Smirnov test
    trend: float  # p of the test against trend
    drift: float  # normal score of that test: below 0 failures come early in the window, above 0 late

    @property
    def fails(self) -> bool:
        return min(self.exponential, self.trend) < LEVEL

    def verdict(self, mode: str) -> str:
        """The finding as a sentence."""
        if not self.fails:
            return f"hazard model of {mode} fits (p = {min(self.exponential, self.trend):.2g})"
        if self.exponential <= self.trend:
            many = f"{len(self.budgets)} failures where it expects {self.expected:.1f}"
            return f"hazard model of {mode} fails (p = {self.exponential:.2g}): {many}"
        where = "late" if self.drift > 0 else "early"
        return f"hazard model of {mode} fails (p = {self.trend:.2g}): its failures come too {where} in the window"


class _Lives(NamedTuple):
    """The lives of one process: the times from one repair to the next failure."""

    budgets: np.ndarray  # of complete lives, in order
    total: float  # integrated hazard of these and of the unfinished life


def fits(view: Window, inputs: RandomInputs) -> dict[str, Fit]:
    """The fit of each failure mode with at least ``FEWEST`` complete lives."""
    modes = {name: lives for name, lives in _modes(view, inputs).items() if len(_all(lives)) >= FEWEST}
    scores = {name: _trend(lives) for name, lives in modes.items()}
    p_values = [float(stats.kstest(_all(lives), "expon").pvalue) for lives in modes.values()]
    p_values += [2.0 * float(stats.norm.sf(abs(score))) for score in scores.values()]
    corrected = holm(p_values)
    n = len(modes)
    return {
        name: Fit(
            _all(lives).tolist(), sum(x.total for x in lives), corrected[i], corrected[n + i], scores[name]
        )
        for i, (name, lives) in enumerate(modes.items())
    }


def untested(view: Window, inputs: RandomInputs) -> dict[str, int]:
    """The number of complete lives of each failure mode that has too few of them for a test."""
    counts = {name: len(_all(lives)) for name, lives in _modes(view, inputs).items()}
    return {name: count for name, count in counts.items() if count < FEWEST}


def _modes(view: Window, inputs: RandomInputs) -> dict[str, list[_Lives]]:
    """The lives of the processes of each failure mode."""
    modes: dict[str, list[_Lives]] = {}
    for p, name in enumerate(view.facility.process_names):
        modes.setdefault(".".join(name.split(".")[:2]), []).append(_complete(view, inputs, p))
    return modes


def _complete(view: Window, inputs: RandomInputs, p: int) -> _Lives:
    """Lives recorded from their start: not those down at the window's start, nor a first one of unknown age."""
    ages = view.plant.shape[p] != 1.0 and view.from_h > 0
    budgets = inputs.budget[p][view.down.count(p) + ages :]
    unknown = ages and len(inputs.budget[p]) == view.down.count(p)
    return _Lives(budgets, 0.0 if unknown else float(budgets.sum() + inputs.spent[p]))


def _all(lives: Iterable[_Lives]) -> np.ndarray:
    return np.concatenate([x.budgets for x in lives])


def _trend(lives: Iterable[_Lives]) -> float:
    """Laplace's score: given their number, failures are uniform in integrated hazard."""
    share = np.concatenate([np.cumsum(x.budgets) / x.total for x in lives if len(x.budgets)])
    return float((share.mean() - 0.5) * np.sqrt(12.0 * len(share)))


def holm(p_values: list[float]) -> list[float]:
    """p-values corrected for their number (S. Holm, Scandinavian Journal of Statistics 6, 65, 1979)."""
    corrected, worst, count = [1.0] * len(p_values), 0.0, len(p_values)
    for rank, i in enumerate(np.argsort(p_values, kind="stable")):
        worst = max(worst, min(1.0, (count - rank) * p_values[i]))
        corrected[i] = worst
    return corrected

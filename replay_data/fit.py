"""Does a hazard model fit? Under the true one the recovered ageing budgets are unit-exponential.

Kolmogorov-Smirnov finds a wrong level or shape; the test against trend finds a hazard that rises or falls
in time otherwise than the model says. With many failure modes some p-values are small by chance: Holm's
correction keeps the chance of blaming any good model at ``LEVEL``. A model learned from the replayed log
itself fits it better than chance allows, so for such a model the tests are mild.
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
    """How the recovered budgets of one failure mode look; p-values are Holm's, over all modes and both tests."""

    budgets: list[float]  # of lives that were seen from birth to failure
    expected: (
        float  # failures that the law expects of the hazard spent by these lives and the unfinished ones
    )
    exponential: float  # p of the Kolmogorov-Smirnov test
    trend: float  # p of the test against trend
    drift: float  # its normal score: below 0 failures come early in the window, above 0 late

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
    budgets: np.ndarray  # of whole lives, in order
    total: float  # spent by them and by the unfinished one


def fits(view: Window, inputs: RandomInputs) -> dict[str, Fit]:
    """The fit of each failure mode with at least ``FEWEST`` whole lives."""
    modes = {name: lives for name, lives in _modes(view, inputs).items() if len(_all(lives)) >= FEWEST}
    scores = {name: _trend(lives) for name, lives in modes.items()}
    p_values = [float(stats.kstest(_all(lives), "expon").pvalue) for lives in modes.values()]
    p_values += [2.0 * float(stats.norm.sf(abs(score))) for score in scores.values()]
    held = holm(p_values)
    n = len(modes)
    return {
        name: Fit(_all(lives).tolist(), sum(x.total for x in lives), held[i], held[n + i], scores[name])
        for i, (name, lives) in enumerate(modes.items())
    }


def untested(view: Window, inputs: RandomInputs) -> dict[str, int]:
    """The whole lives of each failure mode that has too few of them to be tested."""
    counts = {name: len(_all(lives)) for name, lives in _modes(view, inputs).items()}
    return {name: count for name, count in counts.items() if count < FEWEST}


def _modes(view: Window, inputs: RandomInputs) -> dict[str, list[_Lives]]:
    """The lives of the processes of each failure mode."""
    modes: dict[str, list[_Lives]] = {}
    for p, name in enumerate(view.facility.process_names):
        modes.setdefault(".".join(name.split(".")[:2]), []).append(_whole(view, inputs, p))
    return modes


def _whole(view: Window, inputs: RandomInputs, p: int) -> _Lives:
    """Lives seen from birth: not those down at the start, nor the first one where age matters and is unknown."""
    ages = view.plant.shape[p] != 1.0 and view.from_h > 0
    budgets = inputs.budget[p][view.down.count(p) + ages :]
    unseen = ages and len(inputs.budget[p]) == view.down.count(p)
    return _Lives(budgets, 0.0 if unseen else float(budgets.sum() + inputs.spent[p]))


def _all(lives: Iterable[_Lives]) -> np.ndarray:
    return np.concatenate([x.budgets for x in lives])


def _trend(lives: Iterable[_Lives]) -> float:
    """Laplace's score: in own time, failures given their number are uniform in what was spent altogether."""
    share = np.concatenate([np.cumsum(x.budgets) / x.total for x in lives if len(x.budgets)])
    return float((share.mean() - 0.5) * np.sqrt(12.0 * len(share)))


def holm(p_values: list[float]) -> list[float]:
    """p-values corrected for their number (S. Holm, Scandinavian Journal of Statistics 6, 65, 1979)."""
    held, worst, count = [1.0] * len(p_values), 0.0, len(p_values)
    for rank, i in enumerate(np.argsort(p_values, kind="stable")):
        worst = max(worst, min(1.0, (count - rank) * p_values[i]))
        held[i] = worst
    return held

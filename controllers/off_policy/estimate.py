"""Off-policy evaluation: the gain of a candidate policy over the operators from their log, or "cannot tell".

Three estimates: *weighted* (self-normalised importance weights), *direct* (a regression on settings and conditions) and
*doubly robust* (the direct estimate, corrected by the weighted cross-fitted errors). The last is consistent if either
the weights or the regression are correct. Intervals come from the block jackknife, which leaves out one stretch of time
after another and repeats the whole estimate (H. R. Kuensch, Annals of Statistics 17, 1217, 1989: values of neighbouring
times may be correlated), with Student's t for the effective number of stretches.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from controllers.off_policy import behaviour, direct
from controllers.off_policy.epochs import Epochs
from twin import Facility

ESTIMATES = ("weighted", "direct", "doubly robust")
BLOCKS, SHORTEST = 16, 5  # stretches of time at most, and epochs of each at least
LEVEL = 0.95  # one-sided confidence of both ends of the interval
SURE = 0.99  # one-sided confidence of a gain above zero that the verdict "better" needs
FEWEST, PIECES = 10.0, 3.0  # effective epochs and stretches, at least; assumed
CLIPPED = 0.25  # clipped share of the weight, at most
OFF = 0.5  # distance of a weighted mean from the candidate's, at most, in operators' spreads
BROKEN = 0.05  # share of time beyond a bound that breaks a promise; up to half of it counts as kept
CARRIED = 0.01  # p-value below which settings of the epoch before count as still relevant


class Gain(NamedTuple):
    """Gain over the operators [% of the reference] with its 90 % interval; ``least``: one-sided 99 % lower bound."""

    mean: float
    low: float
    high: float
    least: float


class Promise(NamedTuple):
    """Expected share of epochs in which a promised quantity lies beyond its bounds."""

    name: str
    before: float  # under the operators; nan with too few measurements
    after: float  # under the candidate

    @property
    def broken(self) -> bool:
        """Whether the candidate would break the promise, and more often than the operators."""
        return self.after > max(BROKEN, self.before)

    @property
    def kept(self) -> bool:
        """Whether the candidate would surely keep the promise as well as the operators."""
        return self.after <= max(BROKEN / 2, self.before)


class Evaluation(NamedTuple):
    """The off-policy evaluation of one candidate."""

    verdict: str  # "better", "worse" or "cannot tell"
    why: str
    present: float  # mean outcome of the operators, %
    gains: dict[str, Gain]  # weighted, direct, doubly robust; empty where a needed knob was never moved
    epochs: int
    effective: float  # effective number of epochs of the weighted log
    pieces: float  # effective number of stretches of time
    clipped: float  # share of the weight that was cut off
    off: float  # largest distance of a knob's weighted mean from the candidate's, in operators' spreads
    carried: float  # p-value of no effect of the settings of the epoch before
    promises: list[Promise]


class Bound(NamedTuple):
    """Promised bounds of the quantity in column ``q``."""

    name: str
    q: int
    low: float
    high: float


def bounds(facility: Facility) -> list[Bound]:
    """The bounds of the promised quantities of a facility."""
    return [
        Bound(row.name, q, -np.inf if row.low is None else row.low, np.inf if row.high is None else row.high)
        for q, row in enumerate(facility.quantity)
        if row.low is not None or row.high is not None
    ]


def evaluate(
    log: Epochs, proposed: np.ndarray, names: Sequence[str], bounds: Sequence[Bound] = ()
) -> Evaluation:
    """The evaluation of a candidate that chooses ``proposed`` [R, N, K] (R equally likely draws) in each epoch.

    The gain is a mean over the epochs of the log under their own conditions, weighted by user time. ``names`` [K] are
    those of the knobs.
    """
    center, spread = direct.scaled(log.settings, log.weight)
    moved = spread > 1e-6 * np.maximum(np.abs(center), 1e-12)
    untried = ~moved & (np.abs(proposed - center) > 1e-6 * np.maximum(np.abs(center), 1e-12)).any((0, 1))
    present = float(np.average(log.outcome, weights=log.weight))
    if untried.any():
        why = f"operators never moved {', '.join(n for n, u in zip(names, untried, strict=True) if u)}"
        return Evaluation("cannot tell", why, present, {}, len(log.hour), 0.0, 0.0, 1.0, np.inf, 1.0, [])
    context, scale = direct.scaled(log.conditions, log.weight)
    case = _Case(
        (log.settings - center)[:, moved] / spread[moved],
        (log.conditions - context) / scale,
        (proposed - center)[..., moved] / spread[moved],
        log.outcome,
        log.weight,
        np.arange(len(log.hour)) * min(BLOCKS, len(log.hour) // SHORTEST) // len(log.hour),
    )
    return _evaluated(case, present, [_promise(case, log.quantities[:, b.q], b) for b in bounds])


class _Case(NamedTuple):
    """A log and a candidate in units of the operators' spread."""

    settings: np.ndarray
    context: np.ndarray
    proposed: np.ndarray
    outcome: np.ndarray
    weight: np.ndarray
    block: np.ndarray

    def terms(self) -> tuple[np.ndarray, np.ndarray]:
        """Scaled terms of the log [N, 1 + F] and of the candidate [R, N, 1 + F]."""
        x = direct.terms(self.settings, self.context)
        new = direct.terms(
            self.proposed, np.broadcast_to(self.context, (len(self.proposed), *self.context.shape))
        )
        center, spread = direct.scaled(x, self.weight)
        return tuple(
            np.concatenate([np.ones((*z.shape[:-1], 1)), (z - center) / spread], -1) for z in (x, new)
        )  # type: ignore[return-value]

    def weights(self, kept) -> behaviour.Weights:
        return behaviour.weights(
            self.settings[kept], self.context[kept], self.weight[kept], self.proposed[:, kept]
        )


def _evaluated(case: _Case, present: float, promises: list[Promise]) -> Evaluation:
    x, new = case.terms()
    sums = direct.sums_of(x, case.outcome, case.weight, case.block)
    mean_terms, blocks = new.mean(0), int(case.block.max()) + 1
    whole, clipping = _estimates(case, sums, x, mean_terms, ())
    parts = np.array([_estimates(case, sums, x, mean_terms, (g,))[0] for g in range(blocks)])
    errors = np.sqrt((blocks - 1.0) / blocks * ((parts - parts.mean(0)) ** 2).sum(0))
    own = case.weights(slice(None))
    total = case.weight * own.each
    pieces = behaviour.effective(np.bincount(case.block, total))
    gains = {
        name: _gain(mean, sd, shift, pieces)
        for name, mean, sd, shift in zip(ESTIMATES, whole, errors, clipping, strict=True)
    }
    count = behaviour.effective(total)
    found = Evaluation(
        "", "", present, gains, len(case.outcome), count, pieces, own.clipped, own.off,
        _carried(case, sums, x), promises,
    )  # fmt: skip
    verdict, why = _verdict(found)
    return found._replace(verdict=verdict, why=why)


def _carried(case: _Case, sums: direct.Sums, x) -> float:
    left = case.outcome - direct.crossed(sums, x, case.block)
    return direct.carried(left, np.diff(case.settings, axis=0, prepend=case.settings[:1]), case.weight)


def _estimates(
    case: _Case, sums: direct.Sums, x, mean_terms, left_out: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The three gains [3] without the blocks ``left_out``, and how much clipping of the weights changed each."""
    kept = ~np.isin(case.block, left_out)
    weight, outcome = case.weight[kept], case.outcome[kept]
    own = direct.crossed(sums, x, case.block, left_out)[kept]
    new = direct.crossed(sums, mean_terms, case.block, left_out)[kept]
    weights, error = case.weights(kept), outcome - own

    def mean(values) -> float:
        return float(np.average(values, weights=weight))

    def gains(each) -> np.ndarray:
        change = mean(new - own)
        return np.array([mean((each - 1.0) * outcome), change, change + mean((each - 1.0) * error)])

    return gains(weights.each), np.abs(gains(weights.whole) - gains(weights.each))


def _gain(mean: float, error: float, bias: float, pieces: float) -> Gain:
    half, sure = (float(stats.t.ppf(p, max(pieces - 1.0, 1.0))) * error + bias for p in (LEVEL, SURE))
    return Gain(float(mean), mean - half, mean + half, mean - sure)


def _promise(case: _Case, quantity: np.ndarray, bound: Bound) -> Promise:
    known = np.isfinite(quantity)
    if len(np.unique(case.block[known])) < PIECES:
        return Promise(bound.name, np.nan, np.nan)
    low, high = bound.low, bound.high
    before = float(np.average((quantity[known] < low) | (quantity[known] > high), weights=case.weight[known]))
    x, new = case.terms()
    after = direct.beyond(
        x[known], quantity[known], case.weight[known], case.block[known], new[:, known], low, high
    )
    return Promise(bound.name, before, after)


def _verdict(found: Evaluation) -> tuple[str, str]:
    gain = found.gains["doubly robust"]
    broken = [p for p in found.promises if p.broken]
    if broken:
        shares = ", ".join(f"{p.name} in {100 * p.after:.0f} % of the time" for p in broken)
        return "worse", f"it would break what is promised: {shares}"
    if lacks := lacking(found):
        return "cannot tell", lacks
    if gain.high < 0:
        return "worse", "the whole interval lies below zero"
    if gain.low <= 0:
        return "cannot tell", "zero lies within the 90 % interval of the gain"
    if gain.least <= 0:
        return "cannot tell", f"the gain is above zero with less than {100 * SURE:.0f} % confidence"
    if unsure := [p.name for p in found.promises if not p.kept]:
        return "cannot tell", f"{', '.join(unsure)} may lie beyond its bound, or was hardly measured"
    return "better", f"a gain is {100 * SURE:.0f} % sure"


def lacking(found: Evaluation) -> str:
    """Why the log cannot support a verdict on the candidate; empty if it can."""
    if found.effective < FEWEST or found.pieces < PIECES:
        return (
            f"operators hardly ever chose so: the log counts as {found.effective:.1f} epochs in {found.pieces:.1f} "
            f"stretches of time ({FEWEST:g} and {PIECES:g} are needed)"
        )
    if found.clipped > CLIPPED or found.off > OFF:
        return (
            f"the weighted log does not represent this policy: {100 * found.clipped:.0f} % of the weight was cut off "
            f"(at most {100 * CLIPPED:.0f} %), and the mean of a knob is {found.off:.2f} operators' spreads away "
            f"(at most {OFF:g})"
        )
    if found.carried < CARRIED:
        return f"the settings of the epoch before still matter (p = {found.carried:.1g}); take longer epochs"
    return ""

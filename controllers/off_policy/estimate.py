"""What another policy would have brought, told from a log alone: its gain over the operators, or "cannot tell".

Three estimates: *weighted* (self-normalised importance weights: epochs in which operators happened to choose as the
candidate would), *direct* (a regression on settings and conditions), and *doubly robust* (the direct one, corrected by
the weighted errors of epochs that it had not seen): right if either the weights or the regression are.
Intervals come from leaving out stretches of time one by one, with everything estimated anew (H. R. Kuensch,
Annals of Statistics 17, 1217, 1989: neighbours in time may be alike), and from Student's t for as many stretches as
the weights really rest on.
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
LEVEL = 0.95  # one-sided, of both ends of the interval
SURE = 0.99  # one-sided, that the gain is above zero, before a policy is called better
FEWEST, PIECES = 10.0, 3.0  # effective epochs and stretches; assumed
CLIPPED = 0.25  # share of the weight
OFF = 0.5  # of a knob's spread among operators
BROKEN = 0.05  # share of the time in which a promised quantity may lie beyond its bound; half of it is sure to be kept
CARRIED = 0.01  # p below which what was set before still matters


class Gain(NamedTuple):
    """Expected outcome minus the operators', % of the reference, with its 90 % interval and the least for sure."""

    mean: float
    low: float
    high: float
    least: float


class Promise(NamedTuple):
    """A quantity with its bounds: the expected share of epochs beyond them."""

    name: str
    before: float  # of the operators; nan where it was hardly measured
    after: float  # of the candidate

    @property
    def broken(self) -> bool:
        return self.after > max(BROKEN, self.before)

    @property
    def kept(self) -> bool:
        return self.after <= max(BROKEN / 2, self.before)


class Evaluation(NamedTuple):
    """What the log tells of one candidate."""

    verdict: str  # "better", "worse" or "cannot tell"
    why: str
    present: float  # mean outcome of the operators
    gains: dict[str, Gain]  # weighted, direct, doubly robust; none where knobs were never moved
    epochs: int
    effective: float  # epochs that tell as much as the weighted ones
    pieces: float  # stretches of time that do
    clipped: float  # share of the weight that was cut off
    off: float  # how far the weighted mean of a knob stays from the candidate's, in the operators' spread
    carried: float  # p that what was set the epoch before does not matter
    promises: list[Promise]


class Bound(NamedTuple):
    """Promised bounds of the quantity in column ``q``."""

    name: str
    q: int
    low: float
    high: float


def bounds(facility: Facility) -> list[Bound]:
    """The quantities that a facility promises."""
    return [
        Bound(row.name, q, -np.inf if row.low is None else row.low, np.inf if row.high is None else row.high)
        for q, row in enumerate(facility.quantity)
        if row.low is not None or row.high is not None
    ]


def evaluate(
    log: Epochs, proposed: np.ndarray, names: Sequence[str], bounds: Sequence[Bound] = ()
) -> Evaluation:
    """The gain of a candidate that would have chosen ``proposed`` [R, N, K] (R equally likely draws) in each epoch.

    The gain is that of the mean over the log's own epochs, each weighing as its users' time, under their conditions.
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
    return _judged(case, present, [_promise(case, log.quantities[:, b.q], b) for b in bounds])


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


def _judged(case: _Case, present: float, promises: list[Promise]) -> Evaluation:
    x, new = case.terms()
    sums = direct.sums_of(x, case.outcome, case.weight, case.block)
    told, blocks = new.mean(0), int(case.block.max()) + 1
    whole, clipping = _estimates(case, sums, x, told, ())
    parts = np.array([_estimates(case, sums, x, told, (g,))[0] for g in range(blocks)])
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
    case: _Case, sums: direct.Sums, x, told, left_out: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The three gains [3] without some blocks, and by how much clipping the weights has changed each."""
    kept = ~np.isin(case.block, left_out)
    weight, outcome = case.weight[kept], case.outcome[kept]
    own = direct.crossed(sums, x, case.block, left_out)[kept]
    new = direct.crossed(sums, told, case.block, left_out)[kept]
    more, left = case.weights(kept), outcome - own

    def mean(values) -> float:
        return float(np.average(values, weights=weight))

    def gains(each) -> np.ndarray:
        change = mean(new - own)
        return np.array([mean((each - 1.0) * outcome), change, change + mean((each - 1.0) * left)])

    return gains(more.each), np.abs(gains(more.whole) - gains(more.each))


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
        told = ", ".join(f"{p.name} in {100 * p.after:.0f} % of the time" for p in broken)
        return "worse", f"it would break what is promised: {told}"
    if lacks := lacking(found):
        return "cannot tell", lacks
    if gain.high < 0:
        return "worse", "the whole interval lies below zero"
    if gain.low <= 0:
        return "cannot tell", "zero lies within the interval"
    if gain.least <= 0:
        return "cannot tell", f"a gain is not yet {100 * SURE:.0f} % sure"
    if unsure := [p.name for p in found.promises if not p.kept]:
        return "cannot tell", f"{', '.join(unsure)} may come beyond the bound, or was hardly measured"
    return "better", f"a gain is {100 * SURE:.0f} % sure"


def lacking(found: Evaluation) -> str:
    """What the log lacks to tell anything of the candidate; empty where nothing."""
    if found.effective < FEWEST or found.pieces < PIECES:
        return (
            f"operators hardly ever chose so: as good as {found.effective:.1f} epochs in {found.pieces:.1f} stretches "
            f"of time ({FEWEST:g} and {PIECES:g} are needed)"
        )
    if found.clipped > CLIPPED or found.off > OFF:
        return (
            f"what operators chose cannot be weighted into this policy: {100 * found.clipped:.0f} % of the weight was "
            f"cut off, a knob's mean stays {found.off:.2f} of its spread away"
        )
    if found.carried < CARRIED:
        return f"what was set the epoch before still matters (p = {found.carried:.1g}); take longer epochs"
    return ""

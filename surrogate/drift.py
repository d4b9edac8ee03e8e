"""A sequential test for a change of the errors, with a bounded false-alarm probability at any length."""

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

LONGEST_H, FEWEST_ROWS = 24.0, 6
MOST_UNITS = 500
FEWEST_UNITS, FEWEST_MEMORIES = 50, 3.0

GAINS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
TAIL = 8.0
"""Degrees of freedom of the errors under the model: heavy tails, so that one outlier raises no alarm."""

BETS = ((0, 3), (0, 10), (1, 1), (-1, 1), (3, 1), (-3, 1), (6, 1), (-6, 1), (12, 1), (-12, 1))
"""(shift, width) in standard deviations; a shift below half of the least is a normal model error."""

EASE = 50
LARGEST = 1e100  # cap of the evidence, so that it stays finite


class Units(NamedTuple):
    """S pieces of time in order, each with constant settings or made of short stretches."""

    time_h: np.ndarray  # [S] median of its rows
    score: np.ndarray  # [S, Q] median of its rows, NaN where nothing was measured
    row: np.ndarray  # [N] the piece each row belongs to


def units(time_h, score, group) -> Units:
    """Pieces of rows: times [N], values [N, Q], stretches of settings [N].

    Errors within a stretch are correlated, so a stretch is one piece of evidence, however many rows it has. A
    stretch longer than LONGEST_H is cut into days; short ones are joined until they have FEWEST_ROWS.
    """
    first = np.r_[True, np.diff(group) != 0]
    began = np.asarray(time_h)[np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))]
    day = np.floor((time_h - began) / LONGEST_H)
    start = np.flatnonzero(first | np.r_[True, np.diff(day) != 0]) if len(first) else np.zeros(0, int)
    kept: list[int] = []
    for row in start.tolist():
        if not kept or row - kept[-1] >= FEWEST_ROWS:
            kept.append(row)
    place = np.searchsorted(kept, np.arange(len(first)), side="right") - 1
    return Units(medians(np.asarray(time_h)[:, None], place)[:, 0], medians(score, place), place)


def medians(value, place) -> np.ndarray:
    """Medians [S, Q] of values [N, Q] without NaN, for each of S pieces (``place`` [N], rising)."""
    pieces = int(place[-1]) + 1 if len(place) else 0
    found = np.full((pieces, np.shape(value)[1]), np.nan)
    first = np.searchsorted(place, np.arange(pieces))
    for q, column in enumerate(np.asarray(value).T):
        ordered = column[np.lexsort((column, place))]  # NaN last
        count = np.bincount(place[np.isfinite(column)], minlength=pieces)
        some, start = count > 0, first[count > 0]
        low, high = ordered[start + (count[some] - 1) // 2], ordered[start + count[some] // 2]
        found[some, q] = (low + high) / 2.0
    return found


def reference(names: list[str], past: Units) -> dict:
    """Reference errors for later tests, as plain values for the card: the last MOST_UNITS pieces."""
    late = past.score[-MOST_UNITS:]
    return {name: [round(float(v), 4) for v in late[:, q] if np.isfinite(v)] for q, name in enumerate(names)}


class Memory(NamedTuple):
    """Autocorrelation of errors: the forecast of the next one is ``share`` times the smoothed past errors.

    The smoothed value is exponentially weighted: each error has the weight 1 - gain of the one after it.
    """

    share: float  # 0 ... 1
    gain: float  # 0 ... 1
    scale: float  # standard deviation of the innovations, plus one standard error of it

    @property
    def nonstationary(self) -> bool:
        """Whether errors may be a random walk, so that only sudden changes can be detected."""
        return self.share >= 1.0


def smoothed(score, gain: float) -> np.ndarray:
    """Exponentially weighted means [S] of scores [S], each including the score at its place."""
    return lfilter([gain], [1.0, gain - 1.0], score, zi=[(1.0 - gain) * score[0]])[0] if len(score) else score


def memory(past) -> Memory:
    """The autocorrelation of scores [S] by least squares, corrected for short records (M. G. Kendall, 1954).

    The share is 1 where the record is shorter than FEWEST_MEMORIES correlation times: the next errors could
    then have any level.
    """
    n, now = len(past) - 1, past[1:]
    tried = []
    for gain in GAINS:
        level = smoothed(past, gain)[:-1]
        share = float(level @ now / max(level @ level, 1e-300))
        tried.append((float(((now - share * level) ** 2).sum()), gain, share))
    _, gain, share = min(tried)
    share = float(np.clip(share + (1.0 + 3.0 * max(share, 0.0)) / n, 0.0, 1.0))
    share = share if n * (1.0 - share) >= FEWEST_MEMORIES * (1.0 + share) else 1.0
    left = now - share * smoothed(past, gain)[:-1]
    return Memory(share, gain, max(float(np.sqrt((left**2).mean())), 1e-12) * (1.0 + 2.0 * n**-0.5))


def innovations(past, new) -> np.ndarray:
    """Innovations of new errors [T] given past ones [S], in standard deviations: error minus forecast.

    Slow drift correlates neighbours. A test that took each error as independent would raise false alarms.
    """
    known, whole = memory(past), np.concatenate([past, new])
    return ((whole[1:] - known.share * smoothed(whole, known.gain)[:-1]) / known.scale)[len(past) - 1 :]


def wealth(left) -> np.ndarray:
    """Wealth of a bet against the model after each of T innovations, starting at 1: a martingale under the model.

    The model is Student's t with TAIL degrees of freedom. The alternatives in BETS are shifted or wider, and
    each bet grows by its likelihood ratio. In piece t the share 1 / (EASE + t) of the wealth not yet staked is
    staked evenly on all bets, because the time of a change is unknown. Under the model, the wealth ever
    reaches c with probability 1 / c at most (J. Ville, 1939), for any length of the record.
    """
    tail = -(TAIL + 1) / 2
    shift, width = np.array(BETS).T[:, :, None]
    gain = ((1 + ((left - shift) / width) ** 2 / TAIL) / (1 + left**2 / TAIL)) ** tail / width
    kept, staked, path = 1.0, np.zeros(len(BETS)), []
    for t, gained in enumerate(gain.T):
        share = kept / (EASE + t)
        kept, staked = kept - share, np.minimum((staked + share / len(BETS)) * gained, LARGEST)
        path.append(kept + staked.sum())
    return np.array(path)


def evidence(past, new) -> np.ndarray | None:
    """``wealth`` after each new error [T] given past ones [S]; None with fewer than FEWEST_UNITS past ones."""
    if len(past) < FEWEST_UNITS:
        return None
    return wealth(innovations(np.asarray(past, float), np.asarray(new, float)))

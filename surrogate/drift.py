"""Whether new errors are like the old ones: a sequential test whose false alarms are bounded at any length."""

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

LONGEST_H, FEWEST_ROWS = 24.0, 6
MOST_UNITS = 500
FEWEST_UNITS, FEWEST_MEMORIES = 50, 3.0

GAINS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
TAIL = 8.0
"""Degrees of freedom of the errors that the model may make: heavy tails, so that one outlier is no alarm."""

BETS = ((0, 3), (0, 10), (1, 1), (-1, 1), (3, 1), (-3, 1), (6, 1), (-6, 1), (12, 1), (-12, 1))
"""(shift, width) in standard deviations; a shift below half of the least is within what a model may err."""

EASE = 50
LARGEST = 1e100  # evidence: enough, and it stays finite


class Units(NamedTuple):
    """S pieces of time in each of which settings stood still (or that are short), in order."""

    time_h: np.ndarray  # [S] median of its rows
    score: np.ndarray  # [S, Q] median of its rows, NaN where nothing was measured
    row: np.ndarray  # [N] the piece each row belongs to


def units(time_h, score, group) -> Units:
    """Pieces of rows: times [N], values [N, Q], stretches of settings [N].

    Rows of one stretch err alike, so a stretch is one piece of evidence, however many rows it has. One longer
    than LONGEST_H is cut, day by day; short ones are joined to FEWEST_ROWS.
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
    """Medians [S, Q] of values [N, Q], NaN left out, of each of S pieces (``place`` [N], rising)."""
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
    """What later errors are held against, as plain values for the card: the last MOST_UNITS pieces."""
    late = past.score[-MOST_UNITS:]
    return {name: [round(float(v), 4) for v in late[:, q] if np.isfinite(v)] for q, name in enumerate(names)}


class Memory(NamedTuple):
    """What of the next error the past ones foretell: share * (their mean, each weighing 1 - gain of the one after)."""

    share: float  # 0 ... 1
    gain: float  # 0 ... 1
    scale: float  # of what is left, a standard deviation and one standard error of it

    @property
    def wanders(self) -> bool:
        """Whether errors may wander without end, so that only what comes suddenly can be told from that."""
        return self.share >= 1.0


def smoothed(score, gain: float) -> np.ndarray:
    """Exponentially weighted means [S] of what came up to and with each of scores [S]."""
    return lfilter([gain], [1.0, gain - 1.0], score, zi=[(1.0 - gain) * score[0]])[0] if len(score) else score


def memory(past) -> Memory:
    """The memory of scores [S], by least squares; a short record understates it (M. G. Kendall, 1954).

    Errors that stay alike for so long that the record holds fewer than FEWEST_MEMORIES of that time could
    have any level next: their share is 1.
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


def surprise(past, new) -> np.ndarray:
    """What the past ones [S] did not foretell of new errors [T], in its own standard deviations.

    Slow drift gives neighbours an error in common, and a test that took each for new evidence would cry wolf.
    """
    known, whole = memory(past), np.concatenate([past, new])
    return ((whole[1:] - known.share * smoothed(whole, known.gain)[:-1]) / known.scale)[len(past) - 1 :]


def wealth(left) -> np.ndarray:
    """What betting against the model has made of 1 after each of T surprises: a martingale while it holds.

    The model says Student's t with TAIL degrees of freedom; the bets in BETS say shifted or wider, and each gains its
    likelihood ratio. Of what is not staked yet, the share 1 / (EASE + t) is staked in piece t, evenly on all bets,
    since nobody knows when a change will come. While the model holds, the wealth ever reaches c with
    probability 1 / c at most (J. Ville, 1939), however long one goes on looking.
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
    """``wealth`` after each new error [T] given past ones [S]; None where the past is too short to tell."""
    if len(past) < FEWEST_UNITS:
        return None
    return wealth(surprise(np.asarray(past, float), np.asarray(new, float)))

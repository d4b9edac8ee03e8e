"""A sequential test of promised gains over many outcomes, valid under any stopping rule.

The evidence against a hypothesis is a wealth (test martingale) that starts at 1. For errors z with a symmetric
distribution, whatever its width and tails, exp(l z - l**2 z**2 / 2) has a mean of at most 1 (V. H. de la Pena, 1999);
this also holds where results are better than promised. The product over outcomes, averaged over stakes l, reaches 20 at
any time with a probability of at most 5 % while the hypothesis is true (J. Ville, 1939), whatever the stopping rule.
"""

from typing import NamedTuple

import numpy as np

from twin.types import Json

LEVEL = 0.05  # of the test; a verdict needs evidence of 1 / LEVEL
STAKES = np.array([0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5])
GRID = 801  # means that are tested for the confidence sequence


class Answer(NamedTuple):
    """The result over all outcomes that have ended; differences in % useful beam."""

    outcomes: int
    less: float  # evidence that realised gains are below the promised ones
    more: float  # evidence that they are above
    gains: float  # evidence that there is a gain at all
    mean: float  # realised minus promised gain
    low: float | None  # its 95 % confidence sequence, valid at every evaluation; None: unbounded so far
    high: float | None
    verdict: str  # "broken", "kept", "more" or "cannot tell yet"
    words: str


def evidence(z) -> np.ndarray:
    """Evidence [..., N] after each standardised error [..., N] against "their mean is zero or more"."""
    log_factor = -STAKES[:, None] * np.asarray(z, float)[..., None, :]
    return np.exp(np.cumsum(log_factor - log_factor**2 / 2.0, axis=-1)).mean(-2)


def answer(outcomes: list[Json]) -> Answer:
    """The verdict over the outcomes (``outcomes.follow``) that have ended, in order of time, one per decision.

    Outcomes that compare the time before with the time after are left out, since other changes would count as gains.

    Each error has as weight the square root of the share of the horizon for which the settings were held. An outcome
    that ended early is a stopped sum; with this weight an operator who stops when results are bad does not bias the
    test.
    """
    rows = [row for row in outcomes if row["ended"] and (row["realised"] or {}).get("how") == "forecast"]
    if not rows:
        return Answer(0, 1.0, 1.0, 1.0, 0.0, None, None, "cannot tell yet", "No outcome has ended yet.")
    gain, gain_error, promise, promise_error, share = np.array([_numbers(row) for row in rows]).T
    difference, error = gain - promise, np.hypot(gain_error, promise_error)
    weight = np.sqrt(share) / error
    less, more = (float(evidence(sign * difference * weight).max()) for sign in (1.0, -1.0))
    gains = float(evidence(-gain * np.sqrt(share) / gain_error).max())
    low, high = _sequence(difference, weight)
    mean = float(np.average(difference, weights=weight**2))
    verdict = _verdict(less, more, low, high)
    words = _words(verdict, len(rows), mean, low, high, less, gains)
    return Answer(len(rows), less, more, gains, mean, low, high, verdict, words)


def _numbers(row: Json) -> tuple[float, ...]:
    """Realised gain, its standard error, promised gain, its standard error, share of the horizon."""
    real, promised, held = row["realised"], row["promised"], row["adopted"]["hours"]
    error = (promised["high"] - promised["low"]) / (2 * 1.645)
    return real["mean"], real["error"], promised["mean"], error, min(held / promised["horizon_h"], 1.0)


def _sequence(difference: np.ndarray, weight: np.ndarray) -> tuple[float | None, float | None]:
    """The 95 % confidence sequence: the means that no evaluation so far has rejected."""
    width = 10.0 / weight
    tried = np.linspace((difference - width).min(), (difference + width).max(), GRID)
    z = (difference - tried[:, None]) * weight
    against = ((evidence(z) + evidence(-z)) / 2.0).max(-1)
    kept = np.flatnonzero(against < 1.0 / LEVEL)
    if not len(kept):  # no common mean explains the outcomes
        return None, None
    low = float(tried[kept[0]]) if kept[0] > 0 else None
    return low, float(tried[kept[-1]]) if kept[-1] < GRID - 1 else None


def _verdict(less: float, more: float, low: float | None, high: float | None) -> str:
    if less >= 1.0 / LEVEL:
        return "broken"
    if more >= 1.0 / LEVEL:
        return "more"
    return "cannot tell yet" if low is None or high is None else "kept"


def _words(verdict: str, n: int, mean: float, low, high, less: float, gains: float) -> str:
    result = {
        "broken": "The recommendations bring less than they promise",
        "more": "The recommendations bring more than they promise",
        "kept": "The outcomes agree with the promised gains",
        "cannot tell yet": "Whether the promised gains are kept cannot be told yet",
    }[verdict]
    ends = ["...", "..."] if low is None and high is None else [
        "..." if end is None else f"{end:+.2f}" for end in (low, high)
    ]  # fmt: skip
    span = "" if low is None and high is None else f" (95 % confidence sequence {ends[0]} ... {ends[1]})"
    needed = f"{1.0 / LEVEL:.0f} needed"
    shown = "shown" if gains >= 1.0 / LEVEL else "not shown yet"
    return (
        f"{result}: realised minus promised gain over {n} outcome{'s' if n != 1 else ''} is {mean:+.2f} % useful beam"
        f"{span}. Evidence against the promises: {less:.2g} ({needed}). That there is a gain at all is {shown}: "
        f"evidence {gains:.2g} ({needed})."
    )

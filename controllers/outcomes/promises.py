"""Do recommendations keep their promise? A sequential test over many outcomes, valid however long one goes on looking.

Evidence is a wealth that starts at 1 and is staked against a claim. Of errors that are as likely up as down, whatever
their spread and tails, exp(l z - l**2 z**2 / 2) is at most 1 on average (V. H. de la Pena, 1999), and stays so
where they are better than claimed. Products of it over outcomes, averaged over stakes l, ever reach 20 with a
probability of at most 5 % while the claim holds (J. Ville, 1939), whatever the rule by which one stops.
"""

from typing import NamedTuple

import numpy as np

from twin.types import Json

LEVEL = 0.05
STAKES = np.array([0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5])
GRID = 801


class Answer(NamedTuple):
    """What all outcomes that have ended say together; differences in % useful beam."""

    outcomes: int
    less: float  # evidence that promises are not kept
    more: float  # evidence that more comes than is promised
    gains: float  # evidence that there is a gain at all
    mean: float  # realised minus promised
    low: float | None  # of its mean, with 95 % at every look at once; None: not told yet
    high: float | None
    verdict: str  # "broken", "kept", "more" or "cannot tell yet"
    words: str


def evidence(z) -> np.ndarray:
    """Wealth [..., N] after each standardised error [..., N], staked against "their mean is zero or more"."""
    staked = -STAKES[:, None] * np.asarray(z, float)[..., None, :]
    return np.exp(np.cumsum(staked - staked**2 / 2.0, axis=-1)).mean(-2)


def answer(outcomes: list[Json]) -> Answer:
    """The verdict over the outcomes (``outcomes.follow``) that have ended, in their order, each decision once.

    Comparisons with the time before are left out: whatever else changed would be blamed on the recommendation.

    An error is weighed by the root of the share of the promised horizon that the settings were held for: ended
    early, an outcome is a sum that was stopped, and a rule that stops when it goes badly must not tilt the test.
    """
    rows = [row for row in outcomes if row["ended"] and (row["realised"] or {}).get("how") == "forecast"]
    if not rows:
        return Answer(0, 1.0, 1.0, 1.0, 0.0, None, None, "cannot tell yet", "No outcome has ended yet.")
    gain, spread, promise, doubt, lasted = np.array([_numbers(row) for row in rows]).T
    short, error = gain - promise, np.hypot(spread, doubt)
    weight = np.sqrt(lasted) / error
    less, more = (float(evidence(sign * short * weight).max()) for sign in (1.0, -1.0))
    gains = float(evidence(-gain * np.sqrt(lasted) / spread).max())
    low, high = _sequence(short, weight)
    mean = float(np.average(short, weights=weight**2))
    verdict = _verdict(less, more, low, high)
    words = _words(verdict, len(rows), mean, low, high, less, gains)
    return Answer(len(rows), less, more, gains, mean, low, high, verdict, words)


def _numbers(row: Json) -> tuple[float, ...]:
    """Realised gain and its error, promised gain and its error, share of the horizon."""
    real, promised, held = row["realised"], row["promised"], row["adopted"]["hours"]
    doubt = (promised["high"] - promised["low"]) / (2 * 1.645)
    return real["mean"], real["error"], promised["mean"], doubt, min(held / promised["horizon_h"], 1.0)


def _sequence(short: np.ndarray, weight: np.ndarray) -> tuple[float | None, float | None]:
    """The means that have not been refuted at any look so far: a confidence sequence of 95 %."""
    reach = 10.0 / weight
    tried = np.linspace((short - reach).min(), (short + reach).max(), GRID)
    z = (short - tried[:, None]) * weight
    against = ((evidence(z) + evidence(-z)) / 2.0).max(-1)
    kept = np.flatnonzero(against < 1.0 / LEVEL)
    if not len(kept):  # outcomes that no common mean explains
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
    said = {
        "broken": "The recommendations bring less than they promise",
        "more": "The recommendations bring more than they promise",
        "kept": "Nothing speaks against the promises",
        "cannot tell yet": "It cannot be told yet whether promises are kept",
    }[verdict]
    ends = ["...", "..."] if low is None and high is None else [
        "..." if end is None else f"{end:+.2f}" for end in (low, high)
    ]  # fmt: skip
    span = "" if low is None and high is None else f", 95 % at every look: {ends[0]} ... {ends[1]}"
    real = (
        "that there is a gain at all is proven" if gains >= 1.0 / LEVEL else "a gain at all is not proven yet"
    )
    return (
        f"{said}: over {n} outcome{'s' if n != 1 else ''} realised minus promised is {mean:+.2f} % useful beam{span}; "
        f"evidence against the promises {less:.2g} (20 needed); {real} ({gains:.2g} of 20)."
    )

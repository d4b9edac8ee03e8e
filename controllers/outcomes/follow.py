"""The outcome of a recommendation: adoption and realised gain in a later log, compared with the promised gain."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from controllers.outcomes import realised
from controllers.outcomes.adoption import Adoption, adoption
from controllers.recommendation import Recommendation
from replay_data import replay
from replay_data.record import Log, instant
from replay_data.view import LogView
from twin import Facility, UserError
from twin.types import Json

BEFORE_H = 672.0  # the time before the adoption that is used for comparison
ENOUGH_H = 72.0  # scheduled hours for a verdict, at least
EARLY_H = 1e-6  # tolerance for rounding of a horizon


def follow(
    recommendation: Recommendation, facility: Facility, log: Log, law: Any = None, seed: int = 0
) -> Json:
    """The outcome of one recommendation in a log that continues after it, as plain JSON values.

    ``law``: the law of a trained model (``LearnedLaw``); without it the days before and after are compared.

    Raises UserError if the log does not continue after the recommendation, belongs to another facility or has no
    running time.
    """
    since_h = _since(recommendation, log)
    whole = LogView(log, facility)
    adopted = adoption(recommendation, whole, since_h)
    horizon_h, gain = recommendation.evidence.horizon_h, recommendation.gain
    assert gain is not None  # every change has one
    out = {
        "schema": "beamtwin/outcome/1",
        "facility": recommendation.facility,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "log": str(getattr(log, "path", "")),
        "log_end": _date(log, log.hours),
        "adopted": _adopted(adopted, log),
        "promised": gain.model_dump() | {"horizon_h": horizon_h},
        "realised": None,
        "same_random_events": None,
        "ended": False,
    }  # fmt: skip
    if not adopted.followed:
        late = log.hours - since_h >= horizon_h - EARLY_H
        return out | {"ended": late} | _verdict(out, 0.0)
    view = replay.window(whole, log.hours - max(adopted.from_h - BEFORE_H, 0.0))
    view = realised.until(view, adopted.to_h)
    if law is None:
        real, replayed = realised.before_and_after(view, whole, adopted), None
    else:
        present = realised.at_present(view, recommendation, adopted.from_h)
        real = realised.against_forecast(view, present, whole, adopted, law, seed)
        replayed = realised.with_same_random_events(view, present, adopted, law, seed)
    open_h = float(realised.open_hours(view, adopted.from_h, adopted.to_h).max())
    out |= {
        "realised": None if real is None else asdict(real),
        "same_random_events": replayed,
        "ended": adopted.left or adopted.to_h - adopted.from_h >= horizon_h - EARLY_H,
    }
    return out | _verdict(out, open_h)


def _since(recommendation: Recommendation, log: Log) -> float:
    """The hour of a log at which a recommendation was made: the end of the data that it was made from."""
    if recommendation.verdict != "change":
        raise UserError(
            f"the verdict of this recommendation is {recommendation.verdict!r}: there is nothing to follow; "
            "give one with the verdict 'change'"
        )
    if log.facility != recommendation.facility or log.tabular:
        kind = "rows of a tuning log, without running time" if log.tabular else f"of {log.facility!r}"
        raise UserError(f"the log is {kind}; the recommendation is of {recommendation.facility!r}")
    end = recommendation.evidence.log_end
    since_h = max((end - instant(log.start)).total_seconds() / 3600.0, 0.0)
    if since_h >= log.hours - 1.0 / 60.0:
        raise UserError(
            f"the log ends at {_date(log, log.hours)}, the recommendation uses data up to {end:%Y-%m-%dT%H:%M}; "
            "give a log that goes on after it"
        )
    return since_h


def _adopted(adopted: Adoption, log: Log) -> Json:
    if not adopted.followed:
        return {"followed": False, "from": None, "to": None, "hours": 0.0, "off": adopted.off, "way": adopted.way,
                "left": False}  # fmt: skip
    return {
        "followed": True, "from": _date(log, adopted.from_h), "to": _date(log, adopted.to_h),
        "hours": adopted.to_h - adopted.from_h, "off": adopted.off, "way": adopted.way, "left": adopted.left,
    }  # fmt: skip


def _verdict(out: Json, open_h: float) -> Json:
    """The verdict and its text: "not followed", "cannot tell", "harm", "less", "more" or "kept"."""
    adopted, real, promise = out["adopted"], out["realised"], out["promised"]
    if not adopted["followed"]:
        made = f"{100 * adopted['way']:.0f} %"
        words = f"The proposed settings were not adopted: on average {made} of the change was made."
        return {"verdict": "not followed", "words": words}
    held = f"Held for {adopted['hours'] / 24:.1f} days{', then changed' if adopted['left'] else ''}"
    if real is None or open_h < ENOUGH_H:
        why = (
            "samples were not counted, or on too few days"
            if real is None
            else f"only {open_h:.0f} h of user time, {ENOUGH_H:.0f} h are needed"
        )
        return {"verdict": "cannot tell", "words": f"{held}: the gain cannot be told yet ({why})."}
    result = f"{held}: realised gain {_gain(real)}, promised gain {_gain(promise)}"
    doubt = (promise["high"] - promise["low"]) / 3.29
    if real["how"] == "before":
        words = f"{result}. It compares the days after and before, whatever else changed; train a model for a verdict."
        return {"verdict": "cannot tell", "words": words}
    off, wide = real["mean"] - promise["mean"], 1.645 * float(np.hypot(real["error"], doubt))
    if off < -wide:
        harm = real["high"] < 0
        return {
            "verdict": "harm" if harm else "less",
            "words": f"{result}: {'a loss' if harm else 'less than promised'}.",
        }
    if off > wide:
        return {"verdict": "more", "words": f"{result}: more than promised."}
    if real["low"] > 0:
        return {"verdict": "kept", "words": f"{result}: kept."}
    return {
        "verdict": "cannot tell",
        "words": f"{result}: the data agree with the promised gain and with no gain.",
    }


def _gain(gain: Json) -> str:
    return f"{gain['mean']:+.2f} % useful beam (90 % interval {gain['low']:+.2f} ... {gain['high']:+.2f})"


def _date(log: Log, hour: float) -> str:
    return (instant(log.start) + timedelta(hours=float(hour))).isoformat(timespec="minutes")

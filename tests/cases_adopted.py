"""Logs that go on after a recommendation: its settings are held for a while, with or without their effect."""

from datetime import timedelta
from typing import Any
from unittest import mock

import numpy as np
import samples_dashboard as samples

from controllers.recommendation import Recommendation, from_json
from replay_data import synthesize
from replay_data.record import Record, instant
from twin import Facility


def adopted(facility: Facility, days: float, seed: int, wanted, begin: int, end: int) -> Record:
    """A synthetic log whose operators hold ``wanted`` settings from day ``begin`` to day ``end``."""
    usual = synthesize.operate

    def operate(*arguments) -> np.ndarray:
        rows = usual(*arguments)
        rows[begin:end] = wanted
        return rows

    with mock.patch.object(synthesize, "operate", operate):
        return synthesize.synthesize(facility, days, seed)


def promise(
    facility: Facility, present, proposed, end_h: float, gain: float, horizon_h: float = 672.0, **changes: Any
) -> Recommendation:
    """A recommendation that rests on data up to ``end_h`` and promises ``gain``; ``changes`` replace its keys."""
    made = samples.plain(facility=facility.name, title=facility.title, headline="Change.")
    made["knobs"] = [
        {"name": k.name, "title": k.title, "pv": k.pv, "unit": k.unit, "precision": k.precision, "low": k.low,
         "high": k.high, "present": float(a), "proposed": float(b), "ramp_per_h": k.ramp_per_h, "gain_alone": None,
         "gain_share": None, "needed_for": None}
        for k, a, b in zip(facility.knob, present, proposed, strict=True)
    ]  # fmt: skip
    end = instant(synthesize.START) + timedelta(hours=end_h)
    made["evidence"] |= {"log_end": end.isoformat(), "horizon_h": horizon_h, "model_id": "none"}
    made["effects"][0]["change"] = {"mean": gain, "low": gain - 0.5, "high": gain + 0.5}
    return from_json(made | changes, "the case")

"""Logs that go on after a recommendation: its settings are held for a while, with or without their effect."""

from datetime import timedelta
from unittest import mock

import numpy as np

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
    facility: Facility, present, proposed, end_h: float, gain: float, horizon_h: float = 672.0
) -> dict:
    """What of a recommendation an outcome needs: it rests on data up to ``end_h`` and promises ``gain``."""
    knobs = [
        {"name": k.name, "title": k.title, "unit": k.unit, "precision": k.precision, "low": k.low, "high": k.high,
         "present": float(a), "proposed": float(b)}
        for k, a, b in zip(facility.knob, present, proposed, strict=True)
    ]  # fmt: skip
    end = instant(synthesize.START) + timedelta(hours=end_h)
    return {
        "verdict": "change", "facility": facility.name, "title": facility.title, "knobs": knobs, "headline": "Change.",
        "effects": [{"metric": "useful_beam", "change": gain, "low": gain - 0.5, "high": gain + 0.5}],
        "evidence": {"log_end": end.isoformat(), "horizon_h": horizon_h, "model_id": "none"},
    }  # fmt: skip

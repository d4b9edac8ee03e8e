"""Sample recommendations and machine states of a storage ring, in the shape the dashboard is handed."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

import twin
from controllers.recommendation import Recommendation, digest, from_json
from dashboard.app import decisions
from dashboard.app.refusals import Decision
from dashboard.app.roles import Person
from dashboard.app.store.ledger import Ledger

FACILITY = twin.load("storage-ring")
TITLES = {
    "rf.trip": "RF system: trip",
    "rf.klystron.1": "RF system: klystron 1",
    "rf.klystron.3": "RF system: klystron 3",
    "magnets.supply": "Magnets and power supplies: supply",
    "vacuum.interlock": "Vacuum and front ends: interlock",
    "injector.trip": "Injector: trip",
    "orbit.distortion": "Orbit feedback: distortion",
    "bl1.robot": "Beamline 1 optics and robot: robot",
    "bl2.optics": "Beamline 2 optics: optics",
}
PRESENT = {"current": 430.0, "rf_voltage": 3.4, "coupling": 1.0, "topup_interval": 5.0}
PROPOSED = {"current": 445.0, "rf_voltage": 2.85, "coupling": 1.0, "topup_interval": 3.0}
GAIN_SHARE = {
    "current": {"mean": 0.18, "low": -0.10, "high": 0.47},
    "rf_voltage": {"mean": 0.93, "low": 0.58, "high": 1.29},
    "coupling": None,
    "topup_interval": {"mean": 0.18, "low": 0.06, "high": 0.31},
}
GAIN_ALONE = {
    "current": {"mean": 0.21, "low": -0.12, "high": 0.55},
    "rf_voltage": {"mean": 0.94, "low": 0.58, "high": 1.31},
    "coupling": None,
    "topup_interval": {"mean": 0.17, "low": 0.05, "high": 0.30},
}


def knobs() -> list[dict[str, Any]]:
    """The proposal's rows, from the facility's own names, units and limits."""
    rows = []
    for knob in FACILITY.knob:
        proposed = PROPOSED[knob.name]
        rows.append(
            {
                "name": knob.name,
                "title": knob.title,
                "pv": knob.pv,
                "unit": knob.unit,
                "precision": knob.precision,
                "low": knob.low,
                "high": knob.high,
                "present": PRESENT[knob.name],
                "proposed": proposed,
                "ramp_per_h": knob.ramp_per_h,
                "gain_alone": GAIN_ALONE[knob.name],
                "gain_share": GAIN_SHARE[knob.name],
                "needed_for": None,
            }
        )
    return rows


EFFECTS = [
    ("useful_beam", "Useful beam", "%", 2, 96.12, 97.41, 0.74, 1.86),
    ("availability", "Availability", "%", 2, 97.86, 98.72, 0.41, 1.30),
    ("failures", "Beam losses in the next week", "", 1, 5.9, 3.8, -3.2, -1.0),
    ("mtbf_h", "Mean time between failures", "h", 1, 47.3, 71.2, 9.4, 38.5),
    ("samples_mx", "Samples, crystallography", "", 0, 1612.0, 1663.0, 14.0, 92.0),
    ("samples_saxs", "Samples, scattering", "", 0, 702.0, 705.0, -9.0, 15.0),
]
LOST = [
    ("rf.trip", 1.62, 0.83),
    ("magnets.supply", 0.71, 0.71),
    ("vacuum.interlock", 0.58, 0.63),
    ("injector.trip", 0.52, 0.50),
    ("rf.klystron.1", 0.31, 0.29),
    ("orbit.distortion", 0.27, 0.27),
    ("bl1.robot", 0.96, 0.95),
    ("bl2.optics", 0.64, 0.64),
]
LIMITS = [
    ("lifetime", "Beam lifetime", "h", 8.0, None, 26.4, 24.1, 28.8),
    ("flux_mx", "Flux on sample, crystallography", "ph/s", 1.8e12, None, 2.06e12, 2.01e12, 2.11e12),
    ("emittance", "Horizontal emittance", "nm", None, 4.2, 3.96, 3.90, 4.03),
]
SKILL = [
    ("lifetime", "h", "quantity", 0.031, 0.058, True, 1204),
    ("flux_mx", "ph/s", "quantity", 0.012, 0.014, True, 1188),
    ("rf.trip", "", "hazard", 1.21, 1.34, True, 96),
    ("vacuum.interlock", "", "hazard", 1.47, 1.45, False, 31),
    ("injector.trip", "", "hazard", 1.08, 1.08, False, 118),
]


def _replay() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    record = []
    for process, count, hours in [
        ("rf.trip", 11, 0.4),
        ("magnets.supply", 4, 0.9),
        ("vacuum.interlock", 3, 0.7),
        ("injector.trip", 7, 0.6),
        ("rf.klystron.3", 1, 4.6),
        ("orbit.distortion", 3, 0.3),
        ("bl1.robot", 6, 0.9),
        ("bl2.optics", 4, 1.1),
    ]:
        starts = 4032.0 + np.sort(rng.uniform(0, 672, count))
        ends = starts + hours * rng.lognormal(0, 0.5, count)
        record += [
            {"process": process, "start_h": float(start), "end_h": float(end)}
            for start, end in zip(starts, ends, strict=True)
        ]
    counterfactual = [row for i, row in enumerate(record) if not (row["process"] == "rf.trip" and i % 2)]
    return {
        "metrics": [
            {"metric": metric, "record": before, "counterfactual": {"mean": mean, "low": low, "high": high}}
            for metric, before, mean, low, high in (
                ("failures", 19.0, 13.6, 12.0, 16.0),
                ("lost_h", 21.4, 17.9, 16.2, 19.8),
                ("useful_beam", 95.1, 96.3, 95.9, 96.7),
            )
        ],
        "timeline": {"from_h": 4032.0, "to_h": 4704.0, "record": record, "counterfactual": counterfactual},
        "reproduced": {"failures": 39, "at_their_hour": 39},
        "summary": "Last four weeks, same weather, same demand, same random events: 14 beam losses instead of 19.",
    }


def step(at_h: float, settings: dict[str, float]) -> dict[str, Any]:
    """A step of the ramp with the state to expect."""
    low = 9.3 * settings["rf_voltage"]
    expected = {"mean": low + 0.4, "low": low, "high": low + 0.8}
    return {
        "at_h": at_h,
        "settings": settings,
        "expected": {"lifetime": expected},
        "failures_per_week": 5.9 - at_h,
        "support": "inside",
    }


def moment(name: str, at_h: float, disturbed_h: float) -> dict[str, Any]:
    """A moment to begin."""
    return {
        "name": name,
        "at_h": at_h,
        "disturbed_h": disturbed_h,
        "disturbed_share": disturbed_h / 168.0,
    }


def gain(mean: float) -> dict[str, Any]:
    """A gain of a moment to begin."""
    return {"mean": mean, "low": mean - 0.55, "high": mean + 0.57}


def recommendation(**changes: Any) -> Recommendation:
    """A "change" recommendation, made an hour ago, good for five more; ``changes`` replace its keys."""
    return from_json(plain(**changes), "the sample")


def plain(**changes: Any) -> dict[str, Any]:
    """The sample as JSON values; ``changes`` replace its keys."""
    now = datetime.now(UTC).replace(microsecond=0)
    made = {
        "schema": "beamtwin/recommendation/2",
        "facility": FACILITY.name,
        "title": FACILITY.title,
        "made_at": (now - timedelta(hours=1)).isoformat(),
        "expires_at": (now + timedelta(hours=5)).isoformat(),
        "verdict": "change",
        "headline": "Lower the RF voltage to 2.85 MV and top up every 3 min at 445 mA: fewer RF trips for a "
        "shorter, still ample lifetime.",
        "evidence": {
            "log": "storage-ring-2026.h5",
            "log_sha256": "9f2c6b1e" * 8,
            "log_start": (now - timedelta(hours=4704)).isoformat(),
            "log_end": (now - timedelta(minutes=6)).isoformat(),
            "facility_sha256": "31aa07d4" * 8,
            "model_id": "storage-ring-0007",
            "model_sha256": "c07de511" * 8,
            "seed": 20261123,
            "version": "0.1.0",
            "runs": 4096,
            "horizon_h": 168.0,
            "round_h": 12.0,
            "risk": 0.1,
        },
        "knobs": knobs(),
        "effects": [
            {
                "metric": metric,
                "title": title,
                "unit": unit,
                "digits": digits,
                "present": present,
                "change": {"mean": proposed - present, "low": low, "high": high},
            }
            for metric, title, unit, digits, present, proposed, low, high in EFFECTS
        ],
        "limits": [
            {
                "name": name,
                "title": title,
                "unit": unit,
                "low": low,
                "high": high,
                "predicted": {"mean": mean, "low": bottom, "high": top},
            }
            for name, title, unit, low, high, mean, bottom, top in LIMITS
        ],
        "ramp": [
            step(0.0, {**PRESENT, "topup_interval": 3.0}),
            step(0.5, {**PROPOSED, "rf_voltage": 3.15, "current": 445.0}),
            step(1.0, {**PROPOSED, "rf_voltage": 2.90}),
            step(1.1, PROPOSED),
        ],
        "why": [
            "RF trips caused 38 % of the user hours lost in the last 28 weeks; they grow with the third "
            "power of the RF voltage.",
            "At 2.85 MV the lifetime falls from 30.1 h to 26.4 h, far above the promised 8 h: the Touschek "
            "optimum of this lattice lies near 2.8 MV.",
            "A shorter top-up interval keeps the current within 0.1 % at the shorter lifetime.",
            "The coupling stays: no value within its limits brought a gain that is sure.",
        ],
        "support": {"distance": 1.4, "limit": 3.0, "place": "inside"},
        "unranked": 0,
        "shared_gain": gain(1.29),
        "held_back": None,
        "parameters_share": 0.62,
        "confirmed": {"runs": 4, "largest_difference": 3e-13},
        "candidates": [
            {
                "name": "recommended",
                "rank": 1,
                "settings": PROPOSED,
                "gain": {"mean": 1.29, "low": 0.74, "high": 1.86},
            },
            {
                "name": "greedy optimum",
                "rank": 1,
                "settings": {**PROPOSED, "current": 480.0, "rf_voltage": 2.6},
                "gain": {"mean": 1.42, "low": -0.35, "high": 3.05},
            },
            {
                "name": "voltage only",
                "rank": 3,
                "settings": {**PROPOSED, "current": 430.0, "topup_interval": 5.0},
                "gain": {"mean": 0.94, "low": 0.58, "high": 1.31},
            },
            {
                "name": "current only",
                "rank": 3,
                "settings": {**PROPOSED, "rf_voltage": 3.4, "topup_interval": 5.0},
                "gain": {"mean": 0.21, "low": -0.12, "high": 0.55},
            },
            {
                "name": "last month's settings",
                "rank": None,
                "settings": {"current": 450.0, "rf_voltage": 3.6, "coupling": 1.0, "topup_interval": 5.0},
                "gain": {"mean": -0.61, "low": -1.02, "high": -0.22},
            },
        ],
        "lost_hours": [
            {"process": process, "title": TITLES[process], "present": present, "proposed": proposed}
            for process, present, proposed in LOST
        ],
        "skill": [
            {
                "target": target,
                "unit": unit,
                "kind": kind,
                "model": model,
                "baseline": baseline,
                "better": better,
                "n": n,
                "baseline_name": "gradient-boosted trees" if kind == "quantity" else "constant rate",
                "score_name": "relative RMSE" if kind == "quantity" else "log loss",
            }
            for target, unit, kind, model, baseline, better, n in SKILL
        ],
        "replay": _replay(),
        "when": {
            "begin": moment("refill", 0.05, 1.1),
            "others": [
                moment("now", 0.0, 1.1) | {"gain": gain(1.21)},
                moment("access", 62.0, 0.0) | {"gain": gain(1.02)},
            ],
        },
    }
    return deepcopy(made | changes)


def hold(**changes: Any) -> Recommendation:
    """Nothing beats the present settings; ``changes`` replace its keys."""
    made, none = plain(), {"mean": 0.0, "low": 0.0, "high": 0.0}
    held = {
        "verdict": "hold",
        "headline": "Hold: no candidate beats the present settings for sure.",
        "knobs": [
            row | {"proposed": row["present"], "gain_alone": None, "gain_share": None} for row in knobs()
        ],
        "effects": [effect | {"change": none} for effect in made["effects"]],
        "ramp": [],
        "candidates": made["candidates"][3:],
        "why": ["The best of 64 candidates gains 0.21 % of useful beam, between -0.12 and 0.55 %: not sure."],
        "lost_hours": [row | {"proposed": row["present"]} for row in made["lost_hours"]],
        "replay": None,
        "when": None,
        "shared_gain": None,
        "parameters_share": None,
    }
    return recommendation(**held | changes)


def refuse() -> Recommendation:
    """The machine is where the logs have never been."""
    return hold(
        verdict="refuse",
        headline="No advice: the present settings lie outside what the logs have seen.",
        why=["Distance to the nearest logged setting 4.2, limit 3.0: the model would extrapolate."],
        support={"distance": 4.2, "limit": 3.0, "place": "outside"},
        effects=[],
        candidates=[],
        lost_hours=[],
        skill=[],
        limits=[],
        confirmed=None,
    )


def expired() -> Recommendation:
    """A recommendation past its time."""
    return recommendation(expires_at=(datetime.now(UTC) - timedelta(minutes=20)).isoformat())


def _rows(age_h: float) -> list[dict[str, Any]]:
    rows = [
        {
            "name": row["name"],
            "title": row["title"],
            "pv": row["pv"],
            "unit": row["unit"],
            "precision": row["precision"],
            "value": row["present"],
            "low": row["low"],
            "high": row["high"],
            "age_h": age_h,
            "role": "setpoint",
        }
        for row in knobs()
    ]
    for name, title, unit, precision, value, low in [
        ("lifetime", "Beam lifetime", "h", 1, 29.8, 8.0),
        ("flux_mx", "Flux on sample, crystallography", "ph/s", 2, 1.98e12, None),
        ("hall_temperature", "Experimental hall temperature", "degC", 2, 26.21, None),
        ("cooling_water", "RF cooling water temperature", "degC", 2, 30.44, None),
    ]:
        rows.append(
            {
                "name": name,
                "title": title,
                "pv": FACILITY_PVS[name],
                "unit": unit,
                "precision": precision,
                "value": value,
                "low": low,
                "high": None,
                "age_h": age_h,
                "role": "quantity" if name in ("lifetime", "flux_mx") else "condition",
            }
        )
    return rows


FACILITY_PVS = {item.name: item.pv for item in [*FACILITY.condition, *FACILITY.quantity]}


def state(age_h: float = 0.1, stale: bool = False) -> dict[str, Any]:
    """The machine now, with a week of trends."""
    rng = np.random.default_rng(3)
    hours = np.arange(0.0, 168.0, 0.02)
    current = np.where(rng.random(hours.size) < 5e-4, np.nan, 430 + rng.normal(0, 0.15, hours.size))
    current[3000:3040] = 0.0
    trends = {
        "stored_current": current,
        "lifetime": 29.8 + np.sin(hours / 11) + rng.normal(0, 0.3, hours.size),
        "flux_mx": 1.98e12 * (1 + rng.normal(0, 0.004, hours.size)),
        "hall_temperature": 26.0 + 0.4 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 0.03, hours.size),
        "cooling_water": 30.2 + 0.3 * np.sin(2 * np.pi * hours / 24 + 1) + rng.normal(0, 0.03, hours.size),
    }
    return {
        "time": (datetime.now(UTC) - timedelta(hours=age_h)).isoformat(),
        "age_h": age_h,
        "stale": stale,
        "beam_state": 2,
        "rows": _rows(age_h),
        "trend": {
            name: {"time_h": hours.tolist(), "value": values.tolist()} for name, values in trends.items()
        },
    }


def outcome(mean: float = 0.9, **changes: Any) -> dict[str, Any]:
    """What became of an accepted recommendation that promised +1.27 % useful beam; ``changes`` replace its keys."""
    return {
        "schema": "beamtwin/outcome/1",
        "facility": FACILITY.name,
        "adopted": {
            "followed": True,
            "from": None,
            "to": None,
            "hours": 168.0,
            "off": 0.004,
            "way": 0.97,
            "left": False,
        },
        "promised": {"mean": 1.27, "low": 0.74, "high": 1.86, "horizon_h": 168.0},
        "realised": {"mean": mean, "low": mean - 0.8, "high": mean + 0.8, "error": 0.49, "how": "forecast"},
        "same_random_events": {"mean": 1.1, "low": 0.7, "high": 1.6},
        "ended": True,
        "verdict": "kept",
        "words": "Held for 7.0 days: kept.",
    } | changes


@dataclass
class Source:
    """Plain values in the place of a machine; a test changes them while the page is open."""

    ledger: Ledger
    made: Recommendation | None
    now: dict[str, Any] | None
    names: list[str] = field(default_factory=lambda: ["storage-ring"])
    show: Any = None  # after a change: let the open page see it

    def facilities(self) -> list[str]:
        return self.names

    def recommendation(self, facility: str) -> Recommendation | None:
        return self.made

    def state(self, facility: str) -> dict[str, Any] | None:
        return self.now


def ready(made: Recommendation) -> dict[str, Any]:
    """A machine whose knobs stand where a recommendation started from."""
    rows = [{"name": knob.name, "value": knob.present} for knob in made.knobs]
    return {"age_h": 0.1, "stale": False, "rows": rows, "time": "", "beam_state": 2, "trend": {}}


def decide(ledger: Ledger, made: Recommendation, action: str, name: str, comment: str = "") -> int:
    """A person who has seen everything decides on a recommendation while the machine is ready for it."""
    source = Source(ledger, made, ready(made))
    newest = ledger.newest()[0]
    request = Decision(made.facility, action, Person(name), comment, digest(made), newest)
    return decisions.decide(source, request, datetime.now(UTC))

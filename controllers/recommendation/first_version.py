"""Conversion of version 1 of the document to version 2, which stores no figure twice and marks exact values."""

from collections.abc import Iterator
from typing import Any

from twin import UserError
from twin.types import Json

SCHEMA = "beamtwin/recommendation/1"
KEPT = (
    "facility", "title", "made_at", "expires_at", "verdict", "headline", "why", "candidates", "lost_hours",
)  # fmt: skip
LATER = ("shared_gain", "held_back", "parameters_share", "confirmed")
"""Keys that were added during version 1, or that only some verdicts have."""
SKILL = ("target", "unit", "kind", "score_name", "model", "baseline", "baseline_name", "better", "n")
METRICS = ("failures", "lost_h", "useful_beam")
PLACES = ("inside", "edge", "outside")


class Row:
    """A table of the old document with its path, so that errors name the key."""

    def __init__(self, values: Any, place: str = ""):
        if not isinstance(values, dict):
            raise UserError(
                f"{place or 'the document'} = {values!r:.60}: expected a table of keys and values"
            )
        self.values, self.place = values, place  # place: the path of the table, such as "ramp.0"

    def __getitem__(self, key: str) -> Any:
        if key not in self.values:
            raise UserError(f"{self._at(key)}: the key is missing")
        return self.values[key]

    def row(self, key: str) -> "Row":
        """The table under a key."""
        return Row(self[key], self._at(key))

    def rows(self, key: str) -> Iterator["Row"]:
        """The tables of the list under a key."""
        values = self[key]
        if not isinstance(values, list):
            raise UserError(f"{self._at(key)} = {values!r:.60}: expected a list")
        return (Row(value, f"{self._at(key)}.{i}") for i, value in enumerate(values))

    def only(self, *keys: str) -> Json:
        """The values of some keys."""
        return {key: self[key] for key in keys}

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def upgraded(old: Json) -> Json:
    """JSON values of version 2 from those of version 1.

    Raises UserError with the name of the key where a key is missing or has a wrong type.
    """
    made = Row(old)
    return made.only(*KEPT) | {key: old.get(key) for key in LATER} | {
        "schema": "beamtwin/recommendation/2",
        "evidence": _evidence(made.row("evidence")),
        "skill": [_skill(row) for row in made.rows("skill")],
        "knobs": [_knob(row) for row in made.rows("knobs")],
        "effects": [_effect(row) for row in made.rows("effects")],
        "limits": [_limit(row) for row in made.rows("limits")],
        "ramp": [_step(row) for row in made.rows("ramp")],
        "when": None if made["when"] is None else _when(made.row("when")),
        "support": _support(made.row("support"), made.rows("knobs")),
        "candidates": [{"rank": None} | row.values for row in made.rows("candidates")],
        "unranked": old.get("unranked", 0),
        "replay": None if made["replay"] is None else _replay(made.row("replay")),
    }  # fmt: skip


def _evidence(row: Row) -> Json:
    rest = {key: value for key, value in row.values.items() if key != "log_hours"}
    return {"round_h": None, "risk": None} | rest


def _skill(row: Row) -> Json:
    return {"score_name": "score", "baseline_name": ""} | {k: row[k] for k in SKILL if k in row.values}


def _knob(row: Row) -> Json:
    rest = {key: value for key, value in row.values.items() if key not in ("ramp_h", "support")}
    return {"needed_for": None} | rest


def _effect(row: Row) -> Json:
    change = {"mean": row["change"], "low": row["low"], "high": row["high"]}
    return row.only("metric", "title", "unit", "digits", "present") | {"change": change}


def _predicted(row: Row) -> Json | None:
    """The prediction; None where it was not a number, without an interval where it was exact."""
    mean, low, high = row["predicted"], row["predicted_low"], row["predicted_high"]
    if mean is None or low is None or high is None:
        return None
    exact = low == mean == high
    return {"mean": mean, "low": None if exact else low, "high": None if exact else high}


def _limit(row: Row) -> Json:
    return row.only("name", "title", "unit", "low", "high") | {"predicted": _predicted(row)}


def _step(row: Row) -> Json:
    expected = row.row("expected")
    states = {name: _predicted(expected.row(name)) for name in expected.values}
    return row.only("at_h", "settings", "failures_per_week", "support") | {"expected": states}


def _when(row: Row) -> Json:
    start, moments = row["start"], list(row.rows("moments"))
    begins = [moment for moment in moments if moment["name"] == start]
    if not begins:
        raise UserError(f"{row.place}.start = {start!r:.60}: not among the moments")
    begin = {key: value for key, value in begins[0].values.items() if key != "gain"}
    return {"begin": begin, "others": [moment.values for moment in moments if moment is not begins[0]]}


def _support(row: Row, knobs: Iterator[Row]) -> Json:
    """Version 1 stored the place of the proposal with each knob."""
    places = [knob["support"] for knob in knobs]
    known = [place for place in PLACES if place in places]
    place = known[-1] if known and row["inside"] else "outside"
    return row.only("distance", "limit") | {"place": place}


def _replay(row: Row) -> Json:
    record, counterfactual, outages = (row.row(key) for key in ("record", "counterfactual", "timeline"))
    return {
        "metrics": [
            {"metric": name, "record": record[name], "counterfactual": counterfactual[name]}
            for name in METRICS
        ],
        "timeline": row.only("from_h", "to_h") | outages.only("record", "counterfactual"),
        "reproduced": row.values.get("reproduced"),
        "summary": row["same_luck"],
    }

"""The present machine state and the latest entries of the ledger, as HTML components."""

from typing import Any

from dash import html

from dashboard.components import parts
from dashboard.figures import timelines
from dashboard.text import words
from twin.types import Json

BEAM = {0: "■ no beam", 1: "◐ restarting", 2: "● beam stored"}
SIGN = {"accept": "✓", "hold": "‖", "reject": "✕", "undo": "↶", "restore": "↺"}


def rows(state: Json | None) -> html.Section:
    """Each channel with its value, limits, alarm state and age."""
    if state is None:
        return parts.card("The machine now", html.P("No machine data is connected.", className="empty"))
    cells = [_row(row) for row in state["rows"]]
    columns = ["Channel", "Value", "Limits", "Alarm", "Age"]
    note = f"{BEAM.get(state['beam_state'], 'beam state not recorded')} · {words.clock(state['time'])}"
    if state["stale"]:
        note += " · ▲ stale: the values may be out of date"
    name = "stale" if state["stale"] else ""
    numbers = html.Div(parts.table("Machine state", columns, cells, (1, 2, 4)), className=name)
    return parts.card("The machine now", numbers, note=note)


def _row(row: Json) -> list[Any]:
    unit, digits = words.unit_of(row["unit"]), row["precision"]
    return [
        parts.two_lines(row["title"], f"{row['pv'] or row['name']} · {row['role']}", mono=True),
        words.amount(row["value"], unit, digits),
        _limits(row["low"], row["high"], digits),
        parts.severity(row["value"], row["low"], row["high"]),
        words.duration(row["age_h"]),
    ]


def _limits(low: float | None, high: float | None, digits: int) -> str:
    if low is None and high is None:
        return words.NONE
    if high is None:
        return f"≥ {words.number(low, digits)}"
    return f"≤ {words.number(high, digits)}" if low is None else words.interval(low, high, digits, sign=False)


def trends(state: Json | None) -> html.Section | None:
    """The trend of each channel that has samples."""
    if state is None or not any(data["time_h"] for data in state["trend"].values()):
        return None
    titles = {row["name"]: row["title"] for row in state["rows"]} | {"stored_current": "Stored current"}
    units = {row["name"]: words.unit_of(row["unit"]) for row in state["rows"]} | {"stored_current": "mA"}
    held = {row["name"] for row in state["rows"] if row["role"] == "setpoint"}
    figure = timelines.trends(state["trend"], titles, units, held)
    note = "Hours before the newest sample; every minimum and maximum is kept."
    return parts.card("Trends", parts.graph(figure, "Trends of the machine's channels"), note=note)


def entries(made: list[Json]) -> html.Section:
    """The latest decisions, newest first, and a link to export all."""
    export = html.A(
        "Export for shift handover (CSV)", href="/ledger.csv", className="export", download="ledger.csv"
    )
    if not made:
        return parts.card("Ledger", html.P("No decision has been recorded yet.", className="empty"), export)
    cells = [
        [
            words.clock(entry["at"]),
            html.Strong(f"{SIGN.get(entry['decision'], '')} {entry['decision']}"),
            entry["operator"],
            entry["recommendation"].headline,
            entry["comment"] or words.NONE,
            str(entry["id"]),
        ]
        for entry in made
    ]
    columns = ["Time", "Decision", "Operator", "Recommendation", "Comment", "Entry"]
    note = "Append-only: entries are never changed or removed."
    return parts.card("Ledger", parts.table("Ledger", columns, cells, (5,)), export, note=note)


def previous(entry: Json | None) -> Any:
    """The accepted change in force, and the previous settings."""
    if entry is None:
        return None
    moved = [knob for knob in entry["recommendation"].knobs if knob.moves]
    back = ", ".join(
        f"{knob.title} {words.amount(knob.present, words.unit_of(knob.unit), knob.precision)}"
        for knob in moved
    )
    return html.P(
        [
            html.Strong("In force: "),
            f"entry {entry['id']}, accepted by {entry['operator']}. Previous: {back}.",
        ],
        className="note",
    )

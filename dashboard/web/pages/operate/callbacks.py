"""The page "Operate": one recommendation, its evidence and a decision, read anew every 15 seconds."""

import sqlite3
from datetime import UTC, datetime
from typing import Any, Protocol

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from flask import Response

from dashboard.app import acceptance as gate
from dashboard.app import notices
from dashboard.app.store.ledger import Ledger
from dashboard.components import layout, machine, outcomes, sections
from dashboard.text import words
from dashboard.web import guard
from dashboard.web.pages.operate import layout as shell
from twin.errors import UserError

Json = dict[str, Any]
LATEST = 12
ACTIONS = ("accept", "hold", "reject", "undo", "restore")

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


class Source(Protocol):
    """Where the page reads from; asked on every refresh, so that what is new appears by itself."""

    @property
    def ledger(self) -> Ledger: ...
    def facilities(self) -> list[str]: ...
    def recommendation(self, facility: str) -> Json | None: ...
    def state(self, facility: str) -> Json | None: ...


def create_app(source: Source) -> Dash:
    """The dashboard of one source. ``app.server`` is the Flask application."""
    app = Dash(
        "dashboard.web",
        title="beamtwin · Operate",
        update_title="",
        index_string=INDEX,
        add_log_handler=False,
        enable_mcp=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = lambda: shell.skeleton(source.facilities())
    _refresh(app, source)
    _sections(app, source)
    _decisions(app, source)
    _watch(app)

    @app.server.get("/ledger.csv")
    def ledger_csv() -> Response:
        headers = {"Content-Disposition": "attachment; filename=ledger.csv", "Cache-Control": "no-store"}
        return Response(source.ledger.export_csv(), mimetype="text/csv", headers=headers)

    guard.protect(app)
    return app


def _read(source: Source, facility: str | None) -> tuple[Json | None, Json | None]:
    try:
        return (source.recommendation(facility), source.state(facility)) if facility else (None, None)
    except UserError:  # said by _trouble
        return None, None


def _trouble(source: Source, facility: str | None) -> list[html.Div]:
    """What is wrong with the files behind the page."""
    try:
        if facility:
            source.recommendation(facility)
    except UserError as error:
        return [html.Div(f"▲ {error}", className="banner")]
    return []


def _seen(recommendation: Json | None, state: Json | None, ledger: Ledger) -> list[Any]:
    """Prints of what the sections show; a section is drawn again only when its print changes."""
    rows = (
        [(row["name"], row["value"], words.duration(row["age_h"])) for row in state["rows"]]
        if state
        else None
    )
    about = [state[key] for key in ("time", "stale", "beam_state")] if state else None
    return [
        gate.digest(recommendation),
        gate.digest([rows, about]),
        state["time"] if state else "none",
        ledger.newest(),
    ]


def _refresh(app: Dash, source: Source) -> None:
    names = ("recommendation", "rows", "trend", "ledger")
    speaks = notices.Notices()

    @app.callback(
        Output("facility", "data"),
        Output("facility", "value"),
        Output("picker", "hidden"),
        Output("facts", "children"),
        Output("alerts", "children"),
        Output("notice", "children"),
        Output("gate", "data"),
        *(Output(f"seen-{name}", "data") for name in names),
        Input("refresh", "n_intervals"),
        Input("facility", "value"),
        State("facility", "data"),
        *(State(f"seen-{name}", "data") for name in names),
    )
    def refresh(_n: int | None, facility: str | None, listed: list[str], *before: Any) -> tuple[Any, ...]:
        now, known = datetime.now(UTC), source.facilities()
        chosen = facility if facility in known else next(iter(known), None)
        recommendation, state = _read(source, chosen)
        seen = _seen(recommendation, state, source.ledger)
        changed = [new if new != old else no_update for new, old in zip(seen, before, strict=True)]
        if ctx.triggered_id == "facility":  # the ledger shown is the facility's own
            changed = seen
        return (
            *((known, chosen, len(known) < 2) if (known, chosen) != (listed, facility) else [no_update] * 3),
            layout.facts(recommendation, state, now),
            layout.alerts(recommendation, state, now) + _trouble(source, chosen),
            speaks.look(recommendation, state, source.ledger, now),
            gate.desk(recommendation, state, source.ledger, chosen or "", now),
            *changed,
        )


def _sections(app: Dash, source: Source) -> None:
    @app.callback(
        Output("verdict", "children"),
        Output("grounds", "children"),
        Output("drawn-verdict", "data"),
        Input("seen-recommendation", "data"),
        State("facility", "value"),
        prevent_initial_call=True,
    )
    def advice(_seen: str, facility: str | None) -> tuple[Any, ...]:
        recommendation, _ = _read(source, facility)
        grounds = sections.grounds(recommendation) if recommendation else []
        return layout.verdict(recommendation), grounds, gate.digest(recommendation)

    @app.callback(
        Output("effects", "children"),
        Output("why", "children"),
        Output("story", "children"),
        Output("drawn-effects", "data"),
        Input("seen-recommendation", "data"),
        State("facility", "value"),
        prevent_initial_call=True,
    )
    def story(_seen: str, facility: str | None) -> tuple[Any, ...]:
        recommendation, _ = _read(source, facility)
        print_ = gate.digest(recommendation)
        if recommendation is None:
            return None, None, [], print_
        effects, why = sections.effects(recommendation), sections.why(recommendation)
        # With nothing to change, the reasons are the story: they take the wide column.
        return effects or why, why if effects else None, sections.story(recommendation), print_

    @app.callback(
        Output("settings", "children"),
        Output("machine", "children"),
        Output("drawn-settings", "data"),
        Input("seen-recommendation", "data"),
        Input("seen-rows", "data"),
        State("facility", "value"),
        prevent_initial_call=True,
    )
    def values(_seen: str, _rows: str, facility: str | None) -> tuple[Any, ...]:
        recommendation, state = _read(source, facility)
        return layout.settings(recommendation, state), machine.rows(state), gate.digest(recommendation)

    @app.callback(
        Output("trends", "children"),
        Input("seen-trend", "data"),
        State("facility", "value"),
        prevent_initial_call=True,
    )
    def trends(_seen: str, facility: str | None) -> Any:
        return machine.trends(_read(source, facility)[1]) if facility else None

    @app.callback(
        Output("ledger", "children"),
        Output("in-force", "children"),
        Input("seen-ledger", "data"),
        State("facility", "value"),
        prevent_initial_call=True,
    )
    def ledger(_seen: list[int], facility: str | None) -> tuple[Any, Any]:
        shown = [
            outcomes.section(source.ledger, facility),
            machine.entries(source.ledger.entries(LATEST, facility)),
        ]
        return shown, machine.previous(source.ledger.in_force(facility or ""))


def _decisions(app: Dash, source: Source) -> None:
    @app.callback(
        Output("message", "children"),
        Output("comment", "value"),
        Output("gate", "data", allow_duplicate=True),
        Output("seen-ledger", "data", allow_duplicate=True),
        *(Input(action, "n_clicks") for action in ACTIONS),
        State("facility", "value"),
        State("seen-recommendation", "data"),
        State("seen-ledger", "data"),
        State("operator", "value"),
        State("comment", "value"),
        prevent_initial_call=True,
    )
    def decide(*clicks_and_state: Any) -> tuple[Any, ...]:
        facility, seen, known, operator, comment = clicks_and_state[len(ACTIONS) :]
        action = str(ctx.triggered_id)
        text, number = decision(source, facility, seen, action, operator or "", comment or "", known)
        open_to = gate.desk(*_read(source, facility), source.ledger, facility, datetime.now(UTC))
        message = html.P(("✓ " if number else "▲ ") + text, className="done" if number else "refused")
        seen_now = source.ledger.newest() if number else no_update
        return message, "" if number else no_update, open_to, seen_now


def decision(
    source: Source,
    facility: str,
    seen: str,
    action: str,
    operator: str,
    comment: str,
    known: list[int] | None = None,
) -> tuple[str, int | None]:
    """Record a decision; what to say, and the entry's number, or None when it was refused.

    ``known``: the newest entries that the person has seen; what was decided since is taken back by nobody unseen.
    """
    recommendation, state = _read(source, facility)
    if action in ("undo", "restore") and known is not None and source.ledger.newest()[0] != known[0]:
        return "Nothing was recorded: somebody has decided since. Look at the ledger first.", None
    if action == "restore":
        entry = source.ledger.in_force(facility)
        recommendation = entry["recommendation"] if entry else None
    elif gate.digest(recommendation) != seen:
        return "Nothing was recorded: a newer recommendation has arrived. Look at it first.", None
    if recommendation is None:
        return "Nothing was recorded: there is no recommendation.", None
    against = gate.barriers(recommendation, state, datetime.now(UTC)) if action == "accept" else []
    if against:
        return f"Nothing was recorded: {' '.join(against)}", None
    try:
        number = source.ledger.record(recommendation, action, operator, comment)
    except UserError as error:
        return f"Nothing was recorded: {error}", None
    except sqlite3.Error as error:
        return f"Nothing was recorded: the ledger {source.ledger.path} cannot be written ({error}).", None
    return f"Recorded as entry {number}: {action}, by {operator.strip()}.", number


def _watch(app: Dash) -> None:
    """In the browser: close the desk when the server falls silent, and say why a button is closed.

    Dash holds a callback back while one of its inputs is awaited from the server, so what must run when no answer
    comes is called by the tick alone; a new gate, and what has been drawn, are heard by callbacks of their own."""
    places = [(action, "disabled") for action in ACTIONS]
    places += [("reasons", "children"), ("lost", "children"), ("lost", "hidden")]
    app.clientside_callback(
        ClientsideFunction("live", "watch"),
        *(Output(*place) for place in places),
        Input("tick", "n_intervals"),
    )
    for function, inputs in (
        ("hear", [("gate", "data")]),
        ("drew", [(f"drawn-{name}", "data") for name in shell.DRAWN]),
    ):
        app.clientside_callback(
            ClientsideFunction("live", function),
            *(Output(*place, allow_duplicate=True) for place in places),
            *(Input(*place) for place in inputs),
            prevent_initial_call=True,
        )

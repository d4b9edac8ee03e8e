"""The callbacks of the page "Operate": each reads the source and passes the data to components."""

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update

from controllers.recommendation import digest
from dashboard.app.decisions import decide, open_decisions, recorded
from dashboard.app.notices import Notices
from dashboard.app.refusals import PAST, Decision, Present, Refused
from dashboard.app.roles import Person
from dashboard.app.sources.protocol import Source
from dashboard.app.store.ledger import Ledger
from dashboard.components import layout, machine, notices, outcomes, sections
from dashboard.text import words
from dashboard.web.pages.operate import layout as shell
from twin.errors import UserError

LATEST = 12
ACTIONS = tuple(PAST)


def register(app: Dash, source: Source) -> None:
    """Add the page's callbacks to its app."""
    _refresh(app, source)
    _sections(app, source)
    _decisions(app, source)
    _availability(app)


def _read(source: Source, facility: str | None) -> Present:
    try:
        return (
            Present(source.recommendation(facility), source.state(facility))
            if facility
            else Present(None, None)
        )
    except UserError:  # shown by _file_errors
        return Present(None, None)


def _file_errors(source: Source, facility: str | None) -> list[html.Div]:
    """Banners for errors in the files behind the page."""
    try:
        if facility:
            source.recommendation(facility)
    except UserError as error:
        return [html.Div(f"▲ {error}", className="banner")]
    return []


def _digests(present: Present, ledger: Ledger) -> list[Any]:
    """Digests of the content of the sections; a section is drawn again only when its digest changes."""
    state = present.state
    rows = (
        [(row["name"], row["value"], words.duration(row["age_h"])) for row in state["rows"]]
        if state
        else None
    )
    about = [state[key] for key in ("time", "stale", "beam_state")] if state else None
    return [
        digest(present.recommendation),
        digest([rows, about]),
        state["time"] if state else "none",
        ledger.newest(),
    ]


def _refresh(app: Dash, source: Source) -> None:
    names = ("recommendation", "rows", "trend", "ledger")
    advisories = Notices()

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
        present = recommendation, state = _read(source, chosen)
        digests = _digests(present, source.ledger)
        changed = [new if new != old else no_update for new, old in zip(digests, before, strict=True)]
        if ctx.triggered_id == "facility":  # each facility has its own ledger view
            changed = digests
        return (
            *((known, chosen, len(known) < 2) if (known, chosen) != (listed, facility) else [no_update] * 3),
            layout.facts(recommendation, state, now),
            layout.alerts(recommendation, state, now) + _file_errors(source, chosen),
            notices.line(advisories.check(recommendation, state, source.ledger, now)),
            open_decisions(source, chosen or "", present, now),
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
        return layout.verdict(recommendation), grounds, digest(recommendation)

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
        shown = digest(recommendation)
        if recommendation is None:
            return None, None, [], shown
        effects, why = sections.effects(recommendation), sections.why(recommendation)
        # With nothing to change, the reasons take the wide column.
        return effects or why, why if effects else None, sections.story(recommendation), shown

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
        return layout.settings(recommendation, state), machine.rows(state), digest(recommendation)

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
        content = [
            outcomes.section(source.ledger, facility),
            machine.entries(source.ledger.entries(LATEST, facility)),
        ]
        return content, machine.previous(source.ledger.in_force(facility or ""))


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
    def answer(*clicks_and_state: Any) -> tuple[Any, ...]:
        facility, seen_digest, known, operator, comment = clicks_and_state[len(ACTIONS) :]
        person = Person(operator or "")
        request = Decision(
            facility, str(ctx.triggered_id), person, comment or "", seen_digest, known and known[0]
        )
        text, number = decision(source, request)
        open_to = open_decisions(source, facility, _read(source, facility), datetime.now(UTC))
        message = html.P(("✓ " if number else "▲ ") + text, className="done" if number else "refused")
        newest = source.ledger.newest() if number else no_update
        return message, "" if number else no_update, open_to, newest


def decision(source: Source, request: Decision) -> tuple[str, int | None]:
    """Request a decision; the message to show, and the number of the entry or None if it was refused."""
    try:
        number = decide(source, request, datetime.now(UTC))
    except Refused as refused:
        return str(refused), None
    return recorded(request, number), number


def _availability(app: Dash) -> None:
    """In the browser: disable the decision buttons when they may not be used or the connection is lost, with reasons.

    Dash delays a callback while one of its inputs is awaited from the server. So the check for a lost connection is
    triggered by the timer ``tick`` alone; answers of the server and drawn sections have callbacks of their own.
    """
    places = [(action, "disabled") for action in ACTIONS]
    places += [("reasons", "children"), ("lost", "children"), ("lost", "hidden")]
    app.clientside_callback(
        ClientsideFunction("live", "update"),
        *(Output(*place) for place in places),
        Input("tick", "n_intervals"),
    )
    for function, inputs in (
        ("receive", [("gate", "data")]),
        ("setShown", [(f"drawn-{name}", "data") for name in shell.DRAWN]),
    ):
        app.clientside_callback(
            ClientsideFunction("live", function),
            *(Output(*place, allow_duplicate=True) for place in places),
            *(Input(*place) for place in inputs),
            prevent_initial_call=True,
        )

"""`beamtwin outcome`: what accepted recommendations really brought, kept in the ledger; and its place on the page."""

from argparse import Namespace
from typing import Any

from dash import html

from controllers.hindsight.outcomes import follow
from controllers.hindsight.promises import answer
from dashboard.app.sources.files import Shelf
from dashboard.app.store.files import write_json
from dashboard.app.store.ledger import Ledger
from dashboard.cli.console import bars, say, show
from dashboard.components import parts
from dashboard.figures import timelines
from dashboard.text import words
from replay_data.record import Log
from replay_data.runlog import open_log
from surrogate import registry
from twin import UserError, load

Json = dict[str, Any]

DONE, NEGATIVE = 0, 1
LATEST = 12
SIGN = {"kept": "●", "more": "●", "less": "◆", "harm": "◆", "cannot tell": "○", "not followed": "–"}


def outcome(args: Namespace) -> int:
    """Follow the accepted recommendations through a log that goes on; status 1 if promises are broken."""
    ledger = Shelf().ledger
    with open_log(args.log) as log, bars() as tell:
        waiting = ledger.to_follow(log.facility)
        if not waiting and not ledger.outcomes(log.facility):
            raise UserError(
                f"the ledger {ledger.path} holds no accepted recommendation for {log.facility!r}; "
                "accept one on the page (`beamtwin serve`) first"
            )
        left_out = []
        for i, entry in enumerate(waiting):
            tell("following what was accepted", i / len(waiting))
            try:
                ledger.follow(entry["id"], _followed(entry, log, args))
            except UserError as error:
                left_out.append(f"Entry {entry['id']}: {error}.")
        tell("following what was accepted", 1.0)
    rows = ledger.outcomes(log.facility)
    if not rows:
        raise UserError(" ".join(left_out))
    told = answer(rows)
    _tell(rows, left_out)
    say(f"\n{told.words}")
    if args.json:
        write_json({"outcomes": rows, "answer": told._asdict()}, args.json)
    return NEGATIVE if told.verdict == "broken" else DONE


def _followed(entry: Json, log: Log, args: Namespace) -> Json:
    """One outcome under the model that made the promise, another that serves, or none."""
    made = entry["recommendation"]
    known = [e.id for e in registry.entries(log.facility)]
    chosen = args.model or next((i for i in known if i == made.evidence.model_id), None)
    if not chosen and not known:
        return follow(made, load(log.facility), log)
    model = registry.load(chosen, log.facility)
    return follow(made, model.facility, log, model.law, args.seed)


def _tell(rows: list[Json], left_out: list[str]) -> None:
    table = [
        (row["decision"], row["at"][:10], row["operator"], _gain(row["promised"]), _gain(row["realised"]),
         _gain(row["same_luck"]), row["verdict"], "yes" if row["ended"] else "goes on")
        for row in rows
    ]  # fmt: skip
    columns = ["entry", "accepted", "by", "promised", "realised", "same luck", "verdict", "ended"]
    show("Gains, % useful beam (90 % interval)", columns, table, (0, 3, 4, 5))
    for row in rows:
        say(f"Entry {row['decision']}: {row['words']}")
    for line in left_out:
        say(line)


def _gain(gain: Json | None) -> str:
    return "" if gain is None else f"{gain['mean']:+.2f} ({gain['low']:+.2f} ... {gain['high']:+.2f})"


def section(ledger: Ledger, facility: str | None) -> html.Section | None:
    """Promised against realised by decision, and whether recommendations keep their promise; None without outcomes."""
    rows = ledger.outcomes(facility)
    if not rows:
        return None
    drawn = [row for row in rows if row["realised"] is not None][-LATEST:]
    cells = [
        [
            f"entry {row['decision']}, {words.clock(row['at'])[:11]}",
            _cell(row["promised"]),
            _cell(row["realised"]),
            words.duration(row["adopted"]["hours"]) if row["adopted"]["followed"] else "not set",
            f"{SIGN[row['verdict']]} {row['verdict']}",
        ]
        for row in reversed(rows[-LATEST:])
    ]
    columns = ["Accepted", "Promised", "Realised", "Held for", "Verdict"]
    numbers = parts.table("Outcomes", columns, cells, (1, 2, 3))
    figure = (
        parts.graph(timelines.promises(drawn), "Promised and realised gain of each decision")
        if drawn
        else None
    )
    key = [html.Span(className="key record"), "promised  ", html.Span(className="key proposed"), "realised"]
    content = [html.P(answer(rows).words, className="lucky"), html.Div([numbers, figure], className="pair")]
    note = [*key, ": gain in % useful beam with its 90 % interval; hollow where it cannot be told yet"]
    return parts.card("Did it help?", *content, html.P(note, className="note"))


def _cell(gain: Json | None) -> Any:
    if gain is None:
        return words.NONE
    return parts.two_lines(
        words.amount(gain["mean"], "%", 2, sign=True), words.interval(gain["low"], gain["high"])
    )

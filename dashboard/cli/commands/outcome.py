"""`beamtwin outcome`: what accepted recommendations really brought, kept in the ledger."""

from argparse import Namespace
from typing import Any

from controllers.hindsight.outcomes import follow
from controllers.hindsight.promises import answer
from dashboard.app.sources.files import FileSource
from dashboard.app.store.files import write_json
from dashboard.cli.console import bars, say, show
from replay_data.record import Log
from replay_data.runlog import open_log
from surrogate import registry
from twin import UserError, load

Json = dict[str, Any]

DONE, NEGATIVE = 0, 1


def outcome(args: Namespace) -> int:
    """Follow the accepted recommendations through a log that goes on; status 1 if promises are broken."""
    ledger = FileSource().ledger
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
    chosen = args.model or next((i for i in known if i == made["evidence"]["model_id"]), None)
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

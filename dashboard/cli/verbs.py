"""What each command does: it calls the rooms below and prints what they found."""

import socket
from argparse import Namespace
from pathlib import Path
from typing import Any

from controllers.advice.case import Effort
from controllers.recommend import recommend
from dashboard.app.analyses import replay as replaying
from dashboard.app.sources.files import Shelf
from dashboard.app.store.files import write_json, write_text
from dashboard.cli import show
from dashboard.cli.commands import downtime as outages
from dashboard.cli.commands import draft as drafting
from dashboard.cli.commands import replay as replayed
from dashboard.cli.commands.advise import advisories as advisories
from dashboard.cli.commands.evaluate import evaluate as evaluate
from dashboard.cli.commands.models import models as models
from dashboard.cli.commands.models import monitor
from dashboard.cli.commands.outcome import outcome as outcome
from dashboard.cli.commands.policy import policy as policy
from dashboard.cli.commands.simulate import what_if as what_if
from dashboard.cli.commands.simulate_model import simulate as simulate
from dashboard.cli.console import bars, say
from dashboard.reports.replay import document
from replay_data.archive_server import Range
from replay_data.check import check as check_log
from replay_data.compare import compare
from replay_data.downtime import find_downtime
from replay_data.export import export
from replay_data.importers import import_log
from replay_data.resampled import Resampled, save
from replay_data.runlog import is_runlog, open_log, write
from replay_data.synthesize import start_of
from replay_data.synthesize import synthesize as make_log
from surrogate import registry
from surrogate.checkpoint import Checkpoint
from surrogate.train import train as learn
from twin import UserError, built_in, load, whatif

DONE, NEGATIVE = 0, 1


def facilities(args: Namespace) -> int:
    """The built-in facilities as a table."""
    found = [load(name) for name in built_in()]
    show.facilities(found)
    if args.json:
        write_json([f.model_dump() for f in found], args.json)
    return DONE


def check(args: Namespace) -> int:
    """What is wrong with a facility, a scenario or a log; status 1 if nothing can be learned from a log."""
    path = Path(args.file)
    if path.suffix == ".toml" and path.is_file() and "\n[[case]]" in "\n" + path.read_text():
        scenario = whatif.read(path)
        for case in scenario.case:
            whatif.changed(whatif.facility_of(scenario, path), case)
        say(f"{path}: a scenario of {scenario.facility} with {len(scenario.case)} case(s); nothing is wrong.")
        return DONE
    if not is_runlog(path):
        facility = load(args.file)
        say(f"{args.file}: facility {facility.name!r}; nothing is wrong.")
        return DONE
    with open_log(path) as log:
        report = check_log(log, load(args.facility or log.facility))
    show.log_report(path, report)
    if args.json:
        write_json({"read": report.read, "kept": report.kept, "dropped": report.dropped,
                    "repaired": report.repaired, "defects": [vars(d) for d in report.defects]}, args.json)  # fmt: skip
    return NEGATIVE if report.fatal else DONE


def synthesize(args: Namespace) -> int:
    """Make an operations log from a hidden plant."""
    facility = load(args.facility)
    start = args.start or start_of(args.days, args.end)
    with bars() as tell:
        record = make_log(facility, args.days, args.seed, start, tell)
    write(record, args.output)
    faults = len(record.tables["faults"]["process"])
    samples = sum(len(c.value) for c in record.channels.values())
    say(
        f"{args.output}: {args.days:g} days of {facility.name}, {samples:,} samples, {faults} faults, seed {args.seed}."
    )
    return DONE


def draft(args: Namespace) -> int:
    """Sketch a facility file and an import map from a table or log."""
    return drafting.run(args)


def bring_in(args: Namespace) -> int:
    """Import a foreign log; of an archiver, a command that was stopped goes on where it was."""
    if (args.begin is None) != (args.end is None):
        raise UserError("a range needs both --from TIME and --to TIME")
    span = Range(args.begin, args.end, args.chunk_h) if args.begin else None
    asked = {"facility": args.facility, "span": span, "pvs": args.pv}
    with bars() as tell:
        account = import_log(args.source, args.output, args.map, lambda part, text: tell(text, part), **asked)
    show.imported(account)
    if args.json:
        write_json({"rows_read": account.rows_read, "rows_used": account.rows_used,
                    "defects": [vars(d) for d in account.defects]}, args.json)  # fmt: skip
    return DONE


def send_out(args: Namespace) -> int:
    """Export a log."""
    with open_log(args.log) as log:
        export(log, args.output, args.kind)
        say(f"{args.output}: {len(log.names)} channels of {args.log} and its tables.")
    return DONE


def resample(args: Namespace) -> int:
    """Put a log on a common clock."""
    out = Path(args.output)
    with open_log(args.log) as log, bars() as tell:
        thin = Resampled(log, args.every, args.how, args.judged, tell)
        save(thin, out)
    accounts = list(thin.accounts.values())
    show.resampled(out, thin, accounts)
    if args.json:
        write_json([vars(account) for account in accounts], args.json)
    return DONE


def downtime(args: Namespace) -> int:
    """What a beam channel of a log shows of outages, beside the log's own fault table."""
    facility = load(args.facility)
    with open_log(args.log) as log:
        with bars() as tell:
            tell("looking for downtime", 0.0)
            found = find_downtime(log, facility, args.channel)
            compared = compare(found, log, facility) if len(log.table("faults")["start_h"]) else None
            tell("looking for downtime", 1.0)
        outages.tell(found, compared, log, facility)
    if args.json:
        write_json(outages.as_json(found, compared, facility), args.json)
    return DONE


def train(args: Namespace) -> int:
    """Learn a model and store it, status 1 if it must not be used for recommendations; or see if one still holds."""
    if args.monitor:
        return monitor(args)
    if not args.facility or not args.log:
        raise UserError("train learns from logs of a facility; name both, or a log with --monitor")
    facility = load(args.facility)
    logs = [open_log(path) for path in args.log]
    try:
        with bars() as tell:
            keep = Checkpoint(
                registry.home() / "training" / facility.name
            )  # a killed training goes on from it
            trained = learn(facility, logs, args.seed, tell, keep=keep)
    finally:
        for log in logs:
            log.close()
    entry = registry.save(
        trained.law, trained.card, trained.facility, Path(args.output) if args.output else None
    )
    show.card(entry.card)
    say(f"\nModel {entry.id} is in {entry.path}.")
    serving = registry.in_service(facility.name, entry.path.parent)
    if serving != entry.id:
        say(f"In service is {serving}; to change that: beamtwin models promote {entry.id}")
    if args.json:
        write_json(entry.card, args.json)
    return DONE if entry.card["usable"] else NEGATIVE


def replay(args: Namespace) -> int:
    """The end of a log again, factual or otherwise; status 1 if a failure did not come back at its hour."""
    twin = replaying.twin_of(args)
    with open_log(args.log) as log, bars() as tell:
        found = replaying.replayed(args, log, twin, tell)
    replayed.tell(found)
    if args.json:
        write_json(replayed.as_json(found), args.json)
    if args.plot:
        write_text(document(found), args.plot)
    fact = found.fact
    return DONE if fact is None or fact.reproduced == fact.failures else NEGATIVE


def advise(args: Namespace) -> int:
    """Make, show and keep a recommendation; status 1 if it is refused."""
    facility = load(args.facility)
    model = registry.load(args.model, facility.name)
    with open_log(args.log) as log, bars() as tell:
        made = recommend(model, log, args.seed, Effort(risk=args.risk, horizon_h=args.horizon), tell)
    show.recommendation(made)
    path, report = Shelf().keep(made, model.facility)
    say(f"\nWritten: {path}\n         {report}")
    if args.json:
        write_json(made, args.json)
    return NEGATIVE if made["verdict"] == "refuse" else DONE


def story(args: Namespace) -> int:
    """The main job from log to scored recommendation."""
    from dashboard.cli.commands.story import tell_story

    return tell_story(args.facility, args.days, args.seed)


def serve(args: Namespace) -> int:
    """Serve the dashboard until stopped."""
    _check_free(args.port)
    from dashboard.web.pages.operate.callbacks import create_app

    shelf = Shelf()
    known = ", ".join(shelf.facilities()) or "nothing yet; make one with `beamtwin recommend`"
    say(f"Recommendations of: {known}.\nDashboard on http://127.0.0.1:{args.port} (stop it with Ctrl-C).")
    app: Any = create_app(shelf)
    app.run(host="127.0.0.1", port=args.port, debug=False)
    return DONE


def _check_free(port: int) -> None:
    """Refuse a port that cannot be listened on."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen()
        except OSError as error:
            raise UserError(f"--port {port}: {error.strerror}; choose another with --port") from None

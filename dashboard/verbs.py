"""What each command does: it calls the rooms below and prints what they found."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from controllers.judge import Interval, under_one_law
from controllers.recommend import Effort, recommend
from dashboard import downtime as outages
from dashboard import replaying, show
from dashboard.console import bars, say
from dashboard.figures import budgets
from dashboard.files import write_json, write_text
from dashboard.source import Shelf
from replay_data import replay as replays
from replay_data.archive_server import Range
from replay_data.check import check as check_log
from replay_data.compare import compare
from replay_data.downtime import find_downtime
from replay_data.export import export
from replay_data.importers import import_log
from replay_data.resampled import Resampled, save
from replay_data.runlog import is_runlog, open_log, write
from replay_data.synthesize import synthesize as make_log
from surrogate import registry
from surrogate.train import train as learn
from twin import Facility, Space, UserError, batched, built_in, load, reference, whatif
from twin.draws import draw, enough
from twin.importance import ranking
from twin.outcome import METRICS, against_published, metrics, pooled
from twin.plant import build, nominal, rates
from twin.scenario import ahead
from twin.supported import lacking

DONE, NEGATIVE = 0, 1
ENGINES = {"reference": reference, "batched": batched}


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
    with bars() as tell:
        record = make_log(facility, args.days, args.seed, args.start, tell)
    write(record, args.output)
    faults = len(record.tables["faults"]["process"])
    samples = sum(len(c.value) for c in record.channels.values())
    say(
        f"{args.output}: {args.days:g} days of {facility.name}, {samples:,} samples, {faults} faults, seed {args.seed}."
    )
    return DONE


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
    if out.exists() and Path(args.log).exists() and out.samefile(args.log):
        raise UserError(f"{out}: is the log itself; choose another name")
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
    """Learn a model and store it; status 1 if it must not be used for recommendations."""
    facility = load(args.facility)
    logs = [open_log(path) for path in args.log]
    try:
        with bars() as tell:
            trained = learn(facility, logs, args.seed, tell)
    finally:
        for log in logs:
            log.close()
    entry = registry.save(
        trained.law, trained.card, trained.facility, Path(args.output) if args.output else None
    )
    show.card(entry.card)
    say(f"\nModel {entry.id} is in {entry.path}.")
    if args.json:
        write_json(entry.card, args.json)
    return DONE if entry.card["usable"] else NEGATIVE


def models(args: Namespace) -> int:
    """The registry as a table."""
    entries = registry.entries()
    show.models(entries)
    if args.json:
        write_json([e.card for e in entries], args.json)
    return DONE


def year_h(facility: Facility) -> float:
    """Hours of the calendar that hold a year's user time."""
    user = sum(b.hours for b in facility.schedule.block if b.phase == "user")
    return facility.schedule.user_h_per_year * facility.schedule.period_h / user


def _engine(facilities: list[Facility], wanted: str = "auto") -> str:
    """The engine asked for; by itself the batched one, or the reference where a feature needs it."""
    lacks = list(dict.fromkeys(word for facility in facilities for word in lacking(facility)))
    if wanted == "auto" and lacks:
        say(f"on the reference engine, since the batched one lacks: {'; '.join(lacks)}")
    return ("reference" if lacks else "batched") if wanted == "auto" else wanted


def simulate(args: Namespace) -> int:
    """Years of a facility at its own law, beside published figures; status 1 if draws were used up."""
    facility = load(args.facility)
    plant, law = build(facility), nominal(facility)
    horizon = args.years * year_h(facility)
    scenario = ahead(facility, horizon)
    room = enough(facility, horizon, 1.5 * rates(plant, law.hazard))
    draws = draw(facility, args.runs, *room, seed=args.seed)
    engine = _engine([facility], args.engine)
    with bars() as tell:
        tell(f"{args.runs} runs of {args.years:g} year(s)", 0.0)
        tally = ENGINES[engine].simulate(plant, law, draws, scenario)
        tell(f"{args.runs} runs of {args.years:g} year(s)", 1.0)
    if tally.exhausted.any():
        say(
            f"{int(tally.exhausted.sum())} of {args.runs} runs used up their draws; their figures would be too good."
        )
        return NEGATIVE
    figures = pooled(tally, plant)
    compared = against_published(facility, figures)
    causes = ranking(facility, tally, horizon)
    show.figures(facility, figures, compared, args, engine)
    show.causes(causes)
    if args.json:
        whole = {"figures": figures, "causes": causes, "published": compared}
        write_json(whole | {"seed": args.seed, "engine": engine}, args.json)
    return DONE


def what_if(args: Namespace) -> int:
    """The cases of a scenario against the facility as it is, run by run on the same draws."""
    scenario = whatif.read(args.scenario)
    facility = whatif.facility_of(scenario, args.scenario)
    cases = [("as it is", facility, Space.of(facility).present)]
    cases += [(c.name, *whatif.changed(facility, c)) for c in scenario.case]
    engine = _engine([variant for _, variant, _ in cases])
    rows, before = [], None
    with bars() as tell:
        for i, (name, variant, settings) in enumerate(cases):
            found = _play(variant, settings, scenario, ENGINES[engine])
            before = found if before is None else before
            rows.append((name, {m.name: (found[m.name].mean(), under_one_law(found[m.name], before[m.name]))
                                for m in METRICS if m.per_run}))  # fmt: skip
            tell("running the cases", (i + 1) / len(cases))
    show.cases(rows, scenario)
    if args.json:
        write_json(
            [
                {"case": n, "metrics": {k: {"mean": m, "change": _change(g)} for k, (m, g) in v.items()}}
                for n, v in rows
            ],
            args.json,
        )
    return DONE


def _change(gain: Interval) -> dict[str, float]:
    return {"mean": gain.mean, "low": gain.low, "high": gain.high}


def _play(facility: Facility, settings, scenario: whatif.WhatIf, engine) -> dict[str, np.ndarray]:
    """Metrics [R] of one case; the same seed gives every case the same draws."""
    world = ahead(facility, 24.0 * scenario.days, settings=settings)
    law = nominal(facility)
    draws = draw(facility, scenario.runs, *enough(facility, world.horizon_h), seed=scenario.seed)
    tally = engine.simulate(build(facility), law, draws, world)
    if tally.exhausted.any():
        raise UserError(
            "a case fails so often that its draws were used up; shorten `days` or set milder knobs"
        )
    return metrics(tally, build(facility))


def replay(args: Namespace) -> int:
    """The end of a log again, factual or otherwise; status 1 if a failure did not come back at its hour."""
    model = registry.load(args.model, load(args.facility).name)
    with open_log(args.log) as log, bars() as tell:
        tell("replaying the record", 0.0)
        view = replays.window(model.facility, log, 24.0 * args.days)
        worlds = replaying.worlds(args, view)
        beside = replaying.residuals(view, log, model)
    fact = replays.factual(view, model.law.mean(), args.seed)
    seen = []
    with bars() as tell:
        for i, (title, world) in enumerate(worlds):
            tell("replaying it otherwise", i / len(worlds))
            told = replaying.with_same_luck(view, world, model, args.seed)
            seen.append((title, told, replaying.reach(view, world, model)))
            tell("replaying it otherwise", (i + 1) / len(worlds))
    show.replayed(view, fact, beside, seen)
    if args.json:
        write_json(show.replay_json(view, fact, beside, seen), args.json)
    if args.qq:
        rows = [{"mode": name, **fit._asdict(), "fails": fit.fails} for name, fit in fact.fit.items()]
        write_text(budgets(rows).to_html(include_plotlyjs=True), args.qq)
    return DONE if fact.reproduced == fact.failures else NEGATIVE


def advise(args: Namespace) -> int:
    """Make, show and keep a recommendation; status 1 if it is refused."""
    facility = load(args.facility)
    model = registry.load(args.model, facility.name)
    with open_log(args.log) as log, bars() as tell:
        made = recommend(model, log, args.seed, Effort(), tell)
    show.recommendation(made)
    path, report = Shelf().keep(made, model.facility)
    say(f"\nWritten: {path}\n         {report}")
    if args.json:
        write_json(made, args.json)
    return NEGATIVE if made["verdict"] == "refuse" else DONE


def story(args: Namespace) -> int:
    """The main job from log to scored recommendation."""
    from dashboard.story import tell_story

    return tell_story(args.facility, args.days, args.seed)


def serve(args: Namespace) -> int:
    """Serve the dashboard until stopped."""
    from dashboard.page import create_app

    shelf = Shelf()
    known = ", ".join(shelf.facilities()) or "nothing yet; make one with `beamtwin recommend`"
    say(f"Recommendations of: {known}.\nDashboard on http://127.0.0.1:{args.port} (stop it with Ctrl-C).")
    app: Any = create_app(shelf)
    app.run(host="127.0.0.1", port=args.port, debug=False)
    return DONE

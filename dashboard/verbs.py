"""What each command does: it calls the rooms below and prints what they found."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from controllers.judge import Interval, under_one_law
from controllers.recommend import Effort, recommend
from dashboard import show
from dashboard.console import bars, say
from dashboard.files import write_json
from dashboard.source import Shelf
from replay_data import replay as replays
from replay_data.check import check as check_log
from replay_data.importers import import_log
from replay_data.runlog import is_runlog, open_log, write
from replay_data.synthesize import synthesize as make_log
from surrogate import registry
from surrogate.train import train as learn
from twin import Facility, Space, UserError, batched, built_in, load, reference, whatif
from twin.draws import draw, enough
from twin.outcome import METRICS, against_published, metrics, pooled
from twin.plant import build, nominal
from twin.scenario import ahead

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
                    "defects": [vars(d) for d in report.defects]}, args.json)  # fmt: skip
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
    """Import a foreign log."""
    with bars() as tell:
        account = import_log(args.source, args.output, args.map, lambda part, text: tell(text, part))
    show.imported(account)
    if args.json:
        write_json({"rows_read": account.rows_read, "rows_used": account.rows_used,
                    "defects": [vars(d) for d in account.defects]}, args.json)  # fmt: skip
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


def simulate(args: Namespace) -> int:
    """Years of a facility at its own law, beside published figures; status 1 if draws were used up."""
    facility = load(args.facility)
    plant, law = build(facility), nominal(facility)
    horizon = args.years * year_h(facility)
    scenario = ahead(facility, horizon)
    hazard = 1.5 * (np.asarray(law.hazard) ** (1 / plant.shape))
    draws = draw(facility, args.runs, *enough(facility, horizon, hazard), seed=args.seed)
    engine = {"reference": reference, "batched": batched}[args.engine]
    with bars() as tell:
        tell(f"{args.runs} runs of {args.years:g} year(s)", 0.0)
        tally = engine.simulate(plant, law, draws, scenario)
        tell(f"{args.runs} runs of {args.years:g} year(s)", 1.0)
    if tally.exhausted.any():
        say(
            f"{int(tally.exhausted.sum())} of {args.runs} runs used up their draws; their figures would be too good."
        )
        return NEGATIVE
    figures = pooled(tally, plant)
    compared = against_published(facility, figures)
    show.figures(facility, figures, compared, args)
    if args.json:
        write_json(
            {"figures": figures, "published": compared, "seed": args.seed, "engine": args.engine}, args.json
        )
    return DONE


def what_if(args: Namespace) -> int:
    """The cases of a scenario against the facility as it is, run by run on the same draws."""
    scenario = whatif.read(args.scenario)
    facility = whatif.facility_of(scenario, args.scenario)
    cases = [("as it is", facility, Space.of(facility).present)]
    cases += [(c.name, *whatif.changed(facility, c)) for c in scenario.case]
    rows, before = [], None
    with bars() as tell:
        for i, (name, variant, settings) in enumerate(cases):
            found = _play(variant, settings, scenario)
            before = found if before is None else before
            rows.append((name, {m.name: (found[m.name].mean(), under_one_law(found[m.name], before[m.name]))
                                for m in METRICS if m.name not in ("mtbf_h", "mean_outage_h")}))  # fmt: skip
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


def _play(facility: Facility, settings, scenario: whatif.WhatIf) -> dict[str, np.ndarray]:
    """Metrics [R] of one case; the same seed gives every case the same draws."""
    world = ahead(facility, 24.0 * scenario.days, settings=settings)
    law = nominal(facility)
    draws = draw(facility, scenario.runs, *enough(facility, world.horizon_h), seed=scenario.seed)
    tally = batched.simulate(build(facility), law, draws, world)
    if tally.exhausted.any():
        raise UserError(
            "a case fails so often that its draws were used up; shorten `days` or set milder knobs"
        )
    return metrics(tally, build(facility))


def replay(args: Namespace) -> int:
    """The end of a log again, factual or otherwise; status 1 if a failure did not come back at its hour."""
    changes = _assignments(args.set)
    model = registry.load(args.model, load(args.facility).name)
    with open_log(args.log) as log, bars() as tell:
        tell("replaying the record", 0.0)
        view = replays.window(model.facility, log, 24.0 * args.days)
        fact = replays.factual(view, model.law.mean(), args.seed)
        tell("replaying the record", 1.0)
        seen = _otherwise(view, model, changes, args.seed, tell) if changes else None
    show.replayed(view, fact, seen, changes)
    if args.json:
        write_json(show.replay_json(view, fact, seen), args.json)
    return DONE if fact.reproduced == fact.failures else NEGATIVE


def _otherwise(view, model, changes, seed, tell):
    tell("replaying it otherwise", 0.0)
    laws = model.law.draws(jax.random.key(seed), 8)
    seen = replays.counterfactual(view, replays.altered(view, changes), laws, 8, 4, seed)
    tell("replaying it otherwise", 1.0)
    return seen


def _assignments(pairs: list[str]) -> dict[str, float]:
    changes = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            changes[name] = float(value)
        except ValueError:
            raise UserError(f"--set {pair!r}: write it like --set rf_voltage=2.8") from None
    return changes


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

"""`beamtwin simulate` and `whatif`: a facility's own years, and the cases of a scenario beside them."""

from argparse import Namespace

import numpy as np

from controllers.judge import Interval, under_one_law
from dashboard.app.store.files import write_json
from dashboard.cli import show
from dashboard.cli.console import bars, say
from twin import Facility, Space, UserError, batched, load, reference, whatif
from twin.draws import draw, enough
from twin.importance import ranking
from twin.nominal import nominal
from twin.outcome import METRICS, Tally, against_published, metrics, pooled, quantiles
from twin.plant import Plant, build, rates
from twin.precision import LEAST, Wanted, precise
from twin.scenario import Scenario, ahead
from twin.supported import lacking

DONE, NEGATIVE = 0, 1
ENGINES = {"reference": reference, "batched": batched}


def year_h(facility: Facility) -> float:
    """Hours of the calendar that hold a year's user time."""
    user = sum(b.hours for b in facility.schedule.block if b.phase == "user")
    return facility.schedule.user_h_per_year * facility.schedule.period_h / user


def engine_of(facilities: list[Facility], wanted: str = "auto") -> str:
    """The engine asked for; by itself the batched one, or the reference where a feature needs it."""
    lacks = list(dict.fromkeys(word for facility in facilities for word in lacking(facility)))
    if wanted == "auto" and lacks:
        say(f"on the reference engine, since the batched one lacks: {'; '.join(lacks)}")
    return ("reference" if lacks else "batched") if wanted == "auto" else wanted


def simulate(args: Namespace) -> int:
    """Years of a facility at its own law, beside published figures; status 1 if the precision was not reached."""
    facility = load(args.facility)
    plant, horizon = build(facility), args.years * year_h(facility)
    engine = engine_of([facility], args.engine)
    aim = wanted(args.precise) if args.precise else None
    with bars() as tell:
        tell(f"{args.runs} runs of {args.years:g} year(s)", 0.0)
        tally, reached, told = _years(args, aim, plant, ahead(facility, horizon), ENGINES[engine])
        tell(f"{args.runs} runs of {args.years:g} year(s)", 1.0)
    figures, spread = pooled(tally, plant), quantiles(tally, plant)
    compared = against_published(facility, figures)
    causes = ranking(facility, tally, horizon)
    args.runs = len(tally.user_h)
    show.figures(facility, figures, spread, compared, args, engine)
    show.causes(causes)
    if told:
        say(told)
    if args.json:
        whole = {"figures": figures, "quantiles": spread, "causes": causes, "published": compared}
        write_json(
            whole | {"runs": args.runs, "seed": args.seed, "engine": engine, "precision": told}, args.json
        )
    return DONE if reached else NEGATIVE


def _years(
    args: Namespace, aim: Wanted | None, plant: Plant, scenario: Scenario, engine
) -> tuple[Tally, bool, str]:
    """(tally, reached, in words): so many runs, or as many as the wanted precision takes."""
    law = nominal(plant.facility)
    room = enough(plant.facility, scenario.horizon_h, 1.5 * rates(plant, law.hazard))
    if aim:
        least = min(LEAST, args.runs)
        found = precise(aim, engine.simulate, plant, law, scenario, room, args.seed, least, args.runs)
        return found.tally, found.reached, found.told
    tally = engine.simulate(plant, law, draw(plant.facility, args.runs, *room, seed=args.seed), scenario)
    if spent := int(tally.exhausted.sum()):
        raise UserError(
            f"{spent} of {args.runs} runs used up their draws; their figures would be too good: give fewer --years"
        )
    return tally, True, ""


def wanted(text: str) -> Wanted:
    """The precision of ``METRIC=WIDTH`` (in the metric's unit) or ``METRIC=WIDTH%`` (of its value)."""
    name, _, width = text.partition("=")
    try:
        value = float(width.removesuffix("%"))
    except ValueError:
        raise UserError(
            f"--precise {text!r}: write it like --precise availability=0.1, or mtbf_h=5%"
        ) from None
    return Wanted(name, value / 100.0, True) if width.endswith("%") else Wanted(name, value)


def what_if(args: Namespace) -> int:
    """The cases of a scenario against the facility as it is, run by run on the same draws."""
    scenario = whatif.read(args.scenario)
    facility = whatif.facility_of(scenario, args.scenario)
    cases = [("as it is", facility, Space.of(facility).present)]
    cases += [(c.name, *whatif.changed(facility, c)) for c in scenario.case]
    engine = engine_of([variant for _, variant, _ in cases])
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

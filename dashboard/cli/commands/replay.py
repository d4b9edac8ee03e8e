"""What `beamtwin replay` tells of a log: failures that came back, twin against record, and what would have been."""

from typing import Any

from dashboard.app.analyses.replay import Replayed
from dashboard.cli.console import say, show
from replay_data.fit import FEWEST
from twin.outcome import METRICS

Json = dict[str, Any]
TOLD = ("useful_beam", "availability", "failures", "samples", "spoilt")


def tell(found: Replayed) -> None:
    """All of it as tables."""
    fact, view = found.fact, found.view
    span = f"Hours {found.from_h:g} to {found.to_h:g} of the log"
    if fact is None or view is None:
        say(f"{span}: rows of a tuning log, which have no running time: only quantities beside the twin.")
    else:
        say(f"{span}, {fact.failures} recorded failures.")
        say(f"Factual: {fact.reproduced} of {fact.failures} failures came back at their hour.")
        if not view.facility.process_names:
            say("The facility describes no way to fail, so nothing can come back.")
    say(law_in_words(found))
    if fact is not None and view is not None:
        lines = list(zip(view.facility.beamline, fact.measured, fact.samples, view.never_idle, strict=True))
        rows = [(b.title, f"{m:.0f}" if m == m else "not counted", f"{s:.0f}") for b, m, s, _ in lines]
        show("Samples, record against twin", ["beamline", "recorded", "twin"], rows, (1, 2))
        if any(view.never_idle):
            say("The log says nothing of experiments: in the twin the beamlines are never idle.")
    _residuals(found)
    if fact is not None:
        _fits(fact)
    for world in found.worlds:
        _otherwise(*world)


def law_in_words(found: Replayed) -> str:
    """Under which law this is, and what it owes to the replayed log."""
    facility, model = found.twin.facility, found.twin.model
    if model is None:
        return (
            f"No model of {facility.name!r} was trained, so this is the facility file's own law: it states no "
            "intervals and does not know what logs have seen (`beamtwin train` makes a model)."
        )
    said = f"Law: model {model.entry.id}."
    if found.learned_h <= found.from_h:
        return said
    if found.judged_from_h == found.from_h:
        return f"{said} It has learned from this very time, so its agreement here flatters it."
    return (
        f"{said} It has learned from this log up to hour {found.learned_h:g}; residuals are of the "
        f"{found.to_h - found.learned_h:.3g} h after that."
    )


def _residuals(found: Replayed) -> None:
    """Record minus twin, a row a quantity."""
    rows = []
    for quantity in found.twin.facility.quantity:
        r = found.residuals[quantity.name]
        quarters = " ".join(f"{b:+.2g}" for b in r.quarters)
        drift, low, high = r.drift
        inside = (
            f"{100 * r.coverage:.0f} % ({r.width:.3g} wide)" if r.coverage == r.coverage else "no interval"
        )
        moved = f"{drift:+.2g} ({low:+.2g} ... {high:+.2g})"
        measured = (f"{r.bias:+.3g}", f"{r.mae:.3g}", inside, quarters, moved)
        rows.append((f"{quantity.name}, {quantity.unit}", r.rows, *(measured if r.rows else [""] * 5)))
    count = "hours" if found.view is not None else "rows"
    columns = ["record minus twin", count, "bias", "MAE", "in 90 %", "bias by quarter", "drift over them"]
    show("Quantities, record against twin", columns, rows, (1, 2, 3, 4))


def _fits(fact) -> None:
    if fact.fit or fact.untested:
        say("\nRecovered ageing budgets, tested for unit-exponentiality and trend (Holm):")
    for mode, fit in fact.fit.items():
        say(f"- {fit.verdict(mode)}")
    for mode, lives in fact.untested.items():
        say(f"- {untested(mode, lives)}")


def untested(mode: str, lives: int) -> str:
    """The word on a mode of which too little was seen."""
    return f"hazard model of {mode} not tested: {lives} whole {'life' if lives == 1 else 'lives'}, {FEWEST} are needed"


def _otherwise(title: str, found, reach) -> None:
    rows = []
    for m in METRICS:
        if m.name in TOLD:
            mean, low, high = found.change(m.name)
            before, after = found.before[m.name].mean(), found.after[m.name].mean()
            change = f"{mean:+.{m.digits}f} ({low:+.{m.digits}f} ... {high:+.{m.digits}f})"
            rows.append((m.title, f"{before:.{m.digits}f}", f"{after:.{m.digits}f}", change))
    columns = ["metric", "recorded settings", "otherwise", "change (90 %)"]
    show(f"The same luck with {title}", columns, rows, (1, 2, 3))
    say(reach.words)


def as_json(found: Replayed) -> Json:
    """The same as plain JSON values."""
    model, fact = found.twin.model, found.fact
    told: Json = {
        "law": "facility file" if model is None else model.entry.id,
        "law_words": law_in_words(found),
        "from_h": found.from_h, "hours": found.to_h - found.from_h, "learned_h": found.learned_h,
        "residuals": {name: r._asdict() for name, r in found.residuals.items()},
        "counterfactuals": [_world(*world) for world in found.worlds],
    }  # fmt: skip
    if fact is None or found.view is None:
        return told
    fits = {m: fit._asdict() | {"fails": fit.fails, "words": fit.verdict(m)} for m, fit in fact.fit.items()}
    few = {m: {"lives": n, "words": untested(m, n)} for m, n in fact.untested.items()}
    return told | {
        "failures": fact.failures, "reproduced": fact.reproduced, "samples": fact.samples,
        "measured": fact.measured, "never_idle": found.view.never_idle, "fit": fits, "not_tested": few,
        "outages": fact.outages,
    }  # fmt: skip


def _world(title: str, found, reach) -> Json:
    metrics = {
        m: {"recorded": found.before[m], "otherwise": found.after[m],
            "change": dict(zip(("mean", "low", "high"), found.change(m), strict=True))}
        for m in found.before
    }  # fmt: skip
    words = reach._asdict() | {"words": reach.words}
    return {"name": title, "metrics": metrics, "reach": words, "outages": found.outages}

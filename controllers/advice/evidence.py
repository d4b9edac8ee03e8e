"""The parts of a recommendation as plain values: settings, effects, limits, ramp, moments, replay, hashes."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jax
import numpy as np

from controllers.advice import reasons
from controllers.advice.case import Case, Effort
from controllers.advice.timing import Moment
from controllers.judge import CHANCE, LAWS, Court, Interval, paired, ranks
from controllers.policy import Policy
from replay_data import replay
from replay_data.record import Log, instant
from surrogate.registry import Model
from twin import reference
from twin.outcome import METRICS, Tally, metrics
from twin.plant import build, rates

Json = dict[str, Any]
EXPIRES_H = 24.0
SHOWN = ("useful_beam", "availability", "failures", "samples", "spoilt")
WEEK_H = 168.0
CONFIRMED = 2  # runs of each policy repeated on the reference engine


def frame(this: Case, model: Model, log: Log, seed: int, effort: Effort) -> Json:
    """What a recommendation says of itself whatever its verdict."""
    made = datetime.now(UTC)
    start, entry = instant(log.start), model.entry
    return {
        "schema": "beamtwin/recommendation/1",
        "facility": this.facility.name,
        "title": this.facility.title,
        "made_at": made.isoformat(timespec="seconds"),
        "expires_at": (made + timedelta(hours=EXPIRES_H)).isoformat(timespec="seconds"),
        "evidence": {
            "log": str(Path(path).resolve()) if (path := getattr(log, "path", "")) else "",
            "log_sha256": getattr(log, "sha256", ""),
            "log_start": start.isoformat(timespec="seconds"),
            "log_end": (start + timedelta(hours=log.hours)).isoformat(timespec="seconds"),
            "log_hours": log.hours,
            "facility_sha256": hashlib.sha256(this.facility.model_dump_json().encode()).hexdigest(),
            "model_id": entry.id,
            "model_sha256": entry.sha256,
            "seed": seed,
            "version": entry.card["versions"]["beamtwin"],
            "runs": effort.batches * LAWS * CHANCE,
            "horizon_h": effort.horizon_h,
            "round_h": this.round_h,
            "risk": effort.risk,
        },
        "skill": entry.card["skill"],
        "knobs": knobs(this, this.space.present, {}, {}),
        "effects": [], "limits": [], "ramp": [], "candidates": [], "lost_hours": [], "replay": None, "when": None,
        "support": support(this, this.space.present),
    }  # fmt: skip


def _named(this: Case, settings) -> dict[str, float]:
    return {name: float(v) for name, v in zip(this.space.names, settings, strict=True)}


def interval(gain: Interval) -> dict[str, float]:
    """A gain and its 90 % interval."""
    return {"mean": gain.mean, "low": gain.low, "high": gain.high}


def knobs(
    this: Case,
    wanted,
    alone: dict[str, Interval],
    shares: dict[str, Interval],
    because: dict[str, str] | None = None,
) -> list[Json]:
    """Each knob now and then, what it would bring alone, its share of the whole gain, and what else needs it."""
    near, rows = this.envelope.place(wanted), []
    for knob, present, proposed in zip(this.facility.knob, this.space.present, wanted, strict=True):
        rows.append({
            "name": knob.name, "title": knob.title, "pv": knob.pv, "unit": knob.unit, "precision": knob.precision,
            "low": knob.low, "high": knob.high, "present": float(present), "proposed": float(proposed),
            "ramp_per_h": knob.ramp_per_h, "ramp_h": abs(float(proposed - present)) / knob.ramp_per_h,
            "gain_alone": interval(alone[knob.name]) if knob.name in alone else None,
            "gain_share": interval(shares[knob.name]) if knob.name in shares else None,
            "needed_for": (because or {}).get(knob.name),
            "support": near,
        })  # fmt: skip
    return rows


def candidates(this: Case, bench: Court, heard: list[tuple[Policy, Tally, Interval]]) -> list[Json]:
    """The finalists with their gains and ranks; those that cannot be told apart share one."""
    places = ranks([bench.score(tally) for _, tally, _ in heard])
    return [
        {"name": p.name, "settings": _named(this, p.wanted), "gain": interval(gain), "rank": place}
        for (p, _, gain), place in zip(heard, places, strict=True)
    ]


def support(this: Case, wanted) -> Json:
    """How far settings lie from what the logs have seen."""
    distance = float(this.envelope.look(np.asarray(wanted)[None]).distance[0])
    return {"distance": distance, "limit": this.envelope.limit, "inside": distance <= this.envelope.limit}


def effects(bench: Court, present: Tally, tally: Tally, promised: Interval | None = None) -> list[Json]:
    """The metrics before and after, with the interval of the change; ``promised`` is that of the useful beam."""
    before, after, rows = metrics(present, bench.plant), metrics(tally, bench.plant), []
    for metric in (m for m in METRICS if m.name in SHOWN):
        gain = paired(after[metric.name], before[metric.name])
        gain = promised if promised and metric.name == "useful_beam" else gain
        held = float(before[metric.name].mean())
        rows.append({
            "metric": metric.name, "title": metric.title, "unit": metric.unit, "digits": metric.digits,
            "present": held, "proposed": held + gain.mean,
            "change": gain.mean, "low": gain.low, "high": gain.high,
        })  # fmt: skip
    return rows


def limits(this: Case, wanted) -> list[Json]:
    """The promised quantities at the proposal, then the interlocks, which are exact."""
    look = this.envelope.look(np.asarray(wanted)[None])
    promised = [
        {"name": q.name, "title": q.title, "unit": q.unit, "low": q.low, "high": q.high,
         **_expected(look, 0, i)}
        for i, q in enumerate(this.facility.quantity) if q.low is not None or q.high is not None
    ]  # fmt: skip
    here = _named(this, wanted)
    for lock in this.facility.interlock:
        value = sum(factor * here[name] for name, factor in lock.factor.items())
        exact = dict.fromkeys(("predicted", "predicted_low", "predicted_high"), value)
        promised.append({"name": lock.name, "title": f"Interlock: {lock.title}", "unit": lock.unit,
                         "low": lock.low, "high": lock.high, **exact})  # fmt: skip
    return promised


def _expected(look, row: int, quantity: int) -> dict[str, float]:
    keys = {"predicted": look.mean, "predicted_low": look.low, "predicted_high": look.high}
    return {key: float(table[row, quantity]) for key, table in keys.items()}


def ramp(this: Case, policy: Policy) -> list[Json]:
    """The way there, each step with the state that is expected when it is reached."""
    steps, plant = policy.ramp(this.space), build(this.facility)
    look = this.envelope.look(np.array([settings for _, settings in steps]))
    rows = []
    for i, (hour, settings) in enumerate(steps):
        state = {q.name: _expected(look, i, j) for j, q in enumerate(this.facility.quantity)}
        weekly = float(rates(plant, look.hazard[i]).sum() * WEEK_H)
        rows.append({"at_h": hour, "settings": _named(this, settings), "expected": state,
                     "failures_per_week": weekly, "support": this.envelope.place(settings)})  # fmt: skip
    return rows


def when(moments: list[Moment], start: Moment) -> Json:
    """The moments to begin, what the change brings from each, and the one that is advised."""
    rows = [
        {"name": m.name, "at_h": m.policy.from_h, "disturbed_h": m.disturbed_h,
         "disturbed_share": m.disturbed_share, "gain": interval(m.gain)}
        for m in moments
    ]  # fmt: skip
    return {"start": start.name, "at_h": start.policy.from_h, "moments": rows}


def lost_hours(this: Case, present: Tally, tally: Tally) -> list[Json]:
    """Mean hours of user time lost over the horizon, by the failure that began the outage."""
    titles = {s.name: s.title for s in this.facility.subsystem}
    rows = [
        {"process": n, "title": f"{titles[n.split('.')[0]]}: {n.split('.', 1)[1]}",
         "present": float(present.lost_h[:, p].mean()), "proposed": float(tally.lost_h[:, p].mean())}
        for p, n in enumerate(this.facility.process_names)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -row["present"])


def confirm(this: Case, bench: Court, heard: list[tuple[Policy, Tally]]) -> Json:
    """Runs of each policy once more on the reference engine, same draws, each under another law; what differs most."""
    places = [(policy, tally, CHANCE * i) for policy, tally in heard for i in range(CONFIRMED)]
    worst = max(_differs(this, bench, *place) for place in places)
    return {"runs": len(places), "largest_difference": worst}


def _differs(this: Case, bench: Court, policy: Policy, tally: Tally, r: int) -> float:
    """How much run ``r`` of the first batch differs at most on the reference engine."""
    law = jax.tree.map(lambda a: np.asarray(a)[r // CHANCE], bench.laws[0])
    run = reference.start(bench.plant, bench.draws[0].run(r), this.scenario.calendar)
    plan = policy.plan(this.space, this.scenario.edges_h)
    for e, until_h in enumerate(this.scenario.edges_h[1:]):
        run.advance(law, plan[e], this.scenario.conditions[e], float(until_h))
    pairs = zip(run.tally()[:-1], tally[:-1], strict=True)
    return max(float(np.max(np.abs(np.subtract(a, b[r])), initial=0.0)) for a, b in pairs)


def replayed(
    this: Case, log: Log, policy: Policy, effort: Effort, seed: int, say: Callable[[str, float], None]
) -> Json:
    """The last weeks again at the proposed settings with the same luck."""
    say("replaying the last weeks", 0.0)
    view = replay.window(this.facility, log, effort.horizon_h)
    laws = this.law.draws(jax.random.key(seed + 1), effort.replay_laws)
    changed = replay.altered(view, _named(this, policy.wanted))
    seen = replay.counterfactual(view, changed, laws, effort.replay_laws, effort.replay_runs, seed)
    fact = replay.factual(view, this.law.mean(), seed)
    say("replaying the last weeks", 1.0)
    return {
        "from_h": view.from_h,
        "to_h": view.from_h + view.scenario.horizon_h,
        "record": {n: float(seen.before[n].mean()) for n in ("failures", "lost_h", "useful_beam")},
        "counterfactual": {
            n: {"mean": float(v.mean()), **dict(zip(("low", "high"), replay.interval(v), strict=True))}
            for n in ("failures", "lost_h", "useful_beam") for v in [seen.after[n]]
        },
        "timeline": {"record": fact.outages, "counterfactual": seen.outages},
        "reproduced": {"failures": fact.failures, "at_their_hour": fact.reproduced},
        "same_luck": reasons.same_luck(view, seen),
    }  # fmt: skip

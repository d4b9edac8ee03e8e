"""The parts of a recommendation: settings, effects, limits, ramp, moments to begin and evidence."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from controllers.evaluation import CHANCE, LAWS, Interval, PolicyEvaluator, paired, ranks
from controllers.policy import Policy
from controllers.recommend.case import Case, Effort
from controllers.recommend.confirmation import confirmed
from controllers.recommend.envelope import Assessment
from controllers.recommend.timing import Moment
from controllers.recommendation import parts
from controllers.recommendation.document import SCHEMA
from replay_data.record import Log, instant
from surrogate.registry import Model
from twin.outcome import METRICS, Tally, metrics
from twin.plant import build, rates

Fields = dict[str, Any]
"""Fields of a ``Recommendation`` by name."""

EXPIRES_H = 24.0
SHOWN = ("useful_beam", "availability", "failures", "samples", "spoilt")
WEEK_H = 168.0


def common(this: Case, model: Model, log: Log, seed: int, effort: Effort) -> Fields:
    """Every field of a recommendation with its value before any simulation, whatever the verdict."""
    made = datetime.now(UTC).replace(microsecond=0)
    skill = [{key: row.get(key) for key in parts.Skill.model_fields} for row in model.entry.card["skill"]]
    return {
        "schema_id": SCHEMA,
        "facility": this.facility.name,
        "title": this.facility.title,
        "made_at": made,
        "expires_at": made + timedelta(hours=EXPIRES_H),
        "headline": "",
        "why": (),
        "evidence": basis(this, model, log, seed, effort),
        "skill": tuple(parts.Skill(**row) for row in skill),
        "knobs": knobs(this, this.space.present, {}, {}),
        "support": support(this, this.space.present),
        "unranked": 0,
        **dict.fromkeys(("effects", "limits", "ramp", "candidates", "lost_hours"), ()),
        **dict.fromkeys(("when", "replay", "shared_gain", "held_back", "parameters_share", "confirmed")),
    }


def basis(this: Case, model: Model, log: Log, seed: int, effort: Effort) -> parts.Evidence:
    """Hashes, seed and options with which the recommendation can be computed again."""
    start, entry, path = instant(log.start), model.entry, getattr(log, "path", "")
    return parts.Evidence(
        log=str(Path(path).resolve()) if path else "",
        log_sha256=getattr(log, "sha256", ""),
        log_start=start,
        log_end=start + timedelta(hours=log.hours),
        facility_sha256=hashlib.sha256(this.facility.model_dump_json().encode()).hexdigest(),
        model_id=entry.id,
        model_sha256=entry.sha256,
        seed=seed,
        version=entry.card["versions"]["beamtwin"],
        runs=effort.batches * LAWS * CHANCE,
        horizon_h=effort.horizon_h,
        round_h=this.round_h,
        risk=effort.risk,
    )


def of_policy(
    this: Case,
    evaluator: PolicyEvaluator,
    policy: Policy,
    present: Tally,
    tally: Tally,
    gain: Interval | None = None,
) -> Fields:
    """The fields that describe any policy, also the one that holds; ``gain``: promised change of useful beam."""
    stay = Policy("present", this.space.present)
    return {
        "knobs": knobs(this, policy.wanted, {}, {}),
        "effects": effects(evaluator, present, tally, gain),
        "limits": limits(this, policy.wanted),
        "ramp": ramp(this, policy),
        "support": support(this, policy.wanted),
        "lost_hours": lost_hours(this, present, tally),
        "confirmed": confirmed(this, evaluator, [(stay, present), (policy, tally)]),
    }


def estimate(gain: Interval) -> parts.Estimate:
    """A gain with its 90 % interval."""
    return parts.Estimate(mean=gain.mean, low=gain.low, high=gain.high)


def knobs(
    this: Case,
    wanted,
    alone: dict[str, Interval],
    shares: dict[str, Interval],
    needed_for: dict[str, str] | None = None,
) -> tuple[parts.Knob, ...]:
    """Each knob, present and proposed, with its gain alone, its share of the gain and the bound that needs it."""
    return tuple(
        parts.Knob(
            name=knob.name, title=knob.title, pv=knob.pv, unit=knob.unit, precision=knob.precision,
            low=knob.low, high=knob.high, present=float(present), proposed=float(proposed),
            ramp_per_h=knob.ramp_per_h,
            gain_alone=estimate(alone[knob.name]) if knob.name in alone else None,
            gain_share=estimate(shares[knob.name]) if knob.name in shares else None,
            needed_for=(needed_for or {}).get(knob.name),
        )
        for knob, present, proposed in zip(this.facility.knob, this.space.present, wanted, strict=True)
    )  # fmt: skip


def candidates(
    this: Case, evaluator: PolicyEvaluator, finalists: Sequence[tuple[Policy, Tally, Interval]]
) -> tuple[parts.Candidate, ...]:
    """The finalists with their gains and ranks; those without a significant difference share a rank."""
    places = ranks([evaluator.score(tally) for _, tally, _ in finalists])
    return tuple(
        parts.Candidate(name=p.name, settings=this.named(p.wanted), gain=estimate(gain), rank=place)
        for (p, _, gain), place in zip(finalists, places, strict=True)
    )


def support(this: Case, wanted) -> parts.Support:
    """How far settings lie from the data of the logs."""
    distance = float(this.envelope.assess(np.asarray(wanted)[None]).distance[0])
    place = this.envelope.place(wanted)
    return parts.Support(distance=distance, limit=this.envelope.limit, place=place)


def effects(
    evaluator: PolicyEvaluator, present: Tally, tally: Tally, promised: Interval | None = None
) -> tuple[parts.Effect, ...]:
    """The metrics at the present settings and their change; ``promised`` is the change of useful beam."""
    before, after, rows = metrics(present, evaluator.plant), metrics(tally, evaluator.plant), []
    for metric in (m for m in METRICS if m.name in SHOWN):
        gain = paired(after[metric.name], before[metric.name])
        gain = promised if promised and metric.name == "useful_beam" else gain
        rows.append(parts.Effect(
            metric=metric.name, title=metric.title, unit=metric.unit, digits=metric.digits,
            present=float(before[metric.name].mean()), change=estimate(gain),
        ))  # fmt: skip
    return tuple(rows)


def limits(this: Case, wanted) -> tuple[parts.Limit, ...]:
    """The promised quantities at the proposal, then the interlocks, whose values are exact."""
    assessment, here, rows = this.envelope.assess(np.asarray(wanted)[None]), this.named(wanted), []
    for i, q in enumerate(this.facility.quantity):
        if q.low is not None or q.high is not None:
            rows.append((q, q.title, _predicted(assessment, 0, i)))
    for lock in this.facility.interlock:
        value = sum(factor * here[name] for name, factor in lock.factor.items())
        exact = parts.Predicted(mean=float(value), low=None, high=None)
        rows.append((lock, f"Interlock: {lock.title}", exact))
    return tuple(
        parts.Limit(name=of.name, title=title, unit=of.unit, low=of.low, high=of.high, predicted=predicted)
        for of, title, predicted in rows
    )


def _predicted(assessment: Assessment, row: int, quantity: int) -> parts.Predicted | None:
    """A quantity with its interval; None where the model gives no finite value."""
    tables = assessment.mean, assessment.low, assessment.high
    mean, low, high = (float(table[row, quantity]) for table in tables)
    return parts.Predicted(mean=mean, low=low, high=high) if np.isfinite([mean, low, high]).all() else None


def ramp(this: Case, policy: Policy) -> tuple[parts.RampStep, ...]:
    """The ramp to the proposal, each step with the quantities and failures to expect there."""
    steps, plant = policy.ramp(this.space), build(this.facility)
    assessment = this.envelope.assess(np.array([settings for _, settings in steps]))
    rows = []
    for i, (hour, settings) in enumerate(steps):
        weekly = float(rates(plant, assessment.hazard[i]).sum() * WEEK_H)
        rows.append(parts.RampStep(
            at_h=float(hour), settings=this.named(settings),
            expected={q.name: _predicted(assessment, i, j) for j, q in enumerate(this.facility.quantity)},
            failures_per_week=weekly if np.isfinite(weekly) else None,
            support=this.envelope.place(settings),
        ))  # fmt: skip
    return tuple(rows)


def when(moments: list[Moment], begin: Moment) -> parts.When:
    """The moment to begin, and the other moments with the gain from beginning then."""

    def row(moment: Moment) -> Fields:
        return {
            "name": moment.name, "at_h": float(moment.policy.from_h), "disturbed_h": moment.disturbed_h,
            "disturbed_share": moment.disturbed_share,
        }  # fmt: skip

    others = [parts.Alternative(**row(m), gain=estimate(m.gain)) for m in moments if m is not begin]
    return parts.When(begin=parts.Moment(**row(begin)), others=tuple(others))


def lost_hours(this: Case, present: Tally, tally: Tally) -> tuple[parts.LostHours, ...]:
    """Mean user time lost over the horizon [h], by the failure process that began the outage."""
    titles = {s.name: s.title for s in this.facility.subsystem} | {"shock": "Common cause"}
    rows = [
        parts.LostHours(
            process=n, title=f"{titles[n.split('.')[0]]}: {n.split('.', 1)[1]}",
            present=float(present.lost_h[:, p].mean()), proposed=float(tally.lost_h[:, p].mean()),
        )
        for p, n in enumerate(this.facility.process_names)
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: -row.present))

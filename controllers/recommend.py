"""The whole story in one call: from a log and its model to one recommendation with its evidence."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import jax
import numpy as np

from controllers import reasons
from controllers.bayes import BayesianOptimisation
from controllers.judge import CHANCE, LAWS, Court, Interval, convene, paired, quantile
from controllers.policy import Policy
from controllers.search import Random, Search, sobol
from replay_data import replay
from replay_data.frames import frame
from replay_data.record import Log, instant
from surrogate.learned import LearnedLaw
from surrogate.monitor import up_to_date
from surrogate.registry import Model
from twin import Facility, Space, UserError, reference
from twin.outcome import METRICS, metrics
from twin.plant import at
from twin.scenario import Scenario, ahead

Progress = Callable[[str, float], None]

RISK = 0.10
"""Policies are ranked by this quantile of the expected gain: a sure small gain beats an unsure large one."""

EXPIRES_H = 24.0
WEATHER_H = 168.0


@dataclass(frozen=True)
class Effort:
    """How much work a recommendation is given."""

    horizon_h: float = 672.0
    evaluations: int = 28  # by the search, one batch of runs each
    random: int = 6  # of them by random search, which the others must beat
    batches: int = 4  # of runs for each finalist
    finalists: int = 3
    replay_laws: int = 8
    replay_runs: int = 4


@dataclass(frozen=True)
class Case:
    """What a recommendation is made from."""

    facility: Facility  # calibrated, the present settings those of the log's end
    law: LearnedLaw
    space: Space
    scenario: Scenario
    weather: np.ndarray  # [C] held over the horizon

    def allowed(self, settings) -> np.ndarray:
        """Which settings [n, K] lie where the logs have been and keep every promised quantity, [n]."""
        near, _, low, high = (
            np.asarray(x) for x in _look(self.law, np.asarray(settings, float), self.weather)
        )
        bottom = np.array([-np.inf if q.low is None else q.low for q in self.facility.quantity])
        top = np.array([np.inf if q.high is None else q.high for q in self.facility.quantity])
        kept = ((low >= bottom) | np.isneginf(bottom)) & ((high <= top) | np.isposinf(top))
        return (near <= self.limit) & kept.all(-1)

    @property
    def limit(self) -> float:
        return float(np.asarray(self.law.seen.limit)) if self.law.seen is not None else np.inf


@jax.jit
def _look(law: LearnedLaw, settings, weather):
    """Support distance [n] and predicted quantities [n, Q] with their 90 % interval."""

    def one(s):
        return law.support(s, weather), *law.predict(s, weather)

    return jax.vmap(one)(settings)


def case(model: Model, log: Log, effort: Effort) -> Case:
    """The present settings and the weather of the log's last week, on the calibrated facility.

    Intervals are those that stand after what the log has measured since the model was trained.

    Raises UserError if a knob was never recorded or its last value lies beyond the facility's limits.
    """
    facility = model.facility
    data = frame(log, facility)
    held = []
    for knob in facility.knob:
        known = data[knob.name].values[np.isfinite(data[knob.name].values)]
        if not len(known):
            raise UserError(
                f"log of {log.facility}: knob {knob.name!r} was not recorded; its present value is unknown"
            )
        held.append(float(log.channel(knob.name).value[-1]) if not log.tabular else float(known[-1]))
    space = replace(Space.of(facility), present=np.array(held))
    space.check(space.present)
    late = data["time"].values >= data["time"].values[-1] - WEATHER_H
    weather = np.array([_mean(data[c.name].values[late], c.value) for c in facility.condition])
    now = facility.model_copy(
        update={"knob": [k.model_copy(update={"value": v}) for k, v in zip(facility.knob, held, strict=True)]}
    )
    coming = ahead(now, effort.horizon_h)
    coming = replace(
        coming, conditions=np.broadcast_to(weather, (len(coming.edges_h) - 1, len(weather))).copy()
    )
    return Case(now, up_to_date(model, log), space, coming, weather)


def _mean(values: np.ndarray, default: float) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else default


def court(this: Case, effort: Effort, seed: int) -> Court:
    """A court whose runs differ in chance and in the posterior draw of the law."""
    key = jax.random.key(seed)
    laws = [this.law.draws(jax.random.fold_in(key, b), LAWS) for b in range(effort.batches)]
    points = this.space.from_unit(sobol(len(this.space.names), 64, seed))
    points = np.concatenate([this.space.present[None], points[this.allowed(points)]])
    hazard = np.max([np.quantile(_hazards(law, points, this.weather), 0.99, axis=0) for law in laws], axis=0)
    return convene(
        this.facility, this.space, this.scenario, lambda b, n: laws[b], effort.batches, seed, hazard
    )


def _hazards(laws, points, weather) -> np.ndarray:
    """Hazards [n laws * m points, P]; P is 0 where no way to fail is described."""
    return np.concatenate(np.asarray(_hazard_table(laws, points, weather)))


@jax.jit
def _hazard_table(laws, points, weather):
    return jax.vmap(lambda law: jax.vmap(lambda s: at(law, s, weather).hazard)(points))(laws)


def search(this: Case, bench: Court, effort: Effort, seed: int, say: Progress) -> list[Policy]:
    """The best policies each search found, judged on one batch of runs; the present one is not among them."""
    present = bench.score(bench.hear(Policy("present", this.space.present), batches=1))
    found: list[Policy] = []
    done = 0
    plans: list[tuple[str, Search, int, int]] = [
        ("random", Random(), effort.random, 1),
        (
            "Bayesian optimisation",
            BayesianOptimisation(),
            effort.evaluations - effort.random,
            effort.finalists,
        ),
    ]
    for i, (name, engine, budget, keep) in enumerate(plans):
        state = engine.start(this.space, seed + i, this.allowed)
        for _ in range(budget):
            wanted = engine.ask(state, 1)
            try:
                gain = paired(bench.score(bench.hear(Policy(name, wanted[0]), batches=1)), present)
                state = engine.tell(state, wanted, [quantile(gain, RISK)])
            except RuntimeError:
                state = engine.tell(state, wanted, [np.nan], feasible=[False])
            done += 1
            say("searching for better settings", done / effort.evaluations)
        found += [Policy(name, s) for s in _best(state, keep, this.space)]
    return found


def _best(state, keep: int, space: Space) -> list[np.ndarray]:
    """The best told settings that are not the present ones and differ from each other."""
    order = np.argsort(np.where(state.feasible, -state.scores, np.inf))
    chosen: list[np.ndarray] = []
    for i in order[: np.count_nonzero(state.feasible)]:
        others = [space.to_unit(s) for s in [space.present, *chosen]]
        if all(np.abs(space.to_unit(state.settings[i]) - other).max() > 0.01 for other in others):
            chosen.append(state.settings[i])
        if len(chosen) == keep:
            break
    return chosen


def recommend(
    model: Model, log: Log, seed: int = 0, effort: Effort | None = None, say: Progress | None = None
) -> dict:
    """One recommendation as plain JSON values (its form: ``docs/recommendation.md``).

    ``verdict``: "change"; "hold" when nothing is surely better; "refuse" when the model does not beat
    the best baseline on later time.
    """
    effort, say = effort or Effort(), say or (lambda text, part: None)
    this = case(model, log, effort)
    base = _frame(this, model, log, seed, effort)
    if not model.entry.card["usable"]:
        return base | reasons.refusal(this.facility, model.entry.card)
    bench = court(this, effort, seed)
    policies = search(this, bench, effort, seed, say)
    say("judging the best", 0.0)
    present = bench.hear(Policy("present", this.space.present))
    score = bench.score(present)
    heard = []
    for i, policy in enumerate(policies):
        tally = bench.hear(policy)
        heard.append((policy, tally, paired(bench.score(tally), score)))
        say("judging the best", (i + 1) / len(policies))
    proposed, tally, gain = Policy("present", this.space.present), present, None
    best = max(heard, key=lambda row: quantile(row[2], RISK), default=None)
    if best is not None and best[2].low > 0:
        proposed, tally, gain = best
    better = gain is not None
    alone = _alone(this, bench, proposed, score, say) if better else {}
    out = base | {
        "verdict": "change" if better else "hold",
        "knobs": _knobs(this, proposed, alone),
        "effects": _effects(bench, present, tally),
        "limits": _limits(this, proposed),
        "ramp": [{"at_h": h, "settings": _named(this, s)} for h, s in proposed.ramp(this.space)],
        "support": _support(this, proposed),
        "candidates": [
            {"name": p.name, "settings": _named(this, p.wanted), "gain": _interval(g)} for p, _, g in heard
        ],
        "lost_hours": _lost_hours(this, present, tally),
        "parameters_share": gain.parameters if gain else None,
        "confirmed": _confirm(this, bench, proposed, tally),
    }
    out["replay"] = _replay(this, log, proposed, effort, seed, say) if better and not log.tabular else None
    return out | {"headline": reasons.headline(out), "why": reasons.why(out)}


def _frame(this: Case, model: Model, log: Log, seed: int, effort: Effort) -> dict:
    """What a recommendation says of itself whatever its verdict."""
    made = datetime.now(UTC)
    start = instant(log.start)
    entry = model.entry
    return {
        "schema": "beamtwin/recommendation/1",
        "facility": this.facility.name,
        "title": this.facility.title,
        "made_at": made.isoformat(timespec="seconds"),
        "expires_at": (made + timedelta(hours=EXPIRES_H)).isoformat(timespec="seconds"),
        "evidence": {
            "log": str(getattr(log, "path", "")),
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
        },
        "skill": entry.card["skill"],
        "knobs": _knobs(this, Policy("present", this.space.present), {}),
        "effects": [], "limits": [], "ramp": [], "candidates": [], "lost_hours": [], "replay": None,
        "support": _support(this, Policy("present", this.space.present)),
    }  # fmt: skip


def _named(this: Case, settings) -> dict[str, float]:
    return {name: float(v) for name, v in zip(this.space.names, settings, strict=True)}


def _interval(gain: Interval) -> dict[str, float]:
    return {"mean": gain.mean, "low": gain.low, "high": gain.high}


def _alone(this: Case, bench: Court, proposed: Policy, score, say: Progress) -> dict[str, Interval]:
    """What each knob's change would bring if it were the only one."""
    gains = {}
    for k, name in enumerate(this.space.names):
        wanted = this.space.present.copy()
        wanted[k] = proposed.wanted[k]
        gains[name] = paired(bench.score(bench.hear(Policy(name, wanted))), score)
        say("finding which knob brings what", (k + 1) / len(this.space.names))
    return gains


def _knobs(this: Case, proposed: Policy, alone: dict[str, Interval]) -> list[dict]:
    near = _near(this, proposed.wanted)
    rows = []
    for k, knob in enumerate(this.facility.knob):
        present, wanted = float(this.space.present[k]), float(proposed.wanted[k])
        rows.append({
            "name": knob.name, "title": knob.title, "pv": knob.pv, "unit": knob.unit, "precision": knob.precision,
            "low": knob.low, "high": knob.high, "present": present, "proposed": wanted,
            "ramp_per_h": knob.ramp_per_h, "ramp_h": abs(wanted - present) / knob.ramp_per_h,
            "gain_alone": _interval(alone[knob.name]) if knob.name in alone else None,
            "support": near,
        })  # fmt: skip
    return rows


def _near(this: Case, settings) -> str:
    distance = float(np.asarray(_look(this.law, np.asarray(settings)[None], this.weather)[0])[0])
    return "inside" if distance <= 0.8 * this.limit else "edge" if distance <= this.limit else "outside"


def _support(this: Case, proposed: Policy) -> dict:
    distance = float(np.asarray(_look(this.law, proposed.wanted[None], this.weather)[0])[0])
    return {"distance": distance, "limit": this.limit, "inside": distance <= this.limit}


def _effects(bench: Court, present, tally) -> list[dict]:
    before, after = metrics(present, bench.plant), metrics(tally, bench.plant)
    shown = [m for m in METRICS if m.name in ("useful_beam", "availability", "failures", "samples", "spoilt")]
    rows = []
    for metric in shown:
        gain = paired(after[metric.name], before[metric.name])
        rows.append({
            "metric": metric.name, "title": metric.title, "unit": metric.unit, "digits": metric.digits,
            "present": float(before[metric.name].mean()), "proposed": float(after[metric.name].mean()),
            "change": gain.mean, "low": gain.low, "high": gain.high,
        })  # fmt: skip
    return rows


def _limits(this: Case, proposed: Policy) -> list[dict]:
    _, mean, low, high = (np.asarray(x)[0] for x in _look(this.law, proposed.wanted[None], this.weather))
    return [
        {"name": q.name, "title": q.title, "unit": q.unit, "low": q.low, "high": q.high,
         "predicted": float(mean[i]), "predicted_low": float(low[i]), "predicted_high": float(high[i])}
        for i, q in enumerate(this.facility.quantity) if q.low is not None or q.high is not None
    ]  # fmt: skip


def _lost_hours(this: Case, present, tally) -> list[dict]:
    """Mean hours of user time lost over the horizon, by the failure that began the outage."""
    titles = {s.name: s.title for s in this.facility.subsystem}
    names = this.facility.process_names
    rows = [
        {"process": n, "title": f"{titles[n.split('.')[0]]}: {n.split('.', 1)[1]}",
         "present": float(present.lost_h[:, p].mean()), "proposed": float(tally.lost_h[:, p].mean())}
        for p, n in enumerate(names)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -row["present"])


def _confirm(this: Case, bench: Court, proposed: Policy, tally, runs: int = 2) -> dict:
    """The first runs once more on the reference engine, same draws and laws; what differs at most."""
    plan = proposed.plan(this.space, this.scenario.edges_h)
    worst = 0.0
    for r in range(runs):
        law = jax.tree.map(lambda a: np.asarray(a)[0], bench.laws[0])
        run = reference.start(bench.plant, bench.draws[0].run(r), this.scenario.calendar)
        for e, until_h in enumerate(this.scenario.edges_h[1:]):
            run.advance(law, plan[e], this.scenario.conditions[e], float(until_h))
        mine = run.tally()
        worst = max(
            worst,
            *(
                float(np.max(np.abs(np.subtract(a, b[r])), initial=0.0))
                for a, b in zip(mine[:-1], tally[:-1], strict=True)
            ),
        )
    return {"runs": runs, "largest_difference": worst}


def _replay(this: Case, log: Log, proposed: Policy, effort: Effort, seed: int, say: Progress) -> dict:
    """The last weeks again at the proposed settings with the same luck."""
    say("replaying the last weeks", 0.0)
    view = replay.window(this.facility, log, effort.horizon_h)
    laws = this.law.draws(jax.random.key(seed + 1), effort.replay_laws)
    changed = replay.altered(view, _named(this, proposed.wanted))
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

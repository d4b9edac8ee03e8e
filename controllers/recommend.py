"""The whole story in one call: from a log and its model to one recommendation with its evidence."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from controllers.advice import evidence, reasons, timing
from controllers.advice.attribution import shapley
from controllers.advice.case import Case, Effort, case
from controllers.judge import LAWS, Court, Interval, convene, paired, quantile
from controllers.policy import Policy
from controllers.searches.bayes import BayesianOptimisation
from controllers.searches.search import Random, Search, sobol
from replay_data.record import Log
from surrogate.calibration import likely
from surrogate.registry import Model
from twin import Space
from twin.outcome import Tally
from twin.plant import at

Progress = Callable[[str, float], None]

SHARED = 2  # batches of runs on which the gain is shared out among the knobs


def court(this: Case, effort: Effort, seed: int) -> Court:
    """A court whose runs differ in chance and in all that the logs left unknown of the machine."""
    plants = [likely(this.facility, this.law, LAWS, seed + 7919 * b) for b in range(effort.batches)]
    points = this.space.from_unit(sobol(len(this.space.names), 64, seed))
    points = np.concatenate([this.space.present[None], points[this.envelope.allowed(points)]])
    often = [np.concatenate(np.asarray(_hazards(p.laws, points, this.weather))) for p in plants]
    hazard = np.max([np.quantile(rows, 0.99, axis=0) for rows in often], axis=0)
    return convene(
        this.facility, this.space, this.scenario, lambda b, n: plants[b].laws, effort.batches, seed, hazard,
        lambda b, plant, chance: plants[b].retold(chance, plant),
    )  # fmt: skip


@jax.jit
def _hazards(laws, points, weather):
    """Hazards [n laws, m points, P]; P is 0 where no way to fail is described."""
    return jax.vmap(lambda law: jax.vmap(lambda s: at(law, s, weather).hazard)(points))(laws)


def search(this: Case, bench: Court, effort: Effort, seed: int, say: Progress) -> list[Policy]:
    """The best policies each search found, judged on one batch of runs; the present one is not among them."""
    present = bench.score(bench.hear(Policy("present", this.space.present), batches=1))
    found: list[Policy] = []
    done = 0
    bayes = effort.evaluations - effort.random
    plans: list[tuple[str, Search, int, int]] = [
        ("random", Random(), effort.random, 1),
        ("Bayesian optimisation", BayesianOptimisation(), bayes, effort.finalists),
    ]
    for i, (name, engine, budget, keep) in enumerate(plans):
        state = engine.start(this.space, seed + i, this.envelope.allowed)
        for _ in range(budget):
            wanted = this.envelope.gate(engine.ask(state, 1))
            try:
                gain = paired(bench.score(bench.hear(Policy(name, wanted[0]), batches=1)), present)
                state = engine.tell(state, wanted, [quantile(gain, effort.risk)])
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
) -> dict[str, Any]:
    """One recommendation as plain JSON values (its form: ``docs/recommendation.md``).

    ``verdict``: "change"; "hold" when nothing is surely better; "refuse" when the model does not beat
    the best baseline on later time.
    """
    effort, say = effort or Effort(), say or (lambda text, part: None)
    this = case(model, log, effort.horizon_h)
    base = evidence.frame(this, model, log, seed, effort)
    if not model.entry.card["usable"]:
        return base | reasons.refusal(this.facility, model.entry.card)
    bench = court(this, effort, seed)
    policies = search(this, bench, effort, seed, say)
    present = bench.hear(Policy("present", this.space.present))
    heard = _judged(bench, policies, bench.score(present), say)
    base |= {"unranked": len(policies) - len(heard)}
    best = max(heard, key=lambda row: quantile(row[2], effort.risk), default=None)
    if best is None or best[2].low <= 0 or not this.envelope.allowed(best[0].wanted[None])[0]:
        stay = Policy("present", this.space.present)
        made = _told(this, bench, stay, present, present) | {
            "verdict": "hold", "candidates": evidence.candidates(this, heard), "parameters_share": None,
        }  # fmt: skip
        return _worded(base | made)
    return _worded(base | _change(this, bench, log, present, best, heard, effort, seed, say))


Heard = tuple[Policy, Tally, Interval]


def _judged(bench: Court, policies: list[Policy], present: np.ndarray, say: Progress) -> list[Heard]:
    """The finalists on all runs; one that cannot be ranked is left out."""
    heard = []
    for i, policy in enumerate(policies):
        try:
            tally = bench.hear(policy)
            heard.append((policy, tally, paired(bench.score(tally), present)))
        except RuntimeError:
            say(f"{policy.name}: not ranked", 1.0)
        say("judging the best", (i + 1) / len(policies))
    return heard


def _change(
    this: Case, bench: Court, log: Log, present: Tally, best: Heard, heard, effort: Effort, seed: int, say
) -> dict[str, Any]:
    """All that is said of a change."""
    held = bench.score(present)
    parts = Parts(this, bench, best[0].wanted, say)
    policy, tally, gain = _needed(this, bench, held, best, parts, effort.risk)
    if policy is not best[0]:
        parts = Parts(this, bench, policy.wanted, say, parts.known)
    moments = timing.moments(this, policy, tally, bench, held)
    start = timing.best(moments, effort.risk)
    out = _told(this, bench, start.policy, present, start.tally, start.gain) | {
        "verdict": "change",
        "knobs": evidence.knobs(this, policy.wanted, parts.alone(), parts.shares()),
        "candidates": evidence.candidates(this, heard),
        "when": evidence.when(moments, start),
        "parameters_share": gain.parameters,
    }
    replayed = not log.tabular
    return out | {"replay": evidence.replayed(this, log, policy, effort, seed, say) if replayed else None}


class Parts:
    """What the knobs of a change bring, judged on the first SHARED batches."""

    def __init__(
        self, this: Case, bench: Court, wanted: np.ndarray, say: Progress, known: dict | None = None
    ):
        self.this, self.bench, self.wanted, self.say = this, bench, wanted, say
        self.moved = [k for k in range(len(wanted)) if wanted[k] != this.space.present[k]]
        self.known: dict[bytes, np.ndarray] = {} if known is None else known  # scores by settings
        self.share = shapley(self.moved, self.worth)
        say("finding which knob brings what", 1.0)

    def settings(self, knobs) -> np.ndarray:
        """The settings with just these knobs moved."""
        return np.where(
            np.isin(np.arange(len(self.wanted)), list(knobs)), self.wanted, self.this.space.present
        )

    def worth(self, knobs) -> np.ndarray:
        settings = self.settings(knobs)
        key = settings.tobytes()
        if key not in self.known:
            tally = self.bench.hear(Policy("some knobs", settings), batches=SHARED)
            self.known[key] = self.bench.score(tally)
            self.say("finding which knob brings what", min(len(self.known) / 2 ** len(self.moved), 1.0))
        return self.known[key]

    def gain(self, knobs) -> Interval:
        return paired(self.worth(knobs), self.worth(()))

    def alone(self) -> dict[str, Interval]:
        """What each knob would bring if it alone moved, by name."""
        return {self.this.space.names[k]: self.gain((k,)) for k in self.moved}

    def shares(self) -> dict[str, Interval]:
        """The share of the gain that each knob brings, by name."""
        none = self.worth(())
        return {self.this.space.names[k]: paired(none + share, none) for k, share in self.share.items()}


def _needed(this: Case, bench: Court, held: np.ndarray, best: Heard, parts: Parts, risk: float) -> Heard:
    """The change without the knobs that bring nothing sure, if it is then no worse: no knob moves for nothing."""
    sure = [k for k, share in zip(parts.moved, parts.shares().values(), strict=True) if share.low > 0]
    wanted = parts.settings(sure)
    if not sure or len(sure) == len(parts.moved) or not this.envelope.allowed(wanted[None])[0]:
        return best
    if quantile(parts.gain(sure), risk) < quantile(parts.gain(parts.moved), risk):
        return best
    policy = Policy(best[0].name, wanted)
    tally = bench.hear(policy)
    gain = paired(bench.score(tally), held)
    return (policy, tally, gain) if gain.low > 0 else best


def _told(
    this: Case, bench: Court, policy: Policy, present: Tally, tally: Tally, gain: Interval | None = None
) -> dict[str, Any]:
    """What is said of any policy, be it to hold."""
    return {
        "knobs": evidence.knobs(this, policy.wanted, {}, {}),
        "effects": evidence.effects(bench, present, tally, gain),
        "limits": evidence.limits(this, policy.wanted),
        "ramp": evidence.ramp(this, policy),
        "support": evidence.support(this, policy.wanted),
        "lost_hours": evidence.lost_hours(this, present, tally),
        "confirmed": evidence.confirm(this, bench, policy, tally),
    }


def _worded(out: dict[str, Any]) -> dict[str, Any]:
    return out | {"headline": reasons.headline(out), "why": reasons.why(out)}

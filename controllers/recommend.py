"""The whole story in one call: from a log and its model to one recommendation with its evidence."""

from typing import Any, NamedTuple

import jax
import numpy as np

from controllers.advice import evidence, reasons, timing
from controllers.advice.attribution import shapley
from controllers.advice.candidates import Progress, find
from controllers.advice.case import Case, Effort, case
from controllers.judge import LAWS, Court, Interval, convene, paired, quantile
from controllers.policy import Policy
from controllers.searches.search import sobol
from replay_data.record import Log
from surrogate.calibration import likely
from surrogate.registry import Model
from twin.nominal import at
from twin.outcome import Tally


class Courts(NamedTuple):
    """Courts that share no run: what is chosen on some runs is promised on others, so luck does not enter a promise."""

    trial: Court  # where candidates are sought
    choice: Court  # where the best of them is chosen, and what each knob brings
    promise: Court


def courts(this: Case, effort: Effort, seed: int) -> Courts:
    """Courts whose runs differ in chance and in all that the logs left unknown of the machine."""
    ends = 1, 1 + effort.choosing, 1 + effort.choosing + effort.batches
    plants = [likely(this.facility, this.law, LAWS, seed + 7919 * b) for b in range(ends[-1])]
    points = this.space.from_unit(sobol(len(this.space.names), 64, seed))
    points = np.concatenate([this.space.present[None], points[this.envelope.allowed(points)]])
    often = [np.concatenate(np.asarray(_hazards(p.laws, points, this.weather))) for p in plants]
    hazard = np.max([np.quantile(rows, 0.99, axis=0) for rows in often], axis=0)
    whole = convene(
        this.facility, this.space, this.scenario, lambda b, n: plants[b].laws, ends[-1], seed, hazard,
        lambda b, plant, chance: plants[b].retold(chance, plant),
    )  # fmt: skip
    return Courts(*(whole.part(first, last) for first, last in zip((0, *ends), ends, strict=False)))


@jax.jit
def _hazards(laws, points, weather):
    """Hazards [n laws, m points, P]; P is 0 where no way to fail is described."""
    return jax.vmap(lambda law: jax.vmap(lambda s: at(law, s, weather).hazard)(points))(laws)


def recommend(
    model: Model, log: Log, seed: int = 0, effort: Effort | None = None, say: Progress | None = None
) -> dict[str, Any]:
    """One recommendation as plain JSON values (its form: ``docs/recommendation.md``).

    ``verdict``: "change"; "hold" when nothing is surely better; "refuse" when the model does not beat
    the best baseline on later time.
    """
    effort, say = effort or Effort(), say or (lambda text, part: None)
    say("preparing the runs", 0.0)
    this = case(model, log, effort.horizon_h)
    base = evidence.frame(this, model, log, seed, effort)
    if not model.entry.card["usable"]:
        return base | reasons.refusal(this.facility, model.entry.card)
    say("preparing the runs", 0.3)
    bench = courts(this, effort, seed)
    say("preparing the runs", 1.0)
    stay = Policy("present", this.space.present)
    policies = find(this, bench.trial, effort, seed, say)
    held = bench.choice.score(bench.choice.hear(stay))
    heard = _judged(this, bench.choice, policies, held, say)
    listed = evidence.candidates(this, bench.choice, heard)
    base |= {"unranked": len(policies) - len(heard), "candidates": listed}
    present = bench.promise.hear(stay)
    best = max(heard, key=lambda row: quantile(row[2], effort.risk), default=None)
    held_back = None
    if best is not None and quantile(best[2], effort.risk) > 0:
        change, held_back = _change(this, bench, log, held, present, best, effort, seed, say)
        if change:
            return _worded(base | change)
    said = {"verdict": "hold", "parameters_share": None, "held_back": held_back}
    return _worded(base | _told(this, bench.promise, stay, present, present) | said)


Heard = tuple[Policy, Tally, Interval]


def _judged(this: Case, bench: Court, policies: list[Policy], held: np.ndarray, say: Progress) -> list[Heard]:
    """The finalists with their gains over the score ``held`` [R]; one that cannot be ranked is left out."""
    heard = []
    for i, policy in enumerate(policies):
        try:
            tally = bench.hear(policy)
            gain = paired(timing.net(this, policy, bench.score(tally), held), held)
            heard.append((policy, tally, gain))
        except RuntimeError:
            say(f"{policy.name}: not ranked", 1.0)
        say("judging the best", (i + 1) / len(policies))
    return heard


def _change(
    this: Case,
    bench: Courts,
    log: Log,
    held: np.ndarray,
    present: Tally,
    best: Heard,
    effort: Effort,
    seed: int,
    say,
) -> tuple[dict[str, Any] | None, dict[str, float] | None]:
    """All that is said of a change, chosen in one court, where the present settings score ``held`` [R], and promised in
    another, where they have the tally ``present``; None and its gain if that is not surely better there."""
    choice, promise = bench.choice, bench.promise
    policy, tally, _ = best
    known = {this.space.present.tobytes(): held, policy.wanted.tobytes(): choice.score(tally)}
    parts = Parts(this, choice, policy.wanted, say, known)
    needed = _needed(this, held, policy, parts, effort.risk)
    if needed is not policy:
        policy, tally = needed, choice.hear(needed)
        parts = Parts(this, choice, policy.wanted, say, known)
    start = timing.best(timing.moments(this, policy, tally, choice, held), effort.risk)
    promised = timing.moments(this, policy, promise.hear(policy), promise, promise.score(present))
    (begun,) = [moment for moment in promised if moment.name == start.name]
    if begun.gain.low <= 0 or not this.envelope.allowed(policy.wanted[None])[0]:
        return None, evidence.interval(begun.gain)
    replayed = not log.tabular
    return _told(this, promise, begun.policy, present, begun.tally, begun.gain) | {
        "verdict": "change",
        "knobs": evidence.knobs(this, policy.wanted, parts.alone(), parts.shares()),
        "shared_gain": evidence.interval(parts.gain(parts.moved)),
        "when": evidence.when(promised, begun),
        "parameters_share": begun.gain.parameters,
        "replay": evidence.replayed(this, log, policy, effort, seed, say) if replayed else None,
    }, None


class Parts:
    """What the knobs of a change bring."""

    def __init__(
        self, this: Case, bench: Court, wanted: np.ndarray, say: Progress, known: dict[bytes, np.ndarray]
    ):
        self.this, self.bench, self.wanted, self.say = this, bench, wanted, say
        self.moved = [k for k in range(len(wanted)) if wanted[k] != this.space.present[k]]
        self.known = known  # scores [R] by settings, to which is added
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
            tally = self.bench.hear(Policy("some knobs", settings))
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


def _needed(this: Case, held: np.ndarray, best: Policy, parts: Parts, risk: float) -> Policy:
    """The change without each knob that it is no worse without, the least useful first: no knob moves for nothing."""

    def worth(knobs: list[int]) -> float:
        policy = Policy(best.name, parts.settings(knobs))
        return quantile(paired(timing.net(this, policy, parts.worth(knobs), held), held), risk)

    kept = list(parts.moved)
    shares = {k: float(np.mean(share)) for k, share in parts.share.items()}
    for knob in sorted(parts.moved, key=lambda k: shares[k]):
        less = [k for k in kept if k != knob]
        inside = bool(less) and this.envelope.allowed(parts.settings(less)[None])[0]
        if inside and round(worth(less), timing.DIGITS) >= round(worth(kept), timing.DIGITS):
            kept = less
    return best if len(kept) == len(parts.moved) else Policy(best.name, parts.settings(kept))


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
        "confirmed": evidence.confirm(
            this, bench, [(Policy("present", this.space.present), present), (policy, tally)]
        ),
    }


def _worded(out: dict[str, Any]) -> dict[str, Any]:
    return out | {"headline": reasons.headline(out), "why": reasons.why(out)}

"""One recommendation with its evidence, from a log and its model, in one call."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from controllers.evaluation import Interval, paired, quantile
from controllers.policy import Policy
from controllers.recommend import evidence, reasons, timing
from controllers.recommend.candidates import search_candidates
from controllers.recommend.case import Case, Effort, case
from controllers.recommend.contributions import Contributions
from controllers.recommend.replayed import replayed
from controllers.recommend.runs import Evaluators, evaluators
from controllers.recommend.useful import useful
from controllers.recommend.violations import violation
from controllers.recommendation import Recommendation
from replay_data.record import Log
from replay_data.view import LogView
from surrogate.registry import Model
from twin.outcome import Tally
from twin.types import Progress, silent

PREPARING = "preparing the runs"

Fields = dict[str, Any]
"""Fields of a ``Recommendation`` by name."""


def recommend(
    model: Model, log: Log, seed: int = 0, effort: Effort | None = None, progress: Progress | None = None
) -> Recommendation:
    """One recommendation for the machine at the end of a log (``docs/recommendation.md``).

    Its ``verdict`` is "change"; "hold" where no candidate is surely better than the present settings; "refuse" where
    the model does not beat the best baseline on later time.
    """
    effort, progress = effort or Effort(), progress or silent
    progress(PREPARING, 0.0)
    view = LogView(log, model.facility)
    this = case(model, view, effort.horizon_h)
    fields = evidence.common(this, model, log, seed, effort)
    if not model.entry.card["usable"]:
        return Recommendation(**fields | reasons.refusal(model.entry.card))
    progress(PREPARING, 0.3)
    work = Work(this, evaluators(this, effort, seed), view, effort, seed, progress)
    progress(PREPARING, 1.0)
    policies = search_candidates(this, work.runs.search, effort, seed, progress)
    present = work.runs.selection.score(work.runs.selection.evaluate(work.stay))
    finalists = _ranked(work, policies, present)
    listed = evidence.candidates(this, work.runs.selection, finalists)
    fields |= {"unranked": len(policies) - len(finalists), "candidates": listed}
    return reasons.worded(Recommendation(**fields | _advice(work, finalists, present)))


@dataclass(frozen=True)
class Work:
    """The inputs of one recommendation, with the runs and the progress that its steps share."""

    this: Case
    runs: Evaluators
    log: LogView
    effort: Effort
    seed: int
    progress: Progress

    @property
    def stay(self) -> Policy:
        """The policy to hold the present settings."""
        return Policy("present", self.this.space.present)


class Finalist(NamedTuple):
    """A candidate with the tally and the gain of its selection runs."""

    policy: Policy
    tally: Tally
    gain: Interval


class Proposal(NamedTuple):
    """The change that was selected."""

    policy: Policy
    contributions: Contributions
    needed_for: dict[str, str]  # by name of each knob without a sure gain: the bound that needs it to move
    start: str  # name of the moment to begin


def _ranked(work: Work, policies: list[Policy], present: np.ndarray) -> list[Finalist]:
    """The candidates with their gains over the score ``present`` [R]; one that cannot be ranked is left out."""
    selection, finalists = work.runs.selection, []
    for i, policy in enumerate(policies):
        try:
            tally = selection.evaluate(policy)
            gain = paired(timing.net(work.this, policy, selection.score(tally), present), present)
            finalists.append(Finalist(policy, tally, gain))
        except RuntimeError:
            work.progress(f"{policy.name}: not ranked", 1.0)
        work.progress("judging the best", (i + 1) / len(policies))
    return finalists


def _advice(work: Work, finalists: list[Finalist], held: np.ndarray) -> Fields:
    """The verdict with its fields: "change" to the best finalist if it is surely better in the hold-out runs as well.

    ``held`` [R] is the score of the present settings in the selection runs.
    """
    present = work.runs.holdout.evaluate(work.stay)
    best = max(finalists, key=lambda row: quantile(row.gain, work.effort.risk), default=None)
    if best is None or quantile(best.gain, work.effort.risk) <= 0:
        return _hold(work, present, None)
    proposal = _proposal(work, best, held)
    if proposal is None:
        return _hold(work, present, None)
    moments = _moments(work, proposal.policy, present)
    (begin,) = [moment for moment in moments if moment.name == proposal.start]
    if begin.gain.low <= 0 or not work.this.envelope.allowed(proposal.policy.wanted[None])[0]:
        return _hold(work, present, begin.gain)
    return _change(work, present, proposal, moments, begin)


def _proposal(work: Work, best: Finalist, held: np.ndarray) -> Proposal | None:
    """The best finalist reduced to the useful and needed knobs, and when to begin.

    None if no knob surely brings a share of the gain.
    """
    this, selection, risk = work.this, work.runs.selection, work.effort.risk
    policy, tally = best.policy, best.tally
    known = {this.space.present.tobytes(): held, policy.wanted.tobytes(): selection.score(tally)}
    parts = Contributions(this, selection, policy.wanted, work.progress, known)
    needed, needed_for = _needed(this, held, policy, parts, risk)
    if needed is None:
        return None
    if needed is not policy:
        policy, tally = needed, selection.evaluate(needed)
        parts = Contributions(this, selection, policy.wanted, work.progress, known)
    start = timing.best(timing.moments(this, policy, tally, selection, held), risk)
    return Proposal(policy, parts, needed_for, start.name)


def _needed(
    this: Case, held: np.ndarray, best: Policy, parts: Contributions, risk: float
) -> tuple[Policy | None, dict[str, str]]:
    """The change with fewer knobs, and by name the bound that needs a knob without a sure gain.

    First each knob, the least useful first, is left out if the change is no worse without it; then each knob whose
    share of the gain is not surely above 0 (``useful``). None if no knob is left.
    """

    def value(knobs: list[int]) -> float:
        policy = Policy(best.name, parts.settings(knobs))
        return quantile(paired(timing.net(this, policy, parts.score(knobs), held), held), risk)

    kept = list(parts.moved)
    shares = {k: float(np.mean(share)) for k, share in parts.share.items()}
    for knob in sorted(parts.moved, key=lambda k: shares[k]):
        less = [k for k in kept if k != knob]
        inside = bool(less) and this.envelope.allowed(parts.settings(less)[None])[0]
        if inside and round(value(less), timing.DIGITS) >= round(value(kept), timing.DIGITS):
            kept = less
    kept, needed_for = useful(kept, parts.score, lambda knobs: violation(this, parts.settings(knobs)))
    if not kept:
        return None, {}
    named = {this.space.names[k]: bound for k, bound in needed_for.items()}
    return (best if len(kept) == len(parts.moved) else Policy(best.name, parts.settings(kept))), named


def _moments(work: Work, policy: Policy, present: Tally) -> list[timing.Moment]:
    """The moments at which a policy may begin, with their gains in the hold-out runs."""
    holdout = work.runs.holdout
    return timing.moments(work.this, policy, holdout.evaluate(policy), holdout, holdout.score(present))


def _hold(work: Work, present: Tally, held_back: Interval | None) -> Fields:
    """Fields of a "hold"; ``held_back`` is the gain of a change that was selected and is not surely better."""
    gain = None if held_back is None else evidence.estimate(held_back)
    return evidence.of_policy(work.this, work.runs.holdout, work.stay, present, present) | {
        "verdict": "hold",
        "held_back": gain,
    }


def _change(
    work: Work, present: Tally, proposal: Proposal, moments: list[timing.Moment], begin: timing.Moment
) -> Fields:
    """Fields of a "change", with the effects in the hold-out runs from the moment to begin."""
    this, policy, parts = work.this, proposal.policy, proposal.contributions
    replay = None
    if not work.log.tabular:
        replay = replayed(this, work.log, policy, work.effort, work.seed, work.progress)
    return evidence.of_policy(
        this, work.runs.holdout, begin.policy, present, begin.tally, begin.gain
    ) | {
        "verdict": "change",
        "knobs": evidence.knobs(this, policy.wanted, parts.alone(), parts.shares(), proposal.needed_for),
        "shared_gain": evidence.estimate(parts.gain(parts.moved)),
        "when": evidence.when(moments, begin),
        "parameters_share": begin.gain.parameters,
        "replay": replay,
    }  # fmt: skip

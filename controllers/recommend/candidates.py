"""The search for candidates: random settings, gradient ascent of the expected gain, Bayesian optimisation."""

from collections.abc import Callable

import numpy as np

from controllers.evaluation import PolicyEvaluator, paired, quantile
from controllers.policy import Policy
from controllers.recommend import acquisition
from controllers.recommend.case import Case, Effort
from controllers.recommend.timing import net
from controllers.searches.ascent import GradientAscent
from controllers.searches.bayes import BayesianOptimisation
from controllers.searches.search import Random, State
from twin.types import Progress

APART = 0.01  # of a knob's range: settings that are nearer count as equal
BAYES, TELL = BayesianOptimisation(), Random()  # `tell` is the same for every search
TEXT = "searching for better settings"


def search_candidates(
    this: Case, search: PolicyEvaluator, effort: Effort, seed: int, progress: Progress
) -> list[Policy]:
    """The best policies of each search, by the gain in the search runs; they differ from the present settings.

    All searches share one state, so each uses the results of those before it.
    """
    progress(TEXT, 0.0)
    present = search.score(search.evaluate(Policy("present", this.space.present)))
    state = TELL.start(this.space, seed, this.envelope.allowed)
    tops = GradientAscent(acquisition.risk_averse_gain(this, seed, effort.risk)).tops(state)[: effort.tops]
    state, found = TELL.tell(state, this.space.present[None], [0.0]), []
    left = effort.evaluations - effort.random - len(tops)
    plans: list[tuple[str, int, int, Callable[[State, int], np.ndarray]]] = [
        ("random", effort.random, 1, lambda state, i: Random().ask(state, 1)[0]),
        ("gradient ascent", len(tops), 1, lambda state, i: tops[i]),
        ("Bayesian optimisation", left, effort.finalists, lambda state, i: BAYES.ask(state, 1)[0]),
    ]
    for name, evaluations, keep, propose in plans:
        first = state.told
        for i in range(evaluations):
            policy = Policy(name, settable(this, propose(state, i)))
            state = _evaluated(this, search, state, policy, present, effort.risk)
            progress(TEXT, (state.told - 1) / effort.evaluations)
        found += [Policy(name, s) for s in _best(this, state, first, keep, found)]
    return found


def settable(this: Case, wanted: np.ndarray) -> np.ndarray:
    """Settings [K] rounded to the digits that an operator sets, inside the envelope.

    The first that is allowed of: the nearest to ``wanted``; those rounded towards the present settings; the present
    settings.
    """
    present = this.space.present
    scale = 10.0 ** np.array([knob.precision for knob in this.facility.knob])
    down, up = np.floor(wanted * scale) / scale, np.ceil(wanted * scale) / scale
    nearer = np.where(wanted > present, np.maximum(down, present), np.minimum(up, present))
    rows = np.array([np.round(wanted * scale) / scale, nearer, present])
    rows = this.space.clip(np.where(np.abs(wanted - present) < 0.5 / scale, present, rows))
    gated = this.envelope.gate(rows)
    return gated[np.argmax((gated != present).any(1))]


def _evaluated(
    this: Case, search: PolicyEvaluator, state: State, policy: Policy, present: np.ndarray, risk: float
) -> State:
    """The state with the ``risk`` quantile of a policy's gain; a policy that cannot be ranked is not feasible."""
    try:
        gain = paired(net(this, policy, search.score(search.evaluate(policy)), present), present)
        return TELL.tell(state, policy.wanted[None], [quantile(gain, risk)])
    except RuntimeError:
        return TELL.tell(state, policy.wanted[None], [np.nan], feasible=[False])


def _best(this: Case, state: State, first: int, keep: int, found: list[Policy]) -> list[np.ndarray]:
    """The best settings from row ``first`` of the state on, apart from the present ones, each other and ``found``."""
    scores = np.where(state.feasible, -state.scores, np.inf)[first:]
    others = [this.space.present, *(policy.wanted for policy in found)]
    chosen: list[np.ndarray] = []
    for row in state.settings[first:][np.argsort(scores, kind="stable")[: np.isfinite(scores).sum()]]:
        unit = this.space.to_unit(row)
        if all(np.abs(unit - this.space.to_unit(other)).max() > APART for other in [*others, *chosen]):
            chosen.append(row)
        if len(chosen) == keep:
            break
    return chosen

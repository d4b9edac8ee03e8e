"""True gain and regret of a recommendation, from the hidden plant of a synthetic log."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from controllers.evaluation import CHANCE, LAWS, PolicyEvaluator, build_evaluator, under_one_law
from controllers.policy import Policy
from controllers.recommendation import Recommendation
from controllers.searches.search import sobol
from replay_data import hidden
from twin import Facility, Space, batched
from twin.nominal import at
from twin.outcome import metrics
from twin.scenario import ahead
from twin.types import Progress

COARSE, NEAR, FINAL = 256, 64, 4
WORSE = 3.0  # settings that fail more than so many times as often as the present ones are left out
BRUTE_FORCE = "brute force on the hidden plant"
FEW = 16  # runs of each candidate in the brute-force stages; a compiled batch holds several candidates


def score(
    facility: Facility, recommendation: Recommendation, seed: int, progress: Progress, batches: int = 4
) -> dict[str, Any]:
    """True gain and regret of a recommendation on the hidden plant of ``seed``, both in % useful beam.

    Regret is measured against the plant's optimum within the limits and the promised quantities. The optimum is
    found by brute force: a coarse grid, then a fine one around its best points. It uses the true coming weeks with
    their drift, which no recommendation has, and begins now. The recommendation begins at its own time and loses
    the users' time that its ramp disturbs.
    """
    knobs = recommendation.knobs
    space = replace(Space.of(facility), present=np.array([k.present for k in knobs]))
    proposed = np.array([k.proposed for k in knobs])
    evaluator = _evaluator(facility, space, recommendation, seed, batches)
    promised = _promised(facility, evaluator)
    best = _brute_force(evaluator, space, promised, seed, progress)
    present = evaluator.score(evaluator.evaluate(Policy("present", space.present)))
    when = recommendation.when
    from_h, disturbed = (when.begin.at_h, when.begin.disturbed_share) if when else (0.0, 0.0)
    scores = {
        "proposed": evaluator.score(evaluator.evaluate(Policy("proposed", proposed, from_h)))
        - disturbed * present,
        "best": evaluator.score(evaluator.evaluate(Policy("best", best))),
    }
    gain, top = (under_one_law(scores[name], present) for name in ("proposed", "best"))
    regret = under_one_law(scores["best"], scores["proposed"])
    if regret.mean < 0:  # the recommendation is better than the grid: it is the best known
        best, top, regret = proposed, gain, under_one_law(scores["proposed"], scores["proposed"])
    return {
        "present": float(present.mean()),
        "gain": gain._asdict(), "best_gain": top._asdict(), "regret": regret._asdict(),
        "promises_kept": bool(promised(proposed[None])[0]),
        "best_settings": dict(zip(space.names, map(float, best), strict=True)),
    }  # fmt: skip


def _evaluator(
    facility: Facility, space: Space, made: Recommendation, seed: int, batches: int
) -> PolicyEvaluator:
    law = hidden.plant_law(facility, seed)
    laws = jax.tree.map(lambda a: np.stack([np.asarray(a)] * LAWS), law)
    evidence, also = made.evidence, tuple(row.at_h for row in made.moments)
    coming = ahead(facility, evidence.horizon_h, round_h=evidence.round_h or 0.0, also_h=also)
    middle = (coming.edges_h[:-1] + coming.edges_h[1:]) / 2 + evidence.log_hours
    conditions = hidden.conditions(facility, middle, seed)
    hazard = WORSE * np.asarray(at(law, space.present, conditions.mean(0)).hazard)
    return build_evaluator(
        facility,
        space,
        replace(coming, conditions=conditions),
        lambda b, n: laws,
        batches,
        7000 + seed,
        hazard,
    )


def _promised(facility: Facility, evaluator: PolicyEvaluator):
    """A test of settings [n, K]: promised bounds of the true quantities kept, and not far more failures, [n]."""
    low = np.array([-np.inf if q.low is None else q.low for q in facility.quantity])
    high = np.array([np.inf if q.high is None else q.high for q in facility.quantity])
    law = jax.tree.map(lambda a: a[0], evaluator.laws[0])
    conditions = evaluator.scenario.conditions.mean(0)

    most = WORSE * np.asarray(at(law, evaluator.space.present, conditions).hazard).sum()

    def kept(settings) -> np.ndarray:
        point = _points(law, settings, conditions)
        quantity, often = np.asarray(point.quantity), np.asarray(point.hazard).sum(-1)
        kept = np.all((quantity >= low) & (quantity <= high), axis=-1) & evaluator.space.inside(settings)
        return kept & (often <= most)

    return kept


@jax.jit
def _points(law, settings, conditions):
    return jax.vmap(lambda s: law(s, conditions))(settings)


def _brute_force(
    evaluator: PolicyEvaluator, space: Space, promised, seed: int, progress: Progress
) -> np.ndarray:
    net = space.from_unit(sobol(len(space.names), 2 * COARSE, [seed, 1]))
    net = net[promised(net)][:COARSE]
    values = _many(evaluator, space, net, lambda part: progress(BRUTE_FORCE, 0.5 * part))
    rng = np.random.default_rng([seed, 2])
    for stage, width in enumerate((0.08, 0.03)):
        centre = net[np.argsort(-values)[:8]]
        near = space.to_unit(centre[rng.integers(0, len(centre), NEAR)]) + width * rng.normal(
            size=(NEAR, len(space.names))
        )
        near = space.clip(space.from_unit(near))
        near = near[promised(near)]
        more = _many(
            evaluator,
            space,
            near,
            lambda part, s=stage: progress(BRUTE_FORCE, 0.5 + 0.2 * (s + part)),
        )
        net, values = np.concatenate([net, near]), np.concatenate([values, more])
    finalists = net[np.argsort(-values)[:FINAL]]
    means = [evaluator.score(evaluator.evaluate(Policy("best", s))).mean() for s in finalists]
    progress(BRUTE_FORCE, 1.0)
    return finalists[int(np.argmax(means))]


def _many(
    evaluator: PolicyEvaluator, space: Space, settings: np.ndarray, done: Callable[[float], None]
) -> np.ndarray:
    """Mean useful beam [n] over FEW runs each, several candidates in one compiled batch."""
    together, values = CHANCE * LAWS // FEW, []
    draws = jax.tree.map(lambda a: np.concatenate([a[:FEW]] * together), evaluator.draws[0])
    laws = jax.tree.map(lambda a: np.repeat(a, CHANCE, axis=0), evaluator.laws[0])
    for i in range(0, len(settings), together):
        group = settings[i : i + together]
        plans = [Policy("net", s).plan(space, evaluator.scenario.edges_h) for s in group]
        plans += [plans[-1]] * (together - len(plans))
        tally = batched.simulate(
            evaluator.plant,
            laws,
            draws,
            evaluator.scenario,
            np.repeat(np.stack(plans), FEW, axis=0),
            law_per_run=True,
        )
        useful = metrics(tally, evaluator.plant)["useful_beam"].reshape(together, FEW).mean(1)
        values += list(useful[: len(group)])
        done((i + len(group)) / len(settings))
    return np.array(values)

"""Tuning the beam on a screen with three quadrupoles and two steerers: a linear machine with much unknown.

The layout is that of the experimental area of ARES (J. Kaiser et al., "Reinforcement learning-trained
optimisers and Bayesian optimisation for online particle accelerator tuning", Scientific Reports 14, 2024; lattice
ARESlatticeStage3v1_9 in github.com/desy-ml/rl-vs-bo); a test tracks it through cheetah. Hidden: where the
quadrupoles and the screen sit, and the incoming beam. The true machine also has quadrupoles and steerers some
percent stronger or weaker than set. MODEL does not know of that; CALIBRATING has those gains as parameters too.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from controllers.searches.identify import Model, control
from twin import Space

QUAD_M, STEER_M = 0.122, 0.02
DRIFTS_M = (0.175, 0.428, 0.204, 0.204, 0.179, 0.450)  # between Q1, Q2, CV, Q3, CH and the screen
OFFSET_M, ANGLE_RAD, SIZE_M, SPREAD_RAD = 3e-4, 1e-4, 2e-4, 5e-5  # assumed prior deviations and medians
NOISE_M = 20e-6
HIDDEN = 16  # 3 quadrupoles and the screen in x and y; incoming position and angle; log size and divergence


def space(seed: int) -> Space:
    """Strengths in 1/m^2 and kicks in mrad, present settings drawn from the seed."""
    high = np.array([30.0, 30.0, 30.0, 6.0, 6.0])
    present = np.random.default_rng([seed, 0]).uniform(-0.5, 0.5, 5) * high
    units = ("1/m2", "1/m2", "1/m2", "mrad", "mrad")
    return Space(("q1", "q2", "q3", "cv", "ch"), units, -high, high, high, present)


def _quad(k):
    """The 2 x 2 matrix of a quadrupole of strength ``k`` (positive focuses): smooth through k = 0."""
    terms, c, s = jnp.ones(()), jnp.ones(()), jnp.ones(())
    for order in range(1, 8):  # k L^2 is at most 0.45, so eight terms are exact to rounding
        terms = terms * (-k * QUAD_M**2)
        c = c + terms / _FACTORIAL[2 * order]
        s = s + terms / _FACTORIAL[2 * order + 1]
    return jnp.stack([jnp.stack([c, QUAD_M * s]), jnp.stack([-k * QUAD_M * s, c])])


_FACTORIAL = np.cumprod([1.0, *range(1, 16)])


def readings(hidden, settings, gains=1.0):
    """Position and size [m] of the beam on the screen in x and in y -> [4]."""
    settings = settings * gains
    kicks = {0: settings[4] * 1e-3, 1: settings[3] * 1e-3}
    found = []
    for plane, sign in ((0, 1.0), (1, -1.0)):
        own = hidden[8 * plane : 8 * plane + 8]
        quads, screen = own[:3] * OFFSET_M, own[3] * OFFSET_M
        centre = jnp.stack([own[4] * OFFSET_M, own[5] * ANGLE_RAD])
        spread = jnp.stack([SIZE_M * jnp.exp(0.5 * own[6]), SPREAD_RAD * jnp.exp(0.5 * own[7])])
        whole, at = jnp.eye(2), 0
        for i, element in enumerate(("q", "q", "cv", "q", "ch")):
            matrix = jnp.array([[1.0, DRIFTS_M[i]], [0.0, 1.0]])
            whole, centre = matrix @ whole, matrix @ centre
            if element == "q":
                matrix, offset = _quad(sign * settings[at]), jnp.stack([quads[at], jnp.zeros(())])
                whole, centre = matrix @ whole, matrix @ (centre - offset) + offset
                at += 1
            else:
                matrix = jnp.array([[1.0, STEER_M], [0.0, 1.0]])
                kick = kicks[plane] if (element == "ch") == (plane == 0) else 0.0
                whole, centre = matrix @ whole, matrix @ centre + jnp.array([0.5 * STEER_M, 1.0]) * kick
        whole, centre = (jnp.array([[1.0, DRIFTS_M[5]], [0.0, 1.0]]) @ part for part in (whole, centre))
        found += [centre[0] - screen, jnp.sqrt(jnp.sum((whole[0] * spread) ** 2))]
    return jnp.stack(found)


def score(seen):
    """Minus the mean distance in um of position and size from zero, rounded within a micrometre."""
    return -jnp.mean(jnp.sqrt((seen * 1e6) ** 2 + 1.0))


MODEL = Model(HIDDEN, readings, score, np.array([25e-6, 25e-6, 25e-6, 25e-6]))
measured = jax.jit(readings)
scored = jax.jit(score)


def machine(seed: int, mismatch: float):
    """What a trial hides: (hidden [H], strengths relative to those set [5])."""
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=HIDDEN), 1.0 + mismatch * rng.normal(size=5)


def calibrating(hidden, settings):
    """The readings, where the last 5 of ``hidden`` [H + 5] are gains in units of 5 %."""
    return readings(hidden[:HIDDEN], settings, 1.0 + 0.05 * hidden[HIDDEN:])


CALIBRATING = Model(HIDDEN + 5, calibrating, score, MODEL.noise)


def trial(search, seed: int, budget: int = 15, mismatch: float = 0.05) -> tuple[float, float, float]:
    """Of one run, in um: the chosen settings above the floor, and the best look; share worse than the start."""
    box, (hidden, gains), inputs = space(seed), machine(seed, mismatch), np.random.default_rng([seed, 2])
    state, true = search.start(box, seed), []
    for _ in range(budget):
        asked = search.ask(state, 1)
        seen = np.asarray(measured(hidden, asked[0], gains))
        true.append(float(scored(seen)))
        seen = seen + NOISE_M * inputs.normal(size=4)
        state = search.tell(state, asked, [float(scored(seen))], readings=seen[None])
    chosen = float(scored(measured(hidden, search.best(state)[0], gains)))
    floor = floor_of(hidden, gains, box)
    return floor - chosen, floor - max(true), float(np.mean(np.array(true[1:]) < true[0]))


def floor_of(hidden, gains, box: Space) -> float:
    """The best score that the true machine can give: by gradient from 64 points, the best eight polished."""
    truth = np.concatenate([hidden, (gains - 1.0) / 0.05])
    begin = np.random.default_rng(0).random((64, 5))
    found, worth = control(CALIBRATING, truth, begin, box.low, box.high)
    polished = [
        minimize(
            _cost, found[i], (truth, box.low, box.high), jac=True, bounds=[(0.0, 1.0)] * 5,
            method="L-BFGS-B", options={"ftol": 1e-13},
        )
        for i in np.argsort(-np.asarray(worth))[:8]
    ]  # fmt: skip
    return float(-min(one.fun for one in polished))


@jax.jit
@jax.value_and_grad
def _cost(unit, truth, low, high):
    return -score(calibrating(truth, low + unit * (high - low)))

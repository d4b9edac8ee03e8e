"""The extrapolation error of the ensemble outside the data."""

import jax.numpy as jnp
import numpy as np

from surrogate.ensemble import Scaling, ensemble
from surrogate.extrapolation import extrapolation_error
from surrogate.models.perceptrons import Networks
from surrogate.samples import Samples


def pair(slopes):
    """Two linear members that differ by a little slope, in one knob and one quantity."""
    zero = (jnp.zeros((2, 1, 1)), jnp.zeros((2, 1)))
    line = (jnp.asarray(slopes).reshape(2, 1, 1), jnp.zeros((2, 1)))
    one = np.ones(1)
    networks = Networks((zero, zero, zero, line), -jnp.inf, jnp.inf)
    return ensemble((networks,), [one], Scaling(0 * one, one, 0 * one, one, one < 0), 2)


def log(curvature, seed=0):
    """Eighty stretches of six rows of y = x - curvature x**2 with a little noise."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=80), 6)[:, None]
    y = x - curvature * x**2 + rng.normal(0.0, 0.01, x.shape)
    return Samples(np.arange(480.0), x, y, knobs=1)


def test_members_that_extrapolate_alike_have_a_large_extrapolation_error():
    factor = extrapolation_error(log(0.1), lambda inner: pair([0.99, 1.01]))
    assert factor[0] > 5.0


def test_members_that_are_right_outside_keep_their_spread():
    assert extrapolation_error(log(0.0), lambda inner: pair([0.9, 1.1]))[0] == 1.0


def test_the_fit_does_not_use_the_outer_stretches():
    largest = []
    samples = log(0.0)
    extrapolation_error(samples, lambda inner: largest.append(np.abs(inner.x).max()) or pair([1.0, 1.0]))
    assert largest[0] < np.abs(samples.x).max()


def test_with_too_few_stretches_the_spread_is_not_changed():
    few = log(0.1).cut(slice(0, 60))
    assert extrapolation_error(few, lambda inner: pair([1.0, 1.0])).tolist() == [1.0]

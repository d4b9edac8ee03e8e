"""The envelope under hostile models and hostile proposals: nothing leaves it, and the count is kept."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.advice.case import case
from controllers.advice.envelope import Envelope
from controllers.policy import Policy
from controllers.searches.search import BLOCK
from replay_data.runlog import open_log

ALL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COUNT = {"proposals": 0, "let through": 0}


@pytest.fixture(scope="module")
def envelope(ring_model, ring_log) -> Envelope:
    with open_log(ring_log) as log:
        return case(ring_model, log, 336.0).envelope


class Liar(eqx.Module):
    """A model that promises whatever it likes: not a number, infinities, wild waves, steps; and hides its distance."""

    kind: int = eqx.field(static=True)
    scale: object
    seen: object

    def _wave(self, settings):
        wave = jnp.sin(self.scale * jnp.sum(settings))
        return jnp.stack(
            [jnp.nan * wave, jnp.inf * wave, self.scale * wave, jnp.sign(wave) * 1e30, 1e9 + 0.0 * wave]
        )[self.kind]

    def __call__(self, settings, conditions):
        from twin.plant import Point

        return Point(jnp.abs(self._wave(settings)) * jnp.ones(3), self._wave(settings) * jnp.ones(3))

    def predict(self, settings, conditions):
        mean = self._wave(settings) * jnp.ones(3)
        return mean, mean - jnp.abs(mean), mean + jnp.abs(mean)

    def support(self, settings, conditions):
        return self.seen(settings, conditions) if self.kind != 1 else self._wave(settings)


def proposals(seed: int, odd_share: float) -> np.ndarray:
    """BLOCK points of four knobs' cube: inside, at the ends, far beyond, not a number, infinite."""
    rng = np.random.default_rng(seed)
    unit = rng.uniform(-0.2, 1.2, (BLOCK, 4)) * rng.choice([0.1, 1.0, 1e6], (BLOCK, 1), p=[0.3, 0.6, 0.1])
    odd = rng.random((BLOCK, 4)) < odd_share
    return np.where(odd, rng.choice([np.nan, np.inf, -np.inf, 0.0, 1.0, 1e300], (BLOCK, 4)), unit)


seeds, odds = st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 0.3])


def check(envelope: Envelope, wanted: np.ndarray) -> None:
    """What passes the gate keeps every bound, it and each step of its ramp; the rest becomes the present settings."""
    space = envelope.space
    allowed, let = envelope.allowed(wanted), envelope.gate(wanted)
    COUNT["proposals"] += len(wanted)
    COUNT["let through"] += int(allowed.sum())
    assert np.isfinite(let).all()
    assert np.array_equal(let[~allowed], np.tile(space.present, (int((~allowed).sum()), 1)))
    assert space.inside(let[allowed]).all()
    look = envelope.look(let)
    quantities = envelope.facility.quantity
    low = np.array([-np.inf if q.low is None else q.low for q in quantities])
    high = np.array([np.inf if q.high is None else q.high for q in quantities])
    assert (look.distance[allowed] <= envelope.limit).all()
    promised = np.isfinite(low) | np.isfinite(high)
    assert (look.low[allowed][:, promised] >= low[promised]).all()
    assert (look.high[allowed][:, promised] <= high[promised]).all()
    for row in let[allowed][:4]:
        steps = Policy("any", row).ramp(space)
        way, hours = np.array([s for _, s in steps]), np.array([h for h, _ in steps])
        assert space.inside(way).all()
        assert (np.abs(np.diff(way, axis=0)) <= space.ramp_per_h * np.diff(hours)[:, None] + 1e-9).all()


@ALL
@given(seed=seeds, odd=odds)
def test_no_proposal_leaves_the_envelope_under_the_trained_model(envelope, seed, odd):
    with np.errstate(all="ignore"):
        check(envelope, envelope.space.from_unit(proposals(seed, odd)))


@ALL
@given(seed=seeds, odd=odds, kind=st.integers(0, 4), scale=st.floats(1e-3, 1e6))
def test_no_model_however_hostile_opens_the_envelope(envelope, seed, odd, kind, scale):
    hostile = replace(envelope, law=Liar(kind, jnp.asarray(scale), envelope.law.seen))
    with np.errstate(all="ignore"):
        wanted = envelope.space.from_unit(proposals(seed, odd))
        check(hostile, wanted)
        if kind in (0, 1):  # what is not a number, or without end, is never let through
            assert not hostile.allowed(wanted).any()


def test_many_proposals_were_tried_and_some_let_through():
    """The tests above are not empty: of some hundred thousand proposals a few percent pass."""
    print(f"\nenvelope: {COUNT}")
    assert COUNT["proposals"] >= 2 * 150 * BLOCK * 0.9
    assert 0.001 * COUNT["proposals"] < COUNT["let through"] < 0.5 * COUNT["proposals"]


def test_the_present_settings_are_always_allowed_where_they_keep_the_envelope(envelope):
    assert envelope.allowed(envelope.space.present[None])[0]
    assert envelope.place(envelope.space.present) in ("inside", "edge")


def test_a_ramp_that_leaves_the_data_in_its_middle_is_refused(envelope):
    """Two clouds of settings with nothing between them: each end is seen, the way is not."""
    law = envelope.law
    space = envelope.space
    seen = law.seen
    here = np.asarray(seen.whiten @ ((space.present - seen.mean) / seen.scale))
    away = space.clip(space.present + 0.3 * (space.high - space.low) * np.array([-1.0, -1.0, 1.0, 0.0]))
    there = np.asarray(seen.whiten @ ((away - seen.mean) / seen.scale))
    clouds = np.concatenate([np.tile(here, (200, 1)), np.tile(there, (200, 1))])
    parted = eqx.tree_at(lambda s: (s.points, s.limit), seen, (jnp.asarray(clouds), jnp.asarray(0.5)))
    apart = Envelope(
        envelope.facility, space, eqx.tree_at(lambda own: own.seen, law, parted), envelope.weather
    )
    look = apart.look(away[None])
    assert look.distance[0] <= apart.limit and not apart.allowed(away[None])[0]

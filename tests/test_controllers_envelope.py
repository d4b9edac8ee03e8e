"""The envelope under hostile models and hostile proposals: no bound is broken, and the proposals are counted."""

from collections import Counter
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.policy import STEPS, Policy, ramps
from controllers.recommend.case import case
from controllers.recommend.envelope import Envelope, _assess
from controllers.searches.search import BLOCK
from replay_data.runlog import open_log
from replay_data.view import LogView
from twin.plant import LawOutput

EXAMPLES, HOSTILE = 40, 10  # blocks of proposals under the trained model, and under each kind of hostile one
SAMPLE = 8  # rows of a block whose ramps are checked step by step
CLOSE = 1e-9
FINE, LONG_M = 9.0, 1e30
PROMISED = {"lifetime": (8.0, None), "flux_mx": (None, 10.0), "flux_saxs": (8.0, 10.0)}
TRIED, ALLOWED = Counter(), Counter()


def predicted(distance, mean=FINE, half=0.5, hazard=1e-3):
    """Predictions of a hostile model: mean, half-width of the interval, hazard and distance; good by default."""
    return [jnp.asarray(x, float) for x in (mean, half, hazard, distance)]


# Of a wave -1 ... 1 through the settings, how far they are from the present ones (in the unit cube) and the
# true distance from the logs.
PASSING = {
    "good": lambda wave, away, d: predicted(d),
    "waves": lambda wave, away, d: predicted(d, FINE + wave),
    "narrow dips": lambda wave, away, d: predicted(d, FINE - 5.0 * (wave < -0.98)),
    "narrow peaks": lambda wave, away, d: predicted(d, FINE + 5.0 * (wave < -0.98)),
    "fans": lambda wave, away, d: predicted(d, half=0.5 + 2.0 * jnp.maximum(wave, 0.0)),
    "steps": lambda wave, away, d: predicted(d, jnp.where(wave < -0.5, jnp.sign(wave) * LONG_M, FINE)),
    "a moat": lambda wave, away, d: predicted(d, jnp.where((away > 0.05) & (away < 0.08), 7.0, FINE)),
    "means missing": lambda wave, away, d: predicted(d, jnp.where(wave < -0.5, jnp.nan, FINE)),
    "intervals missing": lambda wave, away, d: predicted(d, half=jnp.where(wave < -0.5, jnp.nan, 0.5)),
    "intervals without end": lambda wave, away, d: predicted(d, half=jnp.where(wave < -0.5, jnp.inf, 0.5)),
    "hazards missing": lambda wave, away, d: predicted(d, hazard=jnp.where(wave < -0.5, jnp.nan, 1e-3)),
    "hazards without end": lambda wave, away, d: predicted(d, hazard=jnp.where(wave < -0.5, jnp.inf, 1e-3)),
    "distance missing": lambda wave, away, d: predicted(jnp.where(wave < -0.5, jnp.nan, d)),
    "distance lies": lambda wave, away, d: predicted(-1e9 * jnp.sign(wave + 0.5)),
}
NEVER = {
    "nothing known": lambda wave, away, d: predicted(d, jnp.nan, jnp.nan, jnp.nan),
    "all without end": lambda wave, away, d: predicted(d, jnp.inf, jnp.inf, jnp.inf),
    "hazards nowhere": lambda wave, away, d: predicted(d, hazard=jnp.nan),
    "endless intervals": lambda wave, away, d: predicted(d, half=jnp.inf),
    "endless distance": lambda wave, away, d: predicted(jnp.inf),
    "distance nowhere": lambda wave, away, d: predicted(jnp.nan),
    "as wide as high": lambda wave, away, d: predicted(d, 1e9 * wave, jnp.abs(1e9 * wave)),
}
KINDS = PASSING | NEVER


class Liar(eqx.Module):
    """A model with the predictions of its kind; one program for all kinds."""

    kind: object
    scale: object  # waves per unit of the cube, times 2 pi
    phase: object
    low: object  # [K] of the knobs
    width: object
    present: object
    seen: object

    def _predicted(self, settings, conditions):
        unit = (settings - self.low) / self.width
        wave = jnp.sin(self.scale * jnp.sum(unit) + self.phase)
        away = jnp.sqrt(jnp.sum((unit - (self.present - self.low) / self.width) ** 2))
        return jax.lax.switch(self.kind, list(KINDS.values()), wave, away, self.seen(settings, conditions))

    def __call__(self, settings, conditions):
        mean, _, hazard, _ = self._predicted(settings, conditions)
        return LawOutput(hazard * jnp.ones(3), mean * jnp.ones(3))

    def predict(self, settings, conditions):
        mean, half, _, _ = (x * jnp.ones(3) for x in self._predicted(settings, conditions))
        return mean, mean - half, mean + half

    def support(self, settings, conditions):
        return self._predicted(settings, conditions)[3]


def hostile(envelope: Envelope, kind: str, scale: float, phase: float) -> Envelope:
    """The envelope under a hostile model, and with promises of each sort: at least, at most, between."""
    space, chosen = envelope.space, jnp.asarray(list(KINDS).index(kind))
    law = Liar(chosen, *map(jnp.asarray, (scale, phase, space.low, space.high - space.low, space.present)),
               envelope.law.seen)  # fmt: skip
    promised = [
        q.model_copy(update=dict(zip(("low", "high"), PROMISED[q.name], strict=True)))
        for q in envelope.facility.quantity
    ]
    return replace(envelope, law=law, facility=envelope.facility.model_copy(update={"quantity": promised}))


@pytest.fixture(scope="module")
def envelope(ring_model, ring_log) -> Envelope:
    with open_log(ring_log) as log:
        return case(ring_model, LogView(log, ring_model.facility), 336.0).envelope


def proposals(space, seed: int, odd_share: float) -> np.ndarray:
    """BLOCK settings: near the present ones, anywhere, at the ends, far beyond, not a number, infinite."""
    rng = np.random.default_rng(seed)
    reach = rng.choice([0.03, 0.1, 0.7, 1e6], (BLOCK, 1), p=[0.2, 0.4, 0.3, 0.1])
    unit = space.to_unit(space.present) + reach * rng.uniform(-1.0, 1.0, (BLOCK, 4))
    odd = rng.random((BLOCK, 4)) < odd_share
    odds = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1.0, 1e300], (BLOCK, 4))
    return space.from_unit(np.where(odd, odds, unit))


seeds, odds = st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 0.3])
scales, phases = st.floats(0.5, 60.0), st.floats(0.0, 6.3)


@eqx.filter_jit
def asked_of(law, points, conditions):
    """Distance, mean, low, high, hazard of points [n, K], asked of the law itself."""
    ask = lambda s: (law.support(s, conditions), *law.predict(s, conditions), law(s, conditions).hazard)  # noqa: E731
    return jax.vmap(ask)(points)


def walked(envelope: Envelope, rows: np.ndarray) -> np.ndarray:
    """The steps of the ramps to ``rows`` after their start [N, K]; no rate is exceeded."""
    ways = []
    for row in rows:
        steps = Policy("any", row).ramp(envelope.space)
        way, hours = np.array([s for _, s in steps]), np.array([h for h, _ in steps])
        assert np.array_equal(way[0], envelope.space.present) and np.array_equal(way[-1], row)
        for k, knob in enumerate(envelope.facility.knob):
            rate = envelope.space.ramp_per_h[k] * np.diff(hours)
            assert (np.abs(np.diff(way[:, k])) <= rate + CLOSE * (knob.high - knob.low)).all()
        ways.append(way[1:])
    return np.concatenate([np.empty((0, len(envelope.space.present))), *ways])


def broken(envelope: Envelope, ends: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Which of ``ends`` [n, K] and of ``way`` [N, K] break a bound [n + N], by the facility's own description."""
    facility, here, n = envelope.facility, envelope.space.present[None], len(ends)
    points = np.concatenate([here, ends, way])
    spare = np.tile(here, (1 + BLOCK + SAMPLE * STEPS - len(points), 1))  # one shape, one program
    with np.errstate(all="ignore"):
        asked = asked_of(envelope.law, jnp.asarray(np.concatenate([points, spare])), envelope.conditions)
    distance, mean, low, high, hazard = (np.asarray(a)[: len(points)] for a in asked)
    strict = np.arange(len(points)) <= n  # on the way all may be as far out as the present settings are
    seen = np.fmax(envelope.limit, np.where(strict, -np.inf, distance[0]))
    kept = (distance <= seen + CLOSE) & np.isfinite(mean).all(1) & np.isfinite(hazard).all(1)
    for j, q in enumerate(facility.quantity):
        if q.low is not None:
            kept &= low[:, j] >= np.where(strict, q.low, min(q.low, low[0, j])) - CLOSE
        if q.high is not None:
            kept &= high[:, j] <= np.where(strict, q.high, max(q.high, high[0, j])) + CLOSE
    for k, knob in enumerate(facility.knob):
        kept &= (points[:, k] >= knob.low) & (points[:, k] <= knob.high)
    names = [knob.name for knob in facility.knob]
    for lock in facility.interlock:
        value = sum(factor * points[:, names.index(name)] for name, factor in lock.factor.items())
        kept &= (value >= (-np.inf if lock.low is None else lock.low - CLOSE)) & np.isfinite(value)
        kept &= value <= (np.inf if lock.high is None else lock.high + CLOSE)
    return ~kept[1:]


def check(envelope: Envelope, kind: str, wanted: np.ndarray) -> None:
    """What passes keeps every bound, it and each step of its ramp; the rest becomes the present settings."""
    with np.errstate(all="ignore"):
        allowed, let = envelope.allowed(wanted), envelope.gate(wanted)
    TRIED[kind] += len(wanted)
    ALLOWED[kind] += int(allowed.sum())
    assert np.array_equal(let[allowed], wanted[allowed]) and np.isfinite(let).all()
    assert np.array_equal(let[~allowed], np.tile(envelope.space.present, (int((~allowed).sum()), 1)))
    # Long ways first: they have most steps.
    hours = [envelope.space.ramp_h(envelope.space.present, row) for row in let[allowed]]
    way = walked(envelope, let[allowed][np.argsort(hours)[::-1][:SAMPLE]])
    wrong = broken(envelope, let[allowed], way)
    assert not wrong.any(), (
        f"{kind}: {wrong.sum()} of {len(wrong)} settings let through or on the way break a bound"
    )


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds, odd=odds)
def test_no_proposal_leaves_the_envelope_under_the_trained_model(envelope, seed, odd):
    check(envelope, "trained", proposals(envelope.space, seed, odd))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=HOSTILE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds, odd=odds, scale=scales, phase=phases)
def test_no_model_however_hostile_opens_the_envelope(envelope, kind, seed, odd, scale, phase):
    check(hostile(envelope, kind, scale, phase), kind, proposals(envelope.space, seed, odd))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["narrow dips", "narrow peaks", "a moat"])
def test_each_step_that_a_slow_ramp_shows_keeps_the_promises(envelope, kind, seed):
    """Rates of a two-hundredth, a narrow slab: the bad stretch lies between the quarters of many ways."""
    slow = replace(envelope, space=replace(envelope.space, ramp_per_h=envelope.space.ramp_per_h / 200.0))
    check(hostile(slow, kind, 20.0, 1.0 + seed), f"{kind}, slowly", proposals(slow.space, seed, 0.0))


def test_a_ramp_too_short_to_show_steps_is_checked_between_its_ends(envelope):
    fast = replace(envelope, space=replace(envelope.space, ramp_per_h=envelope.space.ramp_per_h * 1e3))
    space = fast.space
    there = space.clip(space.present + 0.14 * (space.high - space.low) * np.array([-1.0, 0.0, 0.0, 0.0]))
    assert len(Policy("any", there).ramp(space)) == 2
    assert hostile(fast, "good", 1.0, 0.0).allowed(there[None])[0]
    assert not hostile(fast, "a moat", 1.0, 0.0).allowed(there[None])[0]


@pytest.mark.parametrize("slower", [1e-3, 1.0, 7.0, 200.0])
def test_the_steps_that_are_checked_are_the_steps_that_are_shown(envelope, slower):
    space = replace(envelope.space, ramp_per_h=envelope.space.ramp_per_h / slower)
    wanted = space.clip(proposals(space, 0, 0.0))[:64]
    wanted[0] = space.present
    for row, hours, way in zip(wanted, *ramps(space, wanted), strict=True):
        moves = np.diff(hours, prepend=-1.0) > 0
        shown = Policy("any", row).ramp(space)
        assert np.array_equal(hours[moves], [h for h, _ in shown])
        assert np.array_equal(way[moves], [s for _, s in shown])


def test_nothing_is_compiled_anew_however_many_ramps_there_are(envelope):
    """Programs are for blocks, for the present settings alone and, once, for few proposals."""
    wanted = proposals(envelope.space, 0, 0.0)
    envelope.allowed(wanted)
    envelope.allowed(envelope.space.present[None])
    programs = _assess._cache_size()
    for spread in (0.001, 0.03, 1.0):
        near = envelope.space.present + spread * (wanted - envelope.space.present)
        envelope.allowed(near)
        envelope.allowed(near[:1])
    assert _assess._cache_size() == programs


def test_many_proposals_were_tried_and_some_let_through():
    """The tests above are not empty: of each kind some pass and most do not, or none where none ever may."""
    print(f"\n{sum(TRIED.values())} proposals, let through {sum(ALLOWED.values())}:")
    print("\n".join(f"  {kind}: {ALLOWED[kind]} of {TRIED[kind]}" for kind in TRIED))
    assert set(TRIED) >= {"trained", *KINDS}
    for kind, tried in TRIED.items():
        if kind in NEVER:
            assert ALLOWED[kind] == 0, kind
        else:
            assert 0.001 * tried < ALLOWED[kind] < 0.6 * tried, kind


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
        envelope.facility, space, eqx.tree_at(lambda own: own.seen, law, parted), envelope.conditions
    )
    assessment = apart.assess(away[None])
    assert assessment.distance[0] <= apart.limit and not apart.allowed(away[None])[0]

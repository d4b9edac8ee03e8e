"""Model selection for each quantity, the use of the last measurement, and rows with gaps or categories."""

import numpy as np
import pytest
import xarray as xr
from samples_surrogate import FACILITY

from surrogate import ensemble
from surrogate.fitting import Recipe
from surrogate.models import chosen
from surrogate.samples import Samples, categories, gather, with_last_measured
from surrogate.selection import MEMORIES, Choice, Study, _cautious, choose

SHORT = Recipe(members=3, width=16, rounds=12)
NAMES = ("perceptrons", "extra trees")


def log(kind, n=400, seed=0) -> Samples:
    """Rows of two knobs, four per stretch: a smooth map, steps, a smooth map with a drifting offset, or a walk."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.uniform(-1.5, 1.5, (n // 4, 2)), 4, axis=0)
    smooth, steps = np.sin(2.0 * x[:, 0]) + x[:, 1], np.sign(x[:, 0]) * (1.0 + (x[:, 1] > 0.3))
    walk = np.cumsum(rng.normal(size=n)) * 0.25
    y = {"smooth": smooth, "steps": steps, "drift": smooth + walk, "walk": walk}[kind]
    return with_last_measured(Samples(np.arange(n), x, (y + 0.05 * rng.normal(size=n))[:, None], 2))


def study(samples, names=NAMES) -> Study:
    scale = ensemble.scaling(samples.x, samples.y, np.full(2, 1e-6), -np.ones(samples.y.shape[1]))
    return Study(chosen(names), scale, recipe=SHORT)


@pytest.mark.parametrize(("kind", "winner"), [("smooth", "perceptrons"), ("steps", "extra trees")])
def test_the_model_with_the_least_error_on_later_rows_is_chosen(kind, winner):
    samples = log(kind)
    found = choose(study(samples), samples).choices[0]
    assert winner in found.models and (found.follow, found.retain) == MEMORIES[0]
    assert found.scores[winner] == min(found.scores[name] for name in NAMES)


def test_a_drifting_offset_is_corrected_by_the_last_measurement():
    samples, own = log("drift", 800), None
    old = slice(0, 560)
    own = study(samples.cut(old), NAMES[:1])
    found = choose(own, samples.cut(old)).choices
    assert found[0].follow == 1.0 and found[0].retain > 0.0
    later, law = samples.cut(slice(560, None)), own.fitted(samples.cut(old), found)
    static = law.reading(later.x[0], np.full(1, np.nan))
    error = [np.abs(ensemble.predict(law, x)[0] - later.y).mean() for x in (later.wide, later.x)]
    alone = np.abs(ensemble.predict(static, later.x)[0] - later.y).mean()
    assert error[0] < 0.5 * alone


def test_a_random_walk_independent_of_the_settings_is_predicted_by_persistence():
    samples = log("walk", 800)
    found = choose(study(samples, NAMES[:1]), samples).choices[0]
    assert (found.follow, found.retain) == (0.0, 1.0)


def test_a_reading_has_the_same_effect_as_a_wide_row():
    samples = log("smooth")
    law = study(samples, NAMES[:1]).fitted(samples, [Choice(NAMES[:1], 1.0, 0.5, {})])
    x, then, y = samples.x[0], samples.x[-1], np.array([2.5])
    shifted = law.reading(then, y).members(x)
    assert np.asarray(shifted) == pytest.approx(np.asarray(law.members(np.concatenate([x, then, y]))))
    plain = law.reading(then, np.array([np.nan])).members(x)
    expected = 0.5 * (2.5 - law.reading(then, np.array([np.nan])).members(then))
    assert np.asarray(shifted - plain) == pytest.approx(np.asarray(expected))


def test_the_last_measurement_is_used_only_if_significantly_better():
    rng = np.random.default_rng(0)
    by_memory = {memory: np.abs(rng.normal(size=300)) for memory in MEMORIES}
    assert _cautious(by_memory, 0) == MEMORIES[0]
    better = by_memory | {
        (1.0, 1.0): 0.3 * by_memory[MEMORIES[0]],
        (0.0, 1.0): 0.3 * by_memory[MEMORIES[0]] + 1e-6,
    }
    assert _cautious(better, 0) == (1.0, 1.0)
    alike = better | {(0.0, 1.0): 0.3 * np.abs(rng.normal(size=300))}
    assert _cautious(alike, 0) == (0.0, 1.0)


def test_the_last_measurement_is_from_before_the_present_settings():
    x = np.array([0.0, 0.0, 1.0, 1.0, 2.0])[:, None]
    y = np.array([[5.0], [6.0], [np.nan], [8.0], [9.0]])
    last = with_last_measured(Samples(np.arange(5.0), x, y, 1)).last
    assert last[:, 0].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert np.array_equal(last[:, 1], [np.nan, np.nan, 6.0, 6.0, 8.0], equal_nan=True)


def frame(n=200, **columns):
    """A frame of the toy ring; columns replace its channels."""
    rng = np.random.default_rng(0)
    own = {"current": rng.uniform(150, 250, n), "voltage": np.full(n, 2.0), "water": 30.0 + rng.normal(size=n),
           "lifetime": rng.uniform(10, 20, n), "flux": np.full(n, 1e12)} | columns  # fmt: skip
    kept = {name: ("time", np.asarray(v, float)) for name, v in own.items() if v is not None}
    return xr.Dataset(kept, coords={"time": np.arange(float(n))})


def test_rows_before_an_input_was_known_are_kept_and_counted():
    water = np.r_[np.full(30, np.nan), np.linspace(29.0, 31.0, 170)]
    samples = gather(FACILITY, [(0.0, frame(water=water))])
    assert len(samples) == 200 and samples.filled == {"water": 30}
    assert (samples.x[:30, 2] == 29.0).all()


def test_a_condition_that_was_never_recorded_is_held_at_the_files_value():
    samples = gather(FACILITY, [(0.0, frame(water=None))])
    assert samples.filled == {"water": 200} and (samples.x[:, 2] == 30.0).all()


def test_a_condition_of_a_few_whole_numbers_is_a_category():
    samples = gather(FACILITY, [(0.0, frame(water=np.arange(200) % 3))])
    assert categories(FACILITY, samples.x).keys() == {2}
    assert categories(FACILITY, gather(FACILITY, [(0.0, frame())]).x) == {}


def test_each_category_has_its_own_offset_and_an_unknown_one_has_none():
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 3, 600).astype(float)
    x = np.column_stack([rng.normal(size=600), kind])
    y = (x[:, 0] + np.array([0.0, 5.0, -3.0])[kind.astype(int)] + 0.05 * rng.normal(size=600))[:, None]
    scale = ensemble.scaling(x, y, np.full(2, 1e-6), -np.ones(1), {1: np.arange(3.0)})
    own = Study(chosen(NAMES[:1]), scale, recipe=SHORT)
    law = own.fitted(Samples(np.arange(600.0), x, y, 1), [Choice(NAMES[:1], 1.0, 0.0, {})])
    at = np.array([[0.2, 0.0], [0.2, 1.0], [0.2, 2.0], [0.2, 7.0]])
    found = ensemble.predict(law, at)[0][:, 0]
    assert found[:3] == pytest.approx([0.2, 5.2, -2.8], abs=0.2)
    assert np.isfinite(found[3]) and -6.0 < found[3] < 8.0

"""Stopping at a wanted precision: no run twice, words, and intervals that still cover."""

import numpy as np
import pytest
from closed_form import subsystem, toy

import twin
from twin import reference
from twin.draws import draw
from twin.nominal import nominal
from twin.outcome import Tally
from twin.plant import build
from twin.precision import Wanted, precise, until
from twin.scenario import ahead

TOY = toy(subsystem("trip"))
PLANT, LAW, SCENE = build(TOY), nominal(TOY), ahead(TOY, 500.0, 500.0)
ROOM = (64, 4)


def test_runs_n_to_m_are_the_same_drawn_alone_or_among_others():
    for all_of, some in zip(draw(TOY, 7, *ROOM, seed=5), draw(TOY, 3, *ROOM, seed=5, first=4), strict=True):
        np.testing.assert_array_equal(all_of[4:], some)


def test_no_run_is_repeated_and_all_together_are_those_of_one_larger_number():
    asked = []

    def simulate(plant, law, draws, scenario):
        asked.append(len(draws.budget))
        return reference.simulate(plant, law, draws, scenario)

    found = precise(Wanted("failures", 1e-9), simulate, PLANT, LAW, SCENE, ROOM, seed=5, least=8, most=20)
    whole = reference.simulate(PLANT, LAW, draw(TOY, 20, *ROOM, seed=5), SCENE)
    assert asked == [8, 8, 4] and found.runs == 20 and not found.reached
    for mine, one in zip(found.tally, whole, strict=True):
        np.testing.assert_array_equal(mine, one)


def test_it_stops_at_the_first_look_that_is_precise_enough_and_says_so():
    found = precise(
        Wanted("availability", 0.1), reference.simulate, PLANT, LAW, SCENE, ROOM, 5, least=8, most=999
    )
    told = found.metrics["availability"]
    assert found.reached and found.runs in (8 * 2**k for k in range(9))
    assert (told.high - told.low) / 2 <= 0.1
    assert found.told.startswith("Availability: within 0.0") and "0.1 % was wanted" in found.told


def test_it_says_how_many_runs_would_do_where_the_most_allowed_are_too_few():
    found = precise(Wanted("mtbf_h", 0.001, True), reference.simulate, PLANT, LAW, SCENE, ROOM, 5, 8, 16)
    assert not found.reached
    assert "only within" in found.told and "after 16 runs, the most allowed" in found.told
    assert "runs would do" in found.told


def test_draws_used_up_are_an_error_that_names_the_runs():
    with pytest.raises(
        twin.UserError, match=r"of runs 0 to 7 used up their random inputs .2 failures, 4 experiments"
    ):
        precise(Wanted("failures", 1.0), reference.simulate, PLANT, LAW, SCENE, (2, 4), 5, 8, 16)


@pytest.mark.parametrize(
    "wanted, least, most, words",
    [
        (Wanted("uptime", 1.0), 8, 16, "unknown metric 'uptime'; known are: useful_beam"),
        (Wanted("failures", 0.0), 8, 16, "half_width = 0 is not above 0"),
        (Wanted("failures", 1.0), 8, 4, "give 2 <= least <= most"),
    ],
)
def test_a_wrong_wish_is_an_error_in_words(wanted, least, most, words):
    with pytest.raises(twin.UserError, match=words):
        until(wanted, lambda first, runs: None, PLANT, least, most)  # type: ignore[arg-type]


def lost_years(rng: np.random.Generator):
    """Years of 100 h: Poisson failures, three a year, and lognormal outages of 1 h on the mean."""

    def more(_first: int, runs: int) -> Tally:
        failures = rng.poisson(3.0, runs).astype(float)
        lost = np.array([rng.lognormal(-0.125, 0.5, int(n)).sum() for n in failures])
        zero, three, wide = np.zeros(runs), np.zeros((runs, 3)), np.zeros((runs, 2))
        rest = (three, three, wide, wide, wide, wide, wide, wide, wide, zero)
        return Tally(zero + 100.0, 100.0 - lost, 100.0 - lost, failures, zero, *rest)

    return more


@pytest.mark.parametrize(
    "wanted, truth",
    [
        (Wanted("availability", 0.4), 97.0),
        (Wanted("mtbf_h", 0.12, True), 100.0 / 3.0),
        (Wanted("mean_outage_h", 0.07), 1.0),
        (Wanted("failures", 0.25), 3.0),
    ],
)
def test_stopping_where_the_interval_is_narrow_keeps_its_coverage(wanted, truth):
    """600 trials, most of which stop at different looks; 90 % comes out within 86.3 to 93.7 % (3 errors)."""
    rng, hits, looks = np.random.default_rng(9), 0, set()
    for _ in range(600):
        found = until(wanted, lost_years(rng), PLANT)
        low, high = found.metrics[wanted.metric][1:]
        hits += low <= truth <= high
        looks.add(found.runs)
    assert len(looks) > 1, "the rule must have had something to choose"
    assert 0.85 < hits / 600 < 0.95, (hits, looks)

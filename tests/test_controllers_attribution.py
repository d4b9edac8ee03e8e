"""Shapley values have their theoretical properties, exactly for few knobs and in sampled orders for many."""

import numpy as np
import pytest

from controllers.recommend.attribution import EXACT, shapley

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("many", [1, 3, EXACT, EXACT + 2])
def test_shares_of_every_run_add_up_to_its_change(many):
    table = {}

    def score(moved):
        return table.setdefault(moved, RNG.normal(size=4))

    knobs = list(range(many))
    shares = shapley(knobs, score)
    assert sum(shares.values()) == pytest.approx(score(frozenset(knobs)) - score(frozenset()))


@pytest.mark.parametrize("many", [3, EXACT + 2])
def test_knobs_that_do_not_interact_get_their_own_effects_and_idle_ones_nothing(many):
    effect = np.arange(many, dtype=float)
    shares = shapley(list(range(many)), lambda moved: np.array([5.0 + sum(effect[list(moved)])]))
    assert np.concatenate(list(shares.values())) == pytest.approx(effect)


def test_a_pair_that_only_helps_together_shares_alike():
    shares = shapley([0, 1, 2], lambda moved: np.array([6.0 * ({0, 1} <= moved)]))
    assert [float(shares[k][0]) for k in range(3)] == pytest.approx([3.0, 3.0, 0.0])


def test_the_known_game_of_one_owner_and_two_workers():
    """The owner brings 1 with one worker and 4 with two: over the six orders she gets (0 + 0 + 1 + 1 + 4 + 4) / 6."""
    value = {0: 0.0, 1: 1.0, 2: 4.0}

    def game(moved):
        return np.array([value[len(moved - {0})] if 0 in moved else 0.0])

    shares = shapley([0, 1, 2], game)
    assert float(shares[0][0]) == pytest.approx(10.0 / 6.0)
    assert float(shares[1][0]) == float(shares[2][0]) == pytest.approx(7.0 / 6.0)


def test_each_set_of_knobs_is_evaluated_once():
    asked = []

    def score(moved):
        asked.append(moved)
        return np.zeros(1)

    shapley([0, 1, 2, 3], score)
    assert len(asked) == len(set(asked)) == 16

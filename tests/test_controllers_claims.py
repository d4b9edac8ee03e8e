"""Every registered search claims a class of problems with an exact optimum, and finds it within the interval."""

import numpy as np
import pytest
from cases_claims import BEST, CLAIMS, MOST, SHORT, pair_best, pair_trips, worth

from controllers.searches.search import SEARCHES

SEEDS = (0, 1, 2)


HEAVY = {"drift", "identify", "pareto", "safe"}
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else [])
    for name in sorted({*SEARCHES, *CLAIMS})
]


@pytest.mark.parametrize("name", NAMES)
def test_each_search_recovers_the_exact_best_of_what_it_claims(name):
    """For at least two of three seeds the exact regret is less than half the width of the interval."""
    assert name in CLAIMS, f"{name!r} is registered and claims no problem: add it to tests/cases_claims.py"
    claim = CLAIMS[name]
    found = [claim.play(claim.search, claim.looks, seed) for seed in SEEDS]
    assert sum(f.near for f in found) >= 2, found
    assert claim.search is SEARCHES.get(name, claim.search)


def test_what_a_search_falls_short_of_is_no_claim_of_it():
    assert all(SHORT[name].play is not CLAIMS[name].play for name in SHORT)


def test_the_exact_bests_are_bests():
    assert max(worth([v]) for v in np.linspace(1.2, 4.0, 281)) <= worth(BEST) + 1e-12
    best = pair_best(MOST)
    assert pair_trips(best[None])[0] == pytest.approx(MOST)
    away = best + np.random.default_rng(0).normal(size=(4000, 2)) * 0.3
    assert away[pair_trips(away) <= MOST].sum(1).max() <= best.sum()

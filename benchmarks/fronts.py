"""TNK: a front of two objectives behind a wavy limit; hypervolume and broken limits after 20 evaluations.

minimise x1 and x2 where x1^2 + x2^2 >= 1 + 0.1 cos(16 atan2(x1, x2)) and (x1 - 0.5)^2 + (x2 - 0.5)^2 <= 0.5,
both in [0, pi] (M. Tanaka et al., "GA-based decision support system for multicriteria optimization", IEEE
SMC 1995). The limits are those of `tests/problem_tnk.py`, told as margins. Three of the 20 evaluations are
feasible starts drawn from the seed. Hypervolume is a share of the exact front's, above either corner that Xopt
uses for this problem: (1.5, 1.5) and (2.5, 2.5), where a single good point is most of the volume.

Run by hand from the repository root: OPENBLAS_NUM_THREADS=1 python -m benchmarks.fronts [seeds] [first seed]
"""

import sys

import numpy as np

from controllers import SEARCHES, Search
from controllers.searches.front import hypervolume
from controllers.searches.pareto import ParetoSearch
from tests.problem_tnk import STARTS, margins
from twin import Space

BUDGET = 20
CORNERS = -1.5, -2.5
COMPARED = {
    "pareto, told the corner": ParetoSearch(corner=(-1.5, -1.5)),
    "pareto": SEARCHES["pareto"],
    "random": SEARCHES["random"],
}


def exact_front() -> np.ndarray:
    """The front as points to be made large [N, 2]: what no other point of the wavy limit dominates."""
    angle = np.linspace(0.0, np.pi / 2, 4001)
    radius = np.sqrt(1.0 + 0.1 * np.cos(16 * angle)) + 1e-12
    x = radius[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    inside = -x[(margins(x) >= 0).all(1)]
    falling = inside[np.argsort(-inside[:, 0], kind="stable")]
    highest = np.maximum.accumulate(falling[:, 1])
    return falling[np.diff(highest, prepend=-np.inf) > 0]


WHOLE = [hypervolume(exact_front(), (corner, corner)) for corner in CORNERS]


def trial(search: Search, seed: int) -> tuple[int, list[float]]:
    """Limits broken by the search's own looks, and the share of the hypervolume reached above each corner."""
    pool = np.random.default_rng([seed, 9]).uniform(0.0, np.pi, (4000, 2))
    starts = pool[(margins(pool) >= 0).all(1)][:STARTS]
    space = Space(("x1", "x2"), ("", ""), np.zeros(2), np.full(2, np.pi), np.ones(2), starts[0])
    state = search.start(space, seed)
    for i in range(BUDGET):
        x = starts[i : i + 1] if i < STARTS else search.ask(state, 1)
        state = search.tell(state, x, -x.sum(-1), margins=margins(x), objectives=-x)
    kept = state.objectives[state.feasible]
    shares = [hypervolume(kept, (c, c)) / whole for c, whole in zip(CORNERS, WHOLE, strict=True)]
    return int((~state.feasible).sum()), shares


def main(seeds: int = 20, first: int = 0) -> None:
    looks = seeds * (BUDGET - STARTS)
    print(
        f"{seeds} seeds: share of the hypervolume, median (least), above {CORNERS}; looks that break a limit"
    )
    for name, search in COMPARED.items():
        found = [trial(search, seed) for seed in range(first, first + seeds)]
        broken, shares = sum(beyond for beyond, _ in found), np.array([share for _, share in found])
        cells = [f"{np.median(share):.3f} ({share.min():.3f})" for share in shares.T]
        print(f"{name:24} {'   '.join(cells)}   {broken} of {looks}, {broken / looks:.2f}", flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

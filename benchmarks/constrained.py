"""Modified TNK (``tests/problem_tnk.py``): how often searches break its wavy limit, and their regret.

Run by hand from the repository root: OPENBLAS_NUM_THREADS=1 python -m benchmarks.constrained [seeds] [first seed]
"""

import sys

import numpy as np

from controllers.searches.search import SEARCHES
from tests.problem_tnk import BUDGET, STARTS, trial


def main(seeds: int = 20, first: int = 0) -> None:
    for name in ("safe", "bayes", "trust", "random"):
        broken, regret = np.array([trial(SEARCHES[name], seed) for seed in range(first, first + seeds)]).T
        looks = seeds * (BUDGET - STARTS)
        print(
            f"{name:8} {int(broken.sum())} of {looks} looks violate; "
            f"regret {np.median(regret):.5f}, worst {regret.max():.4f}"
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

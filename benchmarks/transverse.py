"""Tuning the beam on a screen (``tests/problem_transverse.py``): how near searches come to the best there is.

Run by hand from the repository root: OPENBLAS_NUM_THREADS=1 python -m benchmarks.transverse [trials] [search ...]
"""

import sys

import numpy as np
from scipy.stats import binomtest

from controllers.searches.identify import IdentifyThenControl
from controllers.searches.search import SEARCHES
from tests.problem_transverse import CALIBRATING, MODEL, trial


def main(trials: int = 20, *names: str) -> None:
    searches = {
        "identify, gains too": IdentifyThenControl(CALIBRATING),
        "identify": IdentifyThenControl(MODEL),
    }
    searches |= {name: SEARCHES[name] for name in ("trust", "random")}
    print(
        f"{trials} trials of 15 looks: um above the floor (median, 95 %), share within 10 um, worse than start"
    )
    for name in names or searches:
        search = searches[name]
        chosen, seen, worse = np.array([trial(search, seed) for seed in range(trials)]).T
        near = binomtest(int(np.sum(chosen <= 10)), trials).proportion_ci()
        print(
            f"{name:22} chosen {np.median(chosen):6.1f} {np.quantile(chosen, 0.95):6.0f} {np.mean(chosen <= 10):6.3f}"
            f" ({near.low:.3f} ... {near.high:.3f})"
            f"   best look {np.median(seen):6.1f} {np.mean(seen <= 10):6.3f}   worse {worse.mean():.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]), *sys.argv[2:])

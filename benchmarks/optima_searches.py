"""Which search recovers which exact best: the claims of tests/cases_claims.py over many seeds."""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from cases_claims import CLAIMS, FRESH, SHORT, Claim  # noqa: E402

SEEDS = 8

HEAD = f"""
## Which search finds which optimum

Every search that is registered claims a class of problems, and so do those that need a model of the machine. A
new search without a claim fails `tests/test_controllers_claims.py`. Value and best are exact. An evaluation is
as noisy as 16 runs of the twin, the choice is evaluated in {FRESH} more, and "covers" counts of {SEEDS} seeds
(fewer where it says so) those whose 90 % interval contains the exact best. "Near" counts those that truly lack
less than half that interval's width, which chance can neither hide nor imitate. Where a score has no noise the
interval is stated instead: 1 % of its range on modified TNK, 3 % of the exact front's hypervolume, 0.05 of
regret where the optimum moves on a circle (keeping as is: 0.25). The last rows are no claims.

| search | problem | evaluations | covers | near | truly lacks, median and most, in half widths | beyond a limit |
|---|---|---|---|---|---|---|
"""


def row(name: str, claim: Claim, seeds: int = SEEDS) -> str:
    found = [claim.play(claim.search, claim.looks, seed) for seed in range(seeds)]
    lack = np.array([f.lost / ((f.high - f.low) / 2.0) for f in found])
    covers, near, broken = (sum(getattr(f, key) for f in found) for key in ("covers", "near", "broken"))
    text = (
        f"| `{name}` | {claim.kind} | {claim.looks} | {covers} of {seeds} | {near} of {seeds} | "
        f"{abs(np.median(lack)):.2f}, {abs(lack.max()):.2f} | {broken} |"
    )
    print(text, flush=True)
    return text


def section() -> str:
    """The section of docs/exact-optima.md."""
    rows = [row(name, claim) for name, claim in [*CLAIMS.items(), *SHORT.items()]]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    section()

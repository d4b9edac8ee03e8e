"""Decisions whose best is known exactly, and what a search of the twin finds: writes docs/exact-optima.md.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.known_optima [decisions] [gradients] [policies] [searches]

Sections that are not named are kept as they stand; without names all are made anew.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from cases_optima_beam import CASES as BEAM  # noqa: E402
from cases_optima_beam import LINAC, WEIGHTS, climb, front, heat, trips  # noqa: E402
from cases_optima_maintenance import CASES as UPKEEP  # noqa: E402
from optimum import Problem, find, interval  # noqa: E402
from rich.progress import track  # noqa: E402

from benchmarks import optima_policies, optima_searches  # noqa: E402
from controllers.searches.search import SEARCHES  # noqa: E402
from twin import batched  # noqa: E402
from twin.draws import draw  # noqa: E402
from twin.nominal import nominal  # noqa: E402
from twin.plant import build  # noqa: E402
from twin.scenario import ahead  # noqa: E402

ASKS, RUNS, FRESH = 16, 16, 128

HEAD = f"""# Validation against exact optima

Written by `python -m benchmarks.known_optima`; `tests/test_controllers_optima.py` checks the exact values and
the quick searches. Each decision has an exact best (closed form or dynamic programming), a small facility built
for it (`tests/cases_optima_*.py`) and a search by the twin alone: Bayesian optimisation
(`controllers.searches.bayes`), {ASKS} settings, each on the same {RUNS} runs of 10,000 h. Its choice is then
evaluated on {FRESH} new runs. The interval is 90 % (Student's t over the runs), and of so many one in ten may
miss. "Truly loses" is the exact value of the best less that of the choice, which noise cannot hide. Costs and
losses carry a minus sign.

| decision | best at | found at | best, exact | found, 90 % interval | covers | truly loses | formula |
|---|---|---|---|---|---|---|---|
"""
FRONT = """
## Gradients over many cavities: a Pareto front

Eight cavities of 0.5 m share 30 MV (mean gradient 7.5 MV/m). Trips follow Benesch's law `exp(-10.268 + B (G -
F))` a second with `B` 1.05 ... 3.10 and `F` 7.4 ... 9.4 MV/m, heat is `G^2 L / ((r/Q) Q0)` with `r/Q` 968 Ohm/m
and `Q0` 5e9 (the last and the spread of `F` are assumed; J. Benesch, JLAB-TN-09-41; B. Terzic et al., PRSTAB
17, 101003). Both are convex and separable: at the best every cavity has the same marginal cost for its energy
(Lagrange). The controller is gradient ascent (`controllers.searches.ascent`) through the twin's own law, with
the energy as an interlock; its trips are counted by the twin in 128 runs of 2,000 h.

| weight, W for a trip/h | heat, exact, W | heat, found, W | trips/h, exact | of the found, 90 % interval | covers |
|---|---|---|---|---|---|
"""


def row(problem: Problem) -> tuple[str, bool]:
    found = find(problem, SEARCHES["bayes"], ASKS, RUNS, FRESH)
    best = problem.worth(problem.best)
    covers = found.low <= best <= found.high
    lost = best - problem.worth(found.x)
    at, x = (_places(problem, v) for v in (problem.best, found.x))
    told = f"{at} | {x} | {best:.5g} | {found.mean:.5g} ({found.low:.5g} ... {found.high:.5g})"
    share = 100.0 * lost / abs(best)
    return (
        f"| {problem.name} | {told} | {'yes' if covers else 'no'} | {share:.2f} % | {problem.formula} |",
        covers,
    )


def _places(problem: Problem, x) -> str:
    """The free parameters, or of priorities the order in which they rank."""
    if problem.space.names[0].startswith("priority"):
        return ", ".join(f"class {k}" for k in np.argsort(-x))
    free = problem.space.high - problem.space.low > 1e-6
    return ", ".join(f"{v:.4g} {u}" for v, u, f in zip(x, problem.space.units, free, strict=True) if f)


def counted(gradients) -> np.ndarray:
    """Trips an hour in each of 128 runs of 2,000 h at these gradients, [R]."""
    scene = ahead(LINAC, 2000.0, 2000.0, gradients)
    draws = draw(LINAC, 128, 1024, 2, 5)
    tally = batched.simulate(build(LINAC), nominal(LINAC), draws, scene)
    assert not tally.exhausted.any()
    return tally.failures_by.sum(1) / 2000.0


def front_row(weight: float) -> tuple[str, bool]:
    exact, found = front(weight), climb(weight)
    mean, low, high = interval(counted(found))
    covers = low <= trips(exact).sum() <= high
    told = f"{heat(exact):.4f} | {heat(found):.4f} | {trips(exact).sum():.5f} | {mean:.5f} ({low:.5f} ... {high:.5f})"
    return f"| {weight:g} | {told} | {'yes' if covers else 'no'} |", covers


def hypervolume(points: np.ndarray, corner: np.ndarray) -> float:
    """Area that points [N, 2], lower is better, dominate below a corner."""
    inside = points[np.all(points < corner, axis=1)]
    area, roof = 0.0, corner[1]
    for x, y in inside[np.argsort(inside[:, 0])]:
        if y < roof:
            area, roof = area + (corner[0] - x) * (roof - y), y
    return area


def _front_words() -> str:
    weights = np.geomspace(0.03, 300.0, 25)
    fronts = [np.array([(heat(g), trips(g).sum()) for g in map(way, weights)]) for way in (front, climb)]
    corner = fronts[0].max(0) * 1.001
    ratio = hypervolume(fronts[1], corner) / hypervolume(fronts[0], corner)
    even = np.full(len(front(1.0)), 7.5)
    return (
        f"\nOver {len(weights)} weights the found front has {100 * ratio:.4f} % of the exact one's hypervolume. "
        f"An even 7.5 MV/m: {heat(even):.2f} W and {trips(even).sum():.3f} trips/h.\n"
    )


def decisions() -> str:
    """The top of the page: one row a decision."""
    rows, covered = zip(*(row(p) for p in track([*UPKEEP, *BEAM], "optima")), strict=True)
    tail = f"\n{len(rows)} decisions; the interval covers the exact best in {sum(covered)}.\n"
    return HEAD + "\n".join(rows) + "\n" + tail


def gradients() -> str:
    rows, _ = zip(*(front_row(w) for w in WEIGHTS), strict=True)
    return FRONT + "\n".join(rows) + "\n" + _front_words()


SECTIONS = {
    "decisions": decisions,
    "gradients": gradients,
    "policies": optima_policies.section,
    "searches": optima_searches.section,
}


def main(*wanted: str) -> None:
    page, mark = ROOT / "docs" / "exact-optima.md", "\n## "
    kept = page.read_text().split(mark) if page.exists() else []
    parts = []
    for i, (name, made) in enumerate(SECTIONS.items()):
        anew = not wanted or name in wanted or i >= len(kept)
        parts.append(made().removeprefix(mark) if anew else kept[i])
    page.write_text(mark.join(parts))
    print(page.read_text())


if __name__ == "__main__":
    main(*sys.argv[1:])

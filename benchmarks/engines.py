"""How fast the engines are, side by side in one run: simulated weeks a second, and the cost of more runs."""

import time

import numpy as np
import simpy
from rich.console import Console
from rich.table import Table

from twin import batched, built_in, load, reference
from twin.draws import draw, enough
from twin.plant import build, nominal
from twin.scenario import ahead

WEEKS = 4
RUNS = (1, 16, 128, 1024)


def bare_simpy(events: int = 200_000) -> float:
    """Timeouts a second of a bare SimPy loop: the most any SimPy engine can do."""

    def ticking(env):
        while True:
            yield env.timeout(1.0)

    env = simpy.Environment()
    env.process(ticking(env))
    began = time.perf_counter()
    env.run(until=events)
    return events / (time.perf_counter() - began)


def seconds(work, repeats: int = 3) -> float:
    """The least wall time of a few repeats, after one that compiles."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    table = Table(title=f"{WEEKS} weeks with daily decisions, one run of this script", title_justify="left")
    for column in ("facility", "engine", "runs", "seconds", "weeks/s", "ratio to reference"):
        table.add_column(column, justify="left" if column in ("facility", "engine") else "right")
    for name in built_in():
        facility = load(name)
        plant, law, scenario = build(facility), nominal(facility), ahead(facility, 168.0 * WEEKS)
        draws = draw(facility, max(RUNS), *enough(facility, scenario.horizon_h), seed=0)
        spent = seconds(lambda p=plant, w=law, d=draws, s=scenario: reference.simulate(p, w, d, s, runs=8), 2)
        base = 8 * WEEKS / spent
        table.add_row(name, "reference", "8", f"{spent:.2f}", f"{base:.0f}", "1")
        for runs in RUNS:
            some = type(draws)(*(np.asarray(field)[:runs] for field in draws))
            spent = seconds(lambda p=plant, w=law, d=some, s=scenario: batched.simulate(p, w, d, s))
            rate = runs * WEEKS / spent
            table.add_row(name, "batched", f"{runs}", f"{spent:.2f}", f"{rate:.0f}", f"{rate / base:.1f}")
    console = Console(width=110)
    console.print(table)
    console.print(f"bare SimPy loop: {bare_simpy():,.0f} timeouts/s")


if __name__ == "__main__":
    main()

"""How fast the engines are, side by side in one run: weeks a second, and how cost grows with runs and units."""

import time
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from peers_beamtwin import PART, REST
from peers_simpy import bare_timeouts
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from twin import batched, built_in, load, reference
from twin.draws import draw, enough
from twin.facility import Facility, parse
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

WEEKS, YEAR_H = 4, 8760.0
RUNS = {"storage-ring": (1, 16, 128, 1024, 8192, 100_000), "xfel-linac": (1, 16, 128, 1024, 8192)}
UNITS = ((10, 4096), (100, 2048), (1000, 256), (10_000, 16))
"""Independent units, and the years to simulate."""


def seconds(work, repeats: int = 3) -> float:
    """The least wall time of a few repeats, after one that compiles."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def facilities(curves: dict[str, list]) -> Table:
    """The built-in facilities with daily decisions, on both engines; their points go into ``curves``."""
    table = Table(title=f"{WEEKS} weeks with daily decisions", title_justify="left")
    for column in ("facility", "engine", "runs", "seconds", "weeks/s", "ratio to reference"):
        table.add_column(column, justify="left" if column in ("facility", "engine") else "right")
    for name in built_in():
        facility = load(name)
        plant, law, scenario = build(facility), nominal(facility), ahead(facility, 168.0 * WEEKS)
        draws = draw(facility, max(RUNS[name]), *enough(facility, scenario.horizon_h), seed=0)
        spent = seconds(lambda p=plant, w=law, d=draws, s=scenario: reference.simulate(p, w, d, s, runs=16))
        base = 16 * WEEKS / spent
        table.add_row(name, "reference", "16", f"{spent:.2f}", f"{base:,.0f}", "1")
        for runs in RUNS[name]:
            some = type(draws)(*(np.asarray(field)[:runs] for field in draws))
            repeats = 3 if runs <= 1024 else 1
            spent = seconds(lambda p=plant, w=law, d=some, s=scenario: batched.simulate(p, w, d, s), repeats)
            rate = runs * WEEKS / spent
            curves.setdefault(f"{name}: weeks/s against runs", []).append((runs, rate))
            table.add_row(name, "batched", f"{runs:,}", f"{spent:.2f}", f"{rate:,.0f}", f"{rate / base:.1f}")
    return table


def independent(units: int) -> Facility:
    """Units in series, each told apart: MTBF 8760 h, repair 10 h (assumed)."""
    times = {"mtbf_h": 8760.0, "repair_h": 10.0, "effect": "dump", "crew": "", "units": 1}
    return parse(REST.format(crews=1) + "".join(PART.format(name=f"u{i}", **times) for i in range(units)))


def growth(curves: dict[str, list]) -> Table:
    """How cost grows with the number of independent units; drawing is timed apart."""
    table = Table(title="independent units in series, one year a run", title_justify="left")
    for column in ("units", "years", "drawing, years/s", "batched, years/s", "events/s", "MB of draws a run"):
        table.add_column(column, justify="right")
    for units, years in UNITS:
        facility = independent(units)
        plant, law, scene = build(facility), nominal(facility), ahead(facility, YEAR_H, YEAR_H)
        drawing = seconds(lambda f=facility, y=years: draw(f, y, 16, 4, 0), 1)
        draws = draw(facility, years, 16, 4, 0)
        spent = seconds(lambda p=plant, w=law, d=draws, s=scene: batched.simulate(p, w, d, s), 1)
        pace = years / spent
        size = sum(np.asarray(field).nbytes for field in draws) / years / 1e6
        row = (
            f"{units:,}",
            f"{years:,}",
            f"{years / drawing:,.0f}",
            f"{pace:,.0f}",
            f"{2 * units * pace:,.0f}",
        )
        table.add_row(*row, f"{size:.2f}")
        curves.setdefault("independent units: events/s against units", []).append((units, 2 * units * pace))
    return table


def picture(curves: dict[str, list], path: Path) -> None:
    """The curves on logarithmic axes, as a PNG through headless chromium."""
    figure = go.Figure(
        [go.Scatter(x=[x for x, _ in c], y=[y for _, y in c], name=n) for n, c in curves.items()]
    )
    figure.update_xaxes(type="log", title="runs, or units").update_yaxes(
        type="log", title="weeks/s, or events/s"
    )
    figure.update_layout(template="simple_white", legend={"orientation": "h", "y": 1.15})
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 520})
        page.set_content(figure.to_html(include_plotlyjs=True))
        page.wait_for_selector(".main-svg")
        page.screenshot(path=str(path))
        browser.close()


def main() -> None:
    console, curves = Console(width=110), {}
    console.print(facilities(curves))
    console.print(growth(curves))
    picture(curves, Path(__file__).parent.parent / "docs" / "speed.png")
    console.print(f"bare SimPy loop: {bare_timeouts():,.0f} timeouts/s")


if __name__ == "__main__":
    main()

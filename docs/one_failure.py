"""Draws one-failure.svg of how-it-works.md from a run of the twin: ``python docs/one_failure.py``."""

from pathlib import Path

import numpy as np

import twin
from twin import reference
from twin.draws import draw, enough
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

PROCESS, SEED, HOURS = "rf.trip", 1, 336.0
WIDTH, LEFT, RIGHT = 880, 70, 860
INK, SOFT, RULE, BLUE, RED = "#222", "#666", "#ccc", "#1f5fa8", "#b3402f"


class Panel:
    """A plot area: hours on x, any quantity on y, to SVG coordinates."""

    def __init__(self, top: float, bottom: float, hours: tuple[float, float], values: tuple[float, float]):
        self.top, self.bottom, self.hours, self.values = top, bottom, hours, values

    def x(self, hour: float) -> float:
        a, b = self.hours
        return LEFT + (RIGHT - LEFT) * (hour - a) / (b - a)

    def y(self, value: float) -> float:
        a, b = self.values
        return self.bottom - (self.bottom - self.top) * (value - a) / (b - a)

    def line(self, hours, values, colour: str = BLUE) -> str:
        points = " ".join(f"{self.x(h):.1f},{self.y(v):.1f}" for h, v in zip(hours, values, strict=True))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def axes(self, x_ticks, y_ticks, title: str, unit: str = "h") -> list[str]:
        rows = [text(LEFT, self.top - 14, title, weight=600)]
        for hour in x_ticks:
            rows += [rule(self.x(hour), self.bottom, self.x(hour), self.bottom + 5)]
            rows += [text(self.x(hour), self.bottom + 20, f"{hour:g} {unit}", anchor="middle", colour=SOFT)]
        for value in y_ticks:
            rows += [rule(LEFT, self.y(value), RIGHT, self.y(value))]
            rows += [text(LEFT - 8, self.y(value) + 4, f"{value:g}", anchor="end", colour=SOFT)]
        return rows

    def band(self, start_h: float, end_h: float, label: str, row: int, colour: str) -> list[str]:
        y, x0, x1 = self.bottom + 34 + 26 * row, self.x(start_h), self.x(end_h)
        return [
            f'<rect x="{x0:.1f}" y="{y}" width="{x1 - x0:.1f}" height="18" rx="2" fill="{colour}" '
            'fill-opacity="0.16"/>',
            text((x0 + x1) / 2, y + 13, label, anchor="middle"),
        ]


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-weight="{weight}">{words}</text>'
    )


def rule(x0: float, y0: float, x1: float, y1: float, colour: str = RULE, dash: str = "") -> str:
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
        f'stroke-dasharray="{dash}"/>'
    )


def simulated():
    """The finished run, the process's index and its first budget."""
    facility = twin.load("storage-ring")
    plant, law, plan = build(facility), nominal(facility), ahead(facility, HOURS)
    draws = draw(facility, 1, *enough(facility, HOURS), seed=SEED).run(0)
    run, p = reference.start(plant, draws, plan.calendar), facility.process_names.index(PROCESS)
    hazards = []
    for settings, conditions, until_h in zip(plan.settings, plan.conditions, plan.edges_h[1:], strict=True):
        run.advance(law, settings, conditions, float(until_h))
        hazards.append(float(law(settings, conditions).hazard[p]))
    return run, p, float(draws.budget[p][0]), hazards, plan.edges_h


def stored_spans(run) -> list[tuple[float, float]]:
    """(begin, end) of stored beam, [h]."""
    begins = [e.at_h for e in run.trace if e.kind == "stored"]
    ends = [e.at_h for e in run.trace if e.kind == "lost"]
    return list(zip(begins, [*ends, HOURS][: len(begins)], strict=True))


def spent(run, hazards, edges, until_h: float):
    """Hours and the budget spent by then: the hazard summed over hours with stored beam."""
    grid = np.linspace(0.0, until_h, 1500)
    middle, width = (grid[1:] + grid[:-1]) / 2, np.diff(grid)
    beam = sum(((middle >= a) & (middle < b)).astype(float) for a, b in stored_spans(run))
    rate = np.asarray(hazards)[np.searchsorted(edges, middle) - 1]
    return grid, np.concatenate([[0.0], np.cumsum(beam * rate * width)])


def first(run, kind: str, after_h: float, subject: int = 0) -> float:
    return next(e.at_h for e in run.trace if e.kind == kind and e.at_h >= after_h and e.subject == subject)


def picture() -> str:
    """The SVG text."""
    run, p, budget, hazards, edges = simulated()
    failed = first(run, "fail", 0.0, p)
    fixed, stored, full = (
        first(run, "fixed", failed, p),
        first(run, "stored", failed),
        first(run, "target", failed),
    )
    hours, used = spent(run, hazards, edges, failed)
    upper = Panel(48, 220, (0.0, 150.0), (0.0, 1.8))
    rows = upper.axes(
        range(0, 151, 24), (0, 0.5, 1, 1.5), "Ageing budget of rf.trip, spent while beam is stored"
    )
    y = upper.y(budget)
    rows += [rule(LEFT, y, RIGHT, y, RED, "5 4"), text(LEFT + 6, y - 6, f"budget {budget:.2f}", colour=RED)]
    rows += [upper.line(hours, used), f'<circle cx="{upper.x(failed):.1f}" cy="{y:.1f}" r="4" fill="{RED}"/>']
    rows += [text(RIGHT, y + 46, f"failure at {failed:.2f} h", anchor="end")]
    lower = Panel(308, 430, (142.8, 144.0), (0.0, 480.0))
    rows += lower.axes(
        np.arange(142.8, 144.01, 0.2).round(1), (0, 200, 400), "Stored current at the failure, mA"
    )
    target = 430.0
    curve = [(142.8, target), (failed, target), (failed, 0), (stored, 0), (full, target), (144.0, target)]
    rows.append(lower.line(*zip(*curve, strict=True)))
    rows += lower.band(failed, fixed, f"repair {fixed - failed:.3f} h", 0, SOFT)
    rows += lower.band(fixed, stored, f"restart {stored - fixed:.2f} h", 0, BLUE)
    rows += lower.band(stored, full, f"fill {full - stored:.2f} h", 0, BLUE)
    rows += lower.band(failed, full, f"lost user time, cause rf.trip: {full - failed:.3f} h", 1, RED)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 525" role="img" font-size="13" '
        'font-family="system-ui, DejaVu Sans, sans-serif">'
        "<title>One trip of the RF system: its ageing budget and its outage</title>"
        f'<rect width="{WIDTH}" height="525" fill="#fff"/>'
    )
    return "\n".join([head, *rows, "</svg>"]) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("one-failure.svg").write_text(picture())

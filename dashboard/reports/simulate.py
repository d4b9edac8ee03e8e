"""Simulated years as one HTML file."""

from dashboard.app.analyses import forecast, simulate
from dashboard.figures import simulate as figures
from dashboard.reports.page import Section, page


def document(answer: simulate.Answer) -> str:
    """The metrics over the runs, and what loses beam."""
    runs = f"{answer.runs} runs of {answer.years:g} year(s) of user time at the facility file's own law"
    lines = [f"{runs}, {answer.engine} engine, seed {answer.seed}."]
    lines += [answer.precision] if answer.precision else []
    note = "Per cent of the runs by value. Blue: the mean, shaded: its 90 % interval."
    sections = [Section("The runs", figures.spread(answer), note)]
    lost = figures.causes(answer)
    if lost is not None:
        note = (
            "Mean user hours lost in a run, by the failure that began the loss, with 90 % intervals; in blue the "
            "causes that make four fifths of all."
        )
        sections.append(Section("What loses beam", [lost], note))
    title = f"{answer.facility.title}: simulated years"
    return page(f"{answer.facility.name}: simulate", title, lines, sections)


def foreseen(answer: forecast.Answer) -> str:
    """Each metric as a model expects it, and how much of that is not knowing the plant."""
    line = f"{answer.years:g} year(s) of user time as model {answer.model} expects them."
    note = (
        "This time: 90 % interval of one such time, chance and what the log left unknown together. Long run: of the "
        "true plant's mean, without chance. Black: the mean."
    )
    title = f"{answer.facility.title}: as the model expects it"
    return page(
        f"{answer.facility.name}: simulate",
        title,
        [line],
        [Section("Metrics", figures.foreseen(answer.rows), note)],
    )

"""Simulated years as one HTML file."""

from dashboard.app.analyses import forecast, simulate
from dashboard.figures import simulate as figures
from dashboard.reports.page import Section, page


def document(answer: simulate.Answer) -> str:
    """Distributions of the metrics over the runs, and user hours lost by cause."""
    runs = f"{answer.runs} runs of {answer.years:g} year(s) of user time with the law of the facility file"
    lines = [f"{runs}, {answer.engine} engine, seed {answer.seed}."]
    lines += [answer.precision] if answer.precision else []
    note = "Per cent of the runs by value. Blue: the mean, shaded: its 90 % interval."
    sections = [Section("The runs", figures.spread(answer), note)]
    lost = figures.causes(answer)
    if lost is not None:
        note = (
            "Mean user hours lost per run, by the failure that caused the loss, with 90 % intervals. Blue: the "
            "causes that together make 80 % of the loss."
        )
        sections.append(Section("User hours lost by cause", [lost], note))
    title = f"{answer.facility.title}: simulated years"
    return page(f"{answer.facility.name}: simulate", title, lines, sections)


def forecast_document(answer: forecast.Answer) -> str:
    """The forecast of each metric, with the share of model uncertainty in its variance."""
    line = f"{answer.years:g} year(s) of user time, forecast by model {answer.model}."
    note = (
        "This time: 90 % interval over the stated time, with chance and model uncertainty. Long run: 90 % interval of "
        "the mean of the true plant, without chance. Black: the mean."
    )
    title = f"{answer.facility.title}: forecast"
    return page(
        f"{answer.facility.name}: simulate",
        title,
        [line],
        [Section("Metrics", figures.forecasts(answer.rows), note)],
    )

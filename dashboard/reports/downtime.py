"""Downtime as one HTML file."""

from dashboard.app.analyses.downtime import Answer
from dashboard.figures import downtime as figures
from dashboard.reports.page import Section, page
from dashboard.text import words


def document(answer: Answer) -> str:
    """Outages over time, and what took most user time."""
    found, facility = answer.found, answer.facility
    until = (
        f"A sample each {60 * found.usual_h:.3g} min: shorter outages may not show." if found.usual_h else ""
    )
    lines = [
        f"{found.channel} from {words.clock(answer.start)} on, {words.number(answer.hours, 1)} h. {until}",
        "; ".join(f"{m.title} {words.amount(value, m.unit, m.digits)}" for m, value in answer.distinct),
    ]
    note = "By the worst kind that an outage reached. Blue: user time was lost; grey: outside scheduled user time."
    sections = [Section("Outages", [figures.timeline(answer)], note)]
    lost = figures.causes(answer)
    if lost is not None:
        by = (
            "kind of outage"
            if answer.compared is None
            else "the fault that began the outage, by the log's fault table"
        )
        note = f"User hours lost, by {by}; in blue the causes that make four fifths of all."
        sections.append(Section("What took the users' time", [lost], note))
    title = f"{facility.title}: downtime that the beam shows"
    return page(f"{facility.name}: downtime", title, [line for line in lines if line], sections)

"""Downtime as one HTML file."""

from dashboard.app.analyses.downtime import Answer
from dashboard.figures import downtime as figures
from dashboard.reports.page import Section, page
from dashboard.text import words


def document(answer: Answer) -> str:
    """Outages over time, and user hours lost by cause."""
    found, facility = answer.found, answer.facility
    until = (
        f"One sample every {60 * found.usual_h:.3g} min: shorter outages may be missed."
        if found.usual_h
        else ""
    )
    lines = [
        f"{found.channel} from {words.clock(answer.start)} on, {words.number(answer.hours, 1)} h. {until}",
        "; ".join(f"{m.title} {words.amount(value, m.unit, m.digits)}" for m, value in answer.distinct),
    ]
    note = "By worst kind of each outage. Blue: user time was lost; grey: outside scheduled user time."
    sections = [Section("Outages", [figures.timeline(answer)], note)]
    lost = figures.causes(answer)
    if lost is not None:
        by = (
            "kind of outage"
            if answer.compared is None
            else "the fault that caused the outage, from the fault table of the log"
        )
        note = f"User hours lost, by {by}; blue: the causes that together make 80 % of the loss."
        sections.append(Section("User hours lost by cause", [lost], note))
    title = f"{facility.title}: downtime found in the beam channel"
    return page(f"{facility.name}: downtime", title, [line for line in lines if line], sections)

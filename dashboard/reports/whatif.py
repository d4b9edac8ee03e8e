"""A what-if as one HTML file."""

from dashboard.app.analyses.whatif import Answer
from dashboard.figures.whatif import changes
from dashboard.reports.page import Section, page
from dashboard.text import words


def document(answer: Answer) -> str:
    """The changes by each case from the unchanged facility, one figure for each metric."""
    s, present = answer.scenario, answer.cases[0].metrics
    lines = [
        f"{s.runs} runs of {s.days:g} days each, seed {s.seed}; all cases on common random numbers.",
        "Change of the mean with its 90 % interval. ● surely better, ◆ surely worse, ○ not sure.",
    ]
    sections = [
        Section(
            f"{m.title}, {words.amount(float(present[m.name].mean()), m.unit, m.digits)} as it is", [figure]
        )
        for m, figure in changes(answer)
    ]
    if not sections:
        lines.append("No case changes anything.")
    return page(f"{answer.facility.name}: what-if", f"{answer.facility.title}: what if?", lines, sections)

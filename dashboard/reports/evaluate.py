"""An off-policy evaluation as one HTML file."""

from dashboard.app.analyses.evaluate import Answer
from dashboard.figures import evaluate as figures
from dashboard.reports.page import Section, page


def document(answer: Answer) -> str:
    """The estimated gain over the operators with its intervals, and the promised quantities."""
    found, twin = answer.found, answer.by_the_twin
    lines = [
        f"Candidate: {answer.candidate}.",
        f"Verdict: {found.verdict}: {found.why}.",
        f"{found.epochs} epochs; weighted into the candidate they count as {found.effective:.1f} epochs in "
        f"{found.pieces:.1f} stretches of time.",
    ]
    sections = []
    gains = figures.gains(answer)
    if gains is not None:
        note = (
            f"Mean outcome minus the operators' ({found.present:.2f} % of the reference), with 90 % intervals. "
            "● surely better, ◆ surely worse, ○ not sure."
        )
        if twin is not None:
            note += (
                f" By the twin: useful beam with the same random events from hour {twin['from_h']:g} on; it rests on "
                f"model {twin['model']}, not on what operators tried."
            )
        sections.append(Section("Gain over the operators, % of the reference", [gains], note))
    promised = figures.promises(answer)
    if promised is not None:
        note = "Share of the epochs in which a promised quantity is beyond its bound. Grey: operators; blue: candidate."
        sections.append(Section("Promised quantities", [promised], note))
    return page("evaluate", "Would another policy have done better?", lines, sections)

"""A trained model as one HTML file."""

from dashboard.figures import train as figures
from dashboard.reports.page import Section, page
from twin.types import Json


def document(card: Json) -> str:
    """Skill against the baselines, and coverage of the intervals."""
    usable = (
        "Usable for recommendations."
        if card["usable"]
        else f"Not usable for recommendations: {card['reason']}."
    )
    split = card["split"]
    rows = f"{split['train_rows']} rows before hour {split['test_from_h']:g}, {split['test_rows']} after it"
    lines = [f"Model {card['id']}, seed {card['seed']}; {rows}.", usable]
    note = "Error on later time minus that of the best baseline, with its 90 % interval; left of the line is better."
    sections = [Section("Skill on the last 30 % of the time", [figures.skill(card)], note)]
    covered = figures.coverage(card)
    if covered is not None:
        note = (
            "Share of later measurements in their 90 % interval, in the middle and at the edge of the training data. "
            "Grey: as calibrated; blue: following drift."
        )
        sections.append(Section("Coverage", [covered], note))
    return page(f"{card['facility']}: model", f"{card['facility']}: trained model", lines, sections)

"""A new surrogate, from a log to service: write a model, let it compete, compare, promote.

Run it with a facility and a log: python examples/tutorial/train_own.py storage-ring log.h5
"""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import twin
from replay_data.runlog import open_log
from surrogate import models, registry
from surrogate.fitting import STANDARD, Recipe
from surrogate.train import train


def offer() -> None:
    """Make the model known. A package of one's own does it in its pyproject.toml instead, with two lines:

    [project.entry-points."beamtwin.models"]
    absolute = "absolute:Absolute"
    """
    point = EntryPoint("absolute", "absolute:Absolute", models.GROUP)
    known, models.entry_points = models.entry_points, lambda group: [*known(group=group), point]
    models.learners.cache_clear()


def main(
    facility_name: str, log_path: str, folder: Path | None = None, recipe: Recipe = STANDARD,
    names: Sequence[str] | None = None,
) -> registry.Entry:  # fmt: skip
    """Train with the new model among the candidates (all known ones, if none are named); promote the result."""
    facility = twin.load(facility_name)
    with open_log(log_path) as log:
        made = train(facility, [log], seed=0, recipe=recipe, models=names)
    for quantity, choice in made.card["models"]["chosen"].items():
        scores = {name: f"{score:.3g}" for name, score in choice["scores"].items()}
        print(f"{quantity}: {' + '.join(choice['models'])} serves; mean errors on later rows: {scores}")
    for row in made.card["skill"]:
        verdict = "better than" if row["better"] else "not better than"
        print(f"{row['target']}: {verdict} {row['baseline_name']} on the last 30 % of the rows")
    entry = registry.save(made.law, made.card, made.facility, folder)
    registry.promote(entry.id, folder)
    print(f"In service: {entry.id}")
    return entry


if __name__ == "__main__":
    offer()
    main(*sys.argv[1:3])

"""How good the recommendations really are: true gain and regret on hidden plants over several seeds."""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from controllers.recommend import Effort, recommend
from dashboard.console import bars
from dashboard.score import score
from replay_data.runlog import open_log, write
from replay_data.synthesize import synthesize
from surrogate import registry
from surrogate.train import train
from twin import load


def one(name: str, seed: int, days: float, folder: Path) -> dict:
    """One facility and seed: log, training, recommendation, truth."""
    facility = load(name)
    path = folder / f"{name}-{seed}.h5"
    write(synthesize(facility, days, seed), path)
    with open_log(path) as log, bars() as tell:
        trained = train(facility, [log], seed, tell)
        entry = registry.save(trained.law, trained.card, trained.facility, folder / "models")
        made = recommend(registry.load(entry.id, folder=folder / "models"), log, seed, Effort(), tell)
        truth = score(facility, made, seed, tell, batches=2) if made["verdict"] != "refuse" else None
    return {"made": made, "truth": truth}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("facility", nargs="*", default=["storage-ring", "xfel-linac"])
    ask.add_argument("--seeds", type=int, default=5)
    ask.add_argument("--days", type=float, default=240.0)
    ask.add_argument("--folder", type=Path, default=Path("work/hidden"))
    args = ask.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    table = Table(title="% useful beam over 4 weeks (90 % interval)", title_justify="left")
    columns = (
        "facility",
        "seed",
        "verdict",
        "promised gain",
        "true gain",
        "best possible",
        "regret",
        "promises kept",
    )
    for column in columns:
        table.add_column(column)
    console = Console(width=150)
    for name in args.facility:
        for seed in range(1, args.seeds + 1):
            found = one(name, seed, args.days, args.folder)
            table.add_row(name, str(seed), *_cells(found))
            console.print(f"{name} {seed}: {' | '.join(_cells(found))}")
    console.print(table)


def _cells(found: dict) -> list[str]:
    made, truth = found["made"], found["truth"]
    if truth is None:
        return [made["verdict"], "", "", "", "", ""]
    beam = next(e for e in made["effects"] if e["metric"] == "useful_beam")
    promised = f"{beam['change']:+.2f} ({beam['low']:+.2f} ... {beam['high']:+.2f})"
    shown = [_span(truth[k]) for k in ("gain", "best_gain")]
    kept = "yes" if truth["promises_kept"] else "NO"
    return [made["verdict"], promised, *shown, f"{truth['regret']['mean']:.2f}", kept]


def _span(row: dict) -> str:
    return f"{row['mean']:+.2f} ({row['low']:+.2f} ... {row['high']:+.2f})"


if __name__ == "__main__":
    main()

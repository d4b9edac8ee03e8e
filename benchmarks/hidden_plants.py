"""How good the recommendations really are: true gain and regret on hidden plants over seeds and horizons.

Run by hand from the repository root: python -m benchmarks.hidden_plants [facility ...] [--seeds 10]
Each seed is kept in a file of the folder as it is done, so that a run goes on where it stopped.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from scipy import stats

from controllers.recommend import recommend
from controllers.recommend.case import Effort
from dashboard.app.analyses.score import score
from dashboard.app.store.files import write_json
from dashboard.cli.progress import progress_bar
from replay_data.runlog import open_log, write
from replay_data.synthesize import synthesize
from surrogate import registry
from surrogate.train import train
from twin import load

HORIZONS_H = (168.0, 672.0)
KEPT = ("verdict", "headline", "knobs", "when", "parameters_share", "confirmed", "support")


def one(name: str, seed: int, days: float, folder: Path) -> list[dict]:
    """One facility and seed: log, training, then for each horizon recommendation and truth."""
    facility, path, rows = load(name), folder / f"{name}-{seed}.h5", []
    write(synthesize(facility, days, seed), path)
    with open_log(path) as log, progress_bar() as progress:
        trained = train(facility, [log], seed, progress)
        entry = registry.save(trained.law, trained.card, trained.facility, folder / "models")
        model = registry.load(entry.id, folder=folder / "models")
        for horizon_h in HORIZONS_H:
            made = recommend(model, log, seed, Effort(horizon_h=horizon_h), progress)
            truth = score(facility, made, seed, progress, batches=2) if made.verdict != "refuse" else None
            plain = made.stored()
            rows.append({
                "facility": name, "seed": seed, "horizon_h": horizon_h, "truth": truth,
                "promised": made.gain and made.gain.model_dump(), **{key: plain[key] for key in KEPT},
            })  # fmt: skip
    return rows


def table(rows: list[dict]) -> str:
    """The table in Markdown."""
    lines = [
        "| facility | seed | weeks | verdict | begin | promised gain | true gain | best possible | regret | "
        "quantities kept |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        said = [row["facility"], row["seed"], f"{row['horizon_h'] / 168:.0f}", row["verdict"]]
        lines.append("| " + " | ".join(map(str, [*said, *_cells(row)])) + " |")
    return "\n".join(lines)


def _cells(row: dict) -> list[str]:
    truth, beam = row["truth"], row["promised"]
    if truth is None:
        return [""] * 6
    begin = row["when"]["begin"]["name"] if row["when"] else ""
    shown = [_span(beam), *(_span(truth[k]) for k in ("gain", "best_gain"))]
    kept = "yes" if truth["promises_kept"] else "NO"
    return [begin, *shown, f"{truth['regret']['mean']:.2f}", kept]


def _span(row: dict) -> str:
    return f"{row['mean']:+.2f} ({row['low']:+.2f} ... {row['high']:+.2f})"


def summary(rows: list[dict]) -> str:
    """Of the changes: how many did harm, kept the promised interval and the quantities, with exact intervals."""
    changes = [row for row in rows if row["verdict"] == "change"]
    verdicts = {v: sum(row["verdict"] == v for row in rows) for v in ("change", "hold", "refuse")}
    harm = sum(row["truth"]["gain"]["mean"] < 0 for row in changes)
    held = sum(
        row["promised"]["low"] <= row["truth"]["gain"]["mean"] <= row["promised"]["high"] for row in changes
    )
    short = sum(row["truth"]["gain"]["mean"] < row["promised"]["low"] for row in changes)
    kept = sum(row["truth"]["promises_kept"] for row in changes)
    n = len(changes)
    return "\n".join(
        [f"{verdicts}", *(f"- {words}: {_share(k, n)}" for words, k in (
            ("made things worse", harm), ("true gain inside the promised 90 % interval", held),
            ("true gain below it", short), ("promised quantities truly kept", kept)))]
    )  # fmt: skip


def _share(k: int, n: int) -> str:
    low, high = stats.binomtest(k, max(n, 1)).proportion_ci(0.95)
    return f"{k} of {n}, {100 * k / max(n, 1):.0f} % ({100 * low:.0f} ... {100 * high:.0f})"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("facility", nargs="*", default=["storage-ring", "xfel-linac"])
    ask.add_argument("--seeds", type=int, default=10)
    ask.add_argument("--days", type=float, default=240.0)
    ask.add_argument("--folder", type=Path, default=Path("work/hidden"))
    args = ask.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    for seed in range(1, args.seeds + 1):
        for name in args.facility:
            path = args.folder / f"{name}-{seed}.json"
            if not path.exists():
                write_json(one(name, seed, args.days, args.folder), path)
            rows += json.loads(path.read_text())
            print(f"{name} {seed} done", flush=True)
    rows.sort(key=lambda row: (row["facility"], row["horizon_h"], row["seed"]))
    print(table(rows))
    print(summary(rows))


if __name__ == "__main__":
    main()

"""`beamtwin simulate --model`: a facility's years as a trained model expects them, and how sure that is."""

from argparse import Namespace
from dataclasses import asdict

from controllers.advice.foresight import Foresight, foresee
from dashboard.app.store.files import write_json
from dashboard.cli.commands import simulate as simulating
from dashboard.cli.console import bars, explain, say, show
from surrogate import registry
from twin import load
from twin.outcome import METRICS
from twin.scenario import ahead


def simulate(args: Namespace) -> int:
    """Years of a facility at its own law, or as a model of it expects them."""
    if args.model is None:
        return simulating.simulate(args)
    model = registry.load(args.model or None, load(args.facility).name)
    engine = simulating.engine_of([model.facility], args.engine)
    scenario = ahead(model.facility, args.years * simulating.year_h(model.facility))
    with bars() as tell:
        rows = foresee(
            model.facility, model.law, scenario, args.runs, args.seed, simulating.ENGINES[engine], tell
        )
    _tell(rows, f"{model.facility.title}: {args.years:g} year(s) as {model.entry.id} expects them")
    if args.json:
        write_json(
            {"model": model.entry.id, "figures": [asdict(r) | {"share": r.share} for r in rows]}, args.json
        )
    return simulating.DONE


def _tell(rows: list[Foresight], title: str) -> None:
    """One row a metric: its intervals, and what of a year's spread is chance and what is not knowing."""
    table = []
    for metric, row in zip(METRICS, rows, strict=True):
        d = metric.digits
        source = f"{row.source} ({100 * row.source_share:.0f} %)" if row.source else ""
        table.append((
            f"{metric.title} [{metric.unit}]" if metric.unit else metric.title,
            f"{row.mean:.{d}f}",
            f"{row.low:.{d}f} ... {row.high:.{d}f}",
            f"{row.long_low:.{d}f} ... {row.long_high:.{d}f}",
            f"{row.chance:.{d + 1}f}", f"{row.parameters:.{d + 1}f}", f"{100 * row.share:.0f}", source,
        ))  # fmt: skip
    columns = ["metric", "mean", "this time (90 %)", "long run (90 %)", "chance", "not known", "%", "mostly"]
    show(title, columns, table, (1, 2, 3, 4, 5, 6))
    explain(metric.name for metric in METRICS)
    say(
        "This time: chance and what the log left unknown together. Long run: the true plant's mean, without chance.\n"
        "Chance, not known: standard deviation by cause, and the second one's share of the variance. Mostly: what\n"
        "of the unknown moves it most, with the share of its variance that goes along; empty where none stands out."
    )

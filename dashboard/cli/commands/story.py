"""`beamtwin story`: the whole workflow: log, check, train, recommend, evaluate on the hidden plant."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from dashboard.cli.arguments import positive, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.commands.check import report as log_report
from dashboard.cli.commands.recommend import recommendation
from dashboard.cli.commands.train import card
from dashboard.cli.console import change, print_line, show
from dashboard.cli.progress import progress_bar

ORDER = 170
HELP = "the whole workflow: log, check, train, recommend, evaluate on the hidden plant"
EXAMPLE = "beamtwin story storage-ring --seed 1"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("facility", nargs="?", default="storage-ring")
    parser.add_argument("--days", type=positive, default=240.0, help="length of the log (default 240)")
    with_seed(parser)


def run(args: Namespace) -> int:
    """Run the workflow from an operations log to a recommendation; status 1 if it is refused."""
    from dashboard.app.analyses import check, recommend, train

    log = _synthesized(args)
    print_line(f"\n2. Checking {log.name}.")
    with progress_bar() as progress:
        report = check.run(check.Request(str(log), args.facility), progress).report
    if report is None:
        raise RuntimeError(f"{log} was written as a log and is none")
    log_report(log, report)
    if report.fatal:
        return NEGATIVE
    print_line("\n3. Training surrogates, calibrating the twin.")
    with progress_bar() as progress:
        entry = train.run(train.Request(args.facility, (str(log),), seed=args.seed), progress).entry
    card(entry.card)
    print_line("\n4. Searching for better settings, evaluating the best on common random numbers.")
    request = recommend.Request(args.facility, str(log), entry.id, seed=args.seed)
    with progress_bar() as progress:
        answer = recommend.run(request, progress)
    recommendation(answer.recommendation)
    _scored(args, answer)
    return NEGATIVE if answer.refused else DONE


def _synthesized(args: Namespace) -> Path:
    """Simulate a log that ends now, in the folder of logs."""
    from dashboard.app.analyses import synthesize
    from twin.facility import load
    from twin.home import home

    facility = load(args.facility)
    path = home() / "logs" / f"{facility.name}-seed{args.seed}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    print_line(
        f"1. An operations log: {args.days:g} days of {facility.title.lower()}, from a hidden plant whose physics "
        "the steps below do not know."
    )
    request = synthesize.Request(args.facility, str(path), days=args.days, seed=args.seed)
    with progress_bar() as progress:
        synthesize.run(request, progress)
    return path


def _scored(args: Namespace, answer: Any) -> None:
    """Store the recommendation and, unless it is refused, evaluate it on the hidden plant."""
    from dashboard.app.analyses.score import score
    from dashboard.app.sources.files import FileSource
    from dashboard.app.store.files import write_json
    from dashboard.reports.recommendation import write_report
    from twin.facility import load

    path = FileSource().keep(answer.recommendation, answer.facility)
    page = write_report(answer.recommendation, path.with_suffix(".html"))
    if not answer.refused:
        print_line("\n5. Evaluating the recommendation on the hidden plant.")
        with progress_bar() as progress:
            truth = score(load(args.facility), answer.recommendation, args.seed, progress, batches=2)
        _truth(truth)
        write_json(truth, path.with_suffix(".truth.json"))
    print_line(f"\nWritten: {path}\n         {page}")


def _truth(found: dict[str, Any]) -> None:
    """Print the true gain and regret of a recommendation."""
    rows = [
        ("true gain of the recommendation", change(found["gain"], 2)),
        ("gain of the plant's own optimum", change(found["best_gain"], 2)),
        ("regret", change(found["regret"], 2)),
        ("promised quantities kept", "yes" if found["promises_kept"] else "NO"),
    ]
    show("On the hidden plant, % useful beam", ["", ""], rows, (1,))

"""`beamtwin check`: validate a facility, a scenario or a log."""

from argparse import ArgumentParser, Namespace
from typing import Any

from dashboard.cli.arguments import with_json
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

ORDER = 20
HELP = "validate a facility, a scenario or a log"
EXAMPLE = "beamtwin check log.h5"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", help="facility (file or built-in name), scenario or log")
    parser.add_argument("--facility", help="facility of a log, if it is not built in (name or TOML file)")
    with_json(parser)


def run(args: Namespace) -> int:
    """Check a file; status 1 if a log has defects that exclude training."""
    from dashboard.app.analyses import check
    from dashboard.app.store.files import write_json

    with progress_bar() as progress:
        answer = check.run(check.Request(args.file, args.facility), progress)
    if answer.report is not None:
        report(args.file, answer.report)
    elif answer.kind == "scenario":
        print_line(
            f"{args.file}: a scenario of {answer.facility} with {answer.cases} case(s); nothing is wrong."
        )
    else:
        print_line(f"{args.file}: facility {answer.facility!r}; nothing is wrong.")
    if args.json:
        write_json(check.as_json(answer), args.json)
    return NEGATIVE if answer.report is not None and answer.report.fatal else DONE


def report(path: Any, found: Any) -> None:
    """Print what was read, dropped and repaired of a log, then its defects, grouped by kind."""
    print_line(f"{path}: {found.hours:g} h, {found.read:,} samples read, {found.kept:,} kept.")
    print_line(f"Dropped: {_reasons(found.defects, 'dropped')}.")
    print_line(f"Repaired: {_reasons(found.defects, 'repaired')}.")
    groups: dict[tuple, list] = {}
    for d in found.defects:
        groups.setdefault((d.severity, d.what, d.action), []).append(d)
    rows = [
        (severity, what, sum(d.samples for d in ds), action, ", ".join(dict.fromkeys(d.where for d in ds)),
         ds[0].detail if len(ds) == 1 else "")
        for (severity, what, action), ds in groups.items()
    ]  # fmt: skip
    if rows:
        show("Defects", ["severity", "what", "count", "action", "where", "detail"], rows, (2,))
    else:
        print_line("No defects.")


def _reasons(defects: Any, action: str) -> str:
    """Numbers of samples and faults by reason, the most frequent reason first."""
    found: dict[str, dict[str, int]] = {}
    for d in defects:
        if d.action == action:
            counts = found.setdefault("faults" if d.where.startswith("faults ") else "samples", {})
            counts[d.what] = counts.get(d.what, 0) + d.samples
    parts = []
    for items, counts in found.items():
        why = ", ".join(f"{what} {n:,}" for what, n in sorted(counts.items(), key=lambda w: -w[1]))
        total = sum(counts.values())
        parts.append(f"{total:,} {items if total > 1 else items.removesuffix('s')} ({why})")
    return "; ".join(parts) or "nothing"

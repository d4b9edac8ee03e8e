"""`beamtwin models`: the registry of trained models: list, show, compare, promote, roll back and export."""

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.cli.commands import DONE
from dashboard.cli.commands.train import card
from dashboard.cli.console import percent, print_line, show

if TYPE_CHECKING:
    from twin.types import Json


ORDER = 85
HELP = "the registry of trained models: list, show, compare, promote, roll back, export"
EXAMPLE = "beamtwin models promote storage-ring-20260901T120000"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    _with_registry(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    _with_registry(
        actions.add_parser("list", help="list all models, the newest first (the default)"), again=True
    )
    for name, does in (
        ("show", "print the card of a model"),
        ("promote", "put a model into service"),
        ("export", "write the beam quantities of a model as ONNX"),
    ):
        action = actions.add_parser(name, help=does, description=does)
        action.add_argument("id", help="id of the model, or a unique beginning of it")
        if name == "export":
            action.add_argument("-o", "--output", required=True, metavar="FILE.onnx")
        _with_registry(action, again=True)
    back = actions.add_parser("rollback", help="undo the last promotion")
    back.add_argument("facility", nargs="?", help="needed only if there are several")
    _with_registry(back, again=True)
    pair = actions.add_parser("compare", help="compare two models, by their cards or on a later log")
    pair.add_argument("first", metavar="A")
    pair.add_argument("second", metavar="B")
    pair.add_argument("log", nargs="?")
    _with_registry(pair, again=True)


def _with_registry(parser: ArgumentParser, again: bool = False) -> None:
    # An option that is set before the action too must not be undone by the action's own default.
    default = SUPPRESS if again else None
    parser.add_argument("--json", metavar="FILE", default=default, help="write the result as JSON")
    folder = "registry folder (default: that of BEAMTWIN_HOME)"
    parser.add_argument("--folder", metavar="DIR", type=Path, default=default, help=folder)


def run(args: Namespace) -> int:
    """Run an action on the registry."""
    return ACTIONS[args.action or "list"](args)


def _listed(args: Namespace) -> int:
    from surrogate import registry

    found = registry.entries(folder=args.folder)
    in_service = {e.card["facility"]: registry.in_service(e.card["facility"], args.folder) for e in found}
    rows = [
        (
            e.id, "in service" if in_service[e.card["facility"]] == e.id else "", e.card["made_at"],
            "yes" if e.card["usable"] else "no", ", ".join(e.card["outputs"]), e.card["rows"]["used"],
        )
        for e in found
    ]  # fmt: skip
    show("Models", ["id", "", "made at", "usable", "outputs", "rows"], rows, (5,))
    return _finish(args, [e.card | {"in_service": in_service[e.card["facility"]] == e.id} for e in found])


def _shown(args: Namespace) -> int:
    from surrogate import registry

    entry = registry.find(args.id, folder=args.folder)
    serving = registry.in_service(entry.card["facility"], args.folder)
    print_line(f"{entry.id}{' (in service)' if serving == entry.id else ''}\n{entry.path}")
    card(entry.card)
    covered = entry.card.get("coverage_by_region", [])
    if covered:
        rows = [
            (r["target"], r["region"], r["n"], percent(r["calibrated"]), percent(r["adapted"]))
            for r in covered
        ]
        columns = ["output", "region", "values", "as calibrated", "following drift"]
        show("Share of later measurements inside their 90 % interval", columns, rows, (2, 3, 4))
    _provenance(entry.card)
    return _finish(args, entry.card)


def _provenance(found: "Json") -> None:
    """Print the logs, data split and versions behind a model, and its limits of use."""
    for log in found["logs"]:
        print_line(
            f"Trained on {log['path']}, {log['hours']:g} h from {log['start']}, SHA-256 {log['sha256']}."
        )
    split, versions = found["split"], found["versions"]
    rows = f"{split['train_rows']} rows before, {split['test_rows']} after hour {split['test_from_h']:g}"
    print_line(f"{rows}; seed {found['seed']}.")
    print_line("Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".")
    for line in found["limits_of_use"]:
        print_line(f"- {line}")


def _compared(args: Namespace) -> int:
    """Compare the cards of two models; with a log, also their errors on its later rows."""
    from surrogate import registry

    first, second = (registry.find(name, folder=args.folder) for name in (args.first, args.second))
    rows = [_pair(target, first.card, second.card) for target in _targets(first.card, second.card)]
    show(
        f"A: {first.id}\nB: {second.id}\nScores on the cards, each on the last 30 % of its own logs (lower is better)",
        ["target", "score", "A", "A - baseline", "A covers", "B", "B - baseline", "B covers"], rows, (2, 4, 5, 7),
    )  # fmt: skip
    found: Json = {"first": first.card, "second": second.card, "log": None}
    if first.card["rows"].get("sha256") != second.card["rows"].get("sha256"):
        print_line(
            "They were trained on different rows, so these scores are not comparable; give a log later than both."
        )
    if args.log:
        from replay_data.runlog import open_log
        from surrogate.comparison import compare

        pair = [registry.load(entry.id, folder=args.folder) for entry in (first, second)]
        with open_log(args.log) as log:
            found["log"] = compare(pair[0], pair[1], log)
        _on_log(args.log, found["log"])
    return _finish(args, found)


def _on_log(path: str, rows: list["Json"]) -> None:
    lines = [
        (r["target"], r["unit"], r["rows"], r["pieces"], f"{r['first']:.4g}", f"{r['second']:.4g}",
         f"{r['difference']:+.3g}", "" if r["low"] is None else f"{r['low']:+.3g} ... {r['high']:+.3g}",
         ("B" if r["difference"] < 0 else "A") if r["sure"] else "not sure")
        for r in rows
    ]  # fmt: skip
    columns = ["target", "unit", "rows", "pieces", "MAE of A", "MAE of B", "B - A", "90 % interval", "better"]
    show(f"On the rows of {path} that neither has seen", columns, lines, (2, 3, 4, 5, 6))


def _targets(*cards: "Json") -> list[str]:
    return list(dict.fromkeys(row["target"] for each in cards for row in each["skill"]))


def _pair(target: str, *cards: "Json") -> tuple:
    cells: list[str] = []
    score = ""
    for each in cards:
        row = next((r for r in each["skill"] if r["target"] == target), None)
        if row is None:
            cells += ["-", "", ""]
            continue
        score = row["score_name"]
        covered = each["coverage"].get(target)
        cells += [f"{row['model']:.4g}", f"{row['low']:+.3g} ... {row['high']:+.3g}", percent(covered)]
    return target, score, *cells


def _promoted(args: Namespace) -> int:
    from surrogate import registry

    entry = registry.promote(args.id, args.folder)
    print_line(f"In service for {entry.card['facility']} from now on: {entry.id}.")
    if not entry.card["usable"]:
        print_line(f"It is not usable for recommendations: {entry.card['reason']}.")
    return _finish(args, entry.card)


def _rolled_back(args: Namespace) -> int:
    from surrogate import registry

    facility = args.facility or _only(registry.entries(folder=args.folder))
    entry = registry.rollback(facility, args.folder)
    print_line(f"In service for {facility} again: {entry.id}.")
    return _finish(args, entry.card)


def _only(entries) -> str:
    names = sorted({e.card["facility"] for e in entries})
    if len(names) != 1:
        from twin.errors import UserError

        raise UserError(f"models rollback: name the facility, one of: {', '.join(names) or 'none is there'}")
    return names[0]


def _exported(args: Namespace) -> int:
    """Write the beam quantities of a model as an ONNX file."""
    from surrogate import registry
    from surrogate.onnx_export import export

    model = registry.load(args.id, folder=args.folder)
    export(model, Path(args.output))
    print_line(f"{args.output}: {', '.join(model.entry.card['outputs'])} of {model.entry.id}.")
    return DONE


ACTIONS: dict[str, Callable[[Namespace], int]] = {
    "list": _listed,
    "show": _shown,
    "compare": _compared,
    "promote": _promoted,
    "rollback": _rolled_back,
    "export": _exported,
}


def _finish(args: Namespace, found: Any) -> int:
    if args.json:
        from dashboard.app.store.files import write_json

        write_json(found, args.json)
    return DONE

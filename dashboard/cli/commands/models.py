"""`beamtwin models` and `beamtwin train --monitor`: which model serves, how two compare, whether one still holds."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.app.store.files import write_json
from dashboard.cli import show as told
from dashboard.cli.console import say, show
from replay_data.runlog import open_log
from surrogate import registry
from surrogate.comparison import compare as held_against
from surrogate.monitor import monitor as watch
from surrogate.onnx_export import export
from twin import UserError

Json = dict[str, Any]

DONE, NEGATIVE = 0, 1


def models(args: Namespace) -> int:
    """The registry and what can be done with it."""
    return ACTIONS[args.action or "list"](args)


def _listed(args: Namespace) -> int:
    found = registry.entries(folder=args.folder)
    serving = {e.card["facility"]: registry.in_service(e.card["facility"], args.folder) for e in found}
    rows = [
        (
            e.id, "in service" if serving[e.card["facility"]] == e.id else "", e.card["made_at"],
            "yes" if e.card["usable"] else "no", ", ".join(e.card["outputs"]), e.card["rows"]["used"],
        )
        for e in found
    ]  # fmt: skip
    show("Models", ["id", "", "made at", "usable", "outputs", "rows"], rows, (5,))
    return _kept(args, [e.card | {"in_service": serving[e.card["facility"]] == e.id} for e in found])


def _shown(args: Namespace) -> int:
    entry = registry.find(args.id, folder=args.folder)
    serving = registry.in_service(entry.card["facility"], args.folder)
    say(f"{entry.id}{' (in service)' if serving == entry.id else ''}\n{entry.path}")
    told.card(entry.card)
    covered = entry.card.get("coverage_by_region", [])
    if covered:
        rows = [
            (r["target"], r["region"], r["n"], _percent(r["calibrated"]), _percent(r["adapted"]))
            for r in covered
        ]
        columns = ["output", "region", "values", "as calibrated", "following drift"]
        show("Share of later measurements inside their 90 % interval", columns, rows, (2, 3, 4))
    _facts(entry.card)
    return _kept(args, entry.card)


def _facts(card: Json) -> None:
    """Where a model comes from and where it must not be used."""
    for log in card["logs"]:
        say(f"Learned from {log['path']}, {log['hours']:g} h from {log['start']}, SHA-256 {log['sha256']}.")
    split, versions = card["split"], card["versions"]
    rows = f"{split['train_rows']} rows before, {split['test_rows']} after hour {split['test_from_h']:g}"
    say(f"{rows}; seed {card['seed']}.")
    say("Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".")
    for line in card["limits_of_use"]:
        say(f"- {line}")


def _compared(args: Namespace) -> int:
    """Two cards side by side; with a log, both models on its later rows."""
    first, second = (registry.find(name, folder=args.folder) for name in (args.first, args.second))
    rows = [_pair(target, first.card, second.card) for target in _targets(first.card, second.card)]
    show(
        f"A: {first.id}\nB: {second.id}\nScores on the cards, each on the last 30 % of its own logs (lower is better)",
        ["target", "score", "A", "A - baseline", "A covers", "B", "B - baseline", "B covers"], rows, (2, 4, 5, 7),
    )  # fmt: skip
    found: Json = {"first": first.card, "second": second.card, "log": None}
    if first.card["rows"].get("sha256") != second.card["rows"].get("sha256"):
        say("They learned from different rows, so these scores do not compare; give a log later than both.")
    if args.log:
        pair = [registry.load(entry.id, folder=args.folder) for entry in (first, second)]
        with open_log(args.log) as log:
            found["log"] = held_against(pair[0], pair[1], log)
        _on_log(args.log, found["log"])
    return _kept(args, found)


def _on_log(path: str, rows: list[Json]) -> None:
    lines = [
        (r["target"], r["unit"], r["rows"], r["pieces"], f"{r['first']:.4g}", f"{r['second']:.4g}",
         f"{r['difference']:+.3g}", "" if r["low"] is None else f"{r['low']:+.3g} ... {r['high']:+.3g}",
         ("B" if r["difference"] < 0 else "A") if r["sure"] else "not sure")
        for r in rows
    ]  # fmt: skip
    columns = ["target", "unit", "rows", "pieces", "MAE of A", "MAE of B", "B - A", "90 % interval", "better"]
    show(f"On the rows of {path} that neither has seen", columns, lines, (2, 3, 4, 5, 6))


def _targets(*cards: Json) -> list[str]:
    return list(dict.fromkeys(row["target"] for card in cards for row in card["skill"]))


def _pair(target: str, *cards: Json) -> tuple:
    cells: list[str] = []
    score = ""
    for card in cards:
        row = next((r for r in card["skill"] if r["target"] == target), None)
        if row is None:
            cells += ["-", "", ""]
            continue
        score = row["score_name"]
        covered = card["coverage"].get(target)
        cells += [f"{row['model']:.4g}", f"{row['low']:+.3g} ... {row['high']:+.3g}", _percent(covered)]
    return target, score, *cells


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _promoted(args: Namespace) -> int:
    entry = registry.promote(args.id, args.folder)
    say(f"In service for {entry.card['facility']} from now on: {entry.id}.")
    if not entry.card["usable"]:
        say(f"It is not usable for recommendations: {entry.card['reason']}.")
    return _kept(args, entry.card)


def _rolled_back(args: Namespace) -> int:
    facility = args.facility or _only(registry.entries(folder=args.folder))
    entry = registry.rollback(facility, args.folder)
    say(f"In service for {facility} again: {entry.id}.")
    return _kept(args, entry.card)


def _only(entries) -> str:
    names = sorted({e.card["facility"] for e in entries})
    if len(names) != 1:
        raise UserError(f"models rollback: name the facility, one of: {', '.join(names) or 'none is there'}")
    return names[0]


def _exported(args: Namespace) -> int:
    """A model's beam quantities as an ONNX file."""
    model = registry.load(args.id, folder=args.folder)
    export(model, Path(args.output))
    say(f"{args.output}: {', '.join(model.entry.card['outputs'])} of {model.entry.id}.")
    return DONE


ACTIONS: dict[str, Callable[[Namespace], int]] = {
    "list": _listed,
    "show": _shown,
    "compare": _compared,
    "promote": _promoted,
    "rollback": _rolled_back,
    "export": _exported,
}


def _kept(args: Namespace, found: Any) -> int:
    if args.json:
        write_json(found, args.json)
    return DONE


def monitor(args: Namespace) -> int:
    """Whether the model in service holds on a later log; status 1 if it does not."""
    if args.log:
        raise UserError("train --monitor takes one log and learns nothing; leave the others out")
    with open_log(args.monitor) as log:
        model = registry.load(
            args.model, args.facility or log.facility, Path(args.output) if args.output else None
        )
        found = watch(model, log, args.rate)
    _told(found)
    _kept(args, found)
    return DONE if found["holds"] else NEGATIVE


def _told(found: Json) -> None:
    evidence = found["evidence"]
    say(f"Model {found['model']}\non {found['log']} from {found['from']} to {found['to']}:")
    if found["holds"]:
        say("it holds." if found["judged"] else "too little is known to judge it.")
    else:
        say(f"IT DOES NOT HOLD, since the evidence of {evidence['reached']}.")
    for line in found["words"]:
        say(f"- {line}")
    for row in found["inputs"]:
        span = "" if row["low"] is None else f" ({row['low']:.4g} ... {row['high']:.4g})"
        say(f"- {row['name']}: beyond what the model has seen{span} in {_percent(row['share'])} of the rows")
    rows = [
        (r["name"], "quantity", r["pieces"], "" if r["evidence"] is None else f"{r['evidence']:.3g}",
         _percent(r["coverage"]["calibrated"]), _percent(r["coverage"]["adapted"]))
        for r in found["quantities"]
    ]  # fmt: skip
    rows += [
        (r["name"], "failures", r["events"], f"{r['evidence']:.3g}", f"{r['expected']:.3g} expected", "")
        for r in found["modes"]
    ]
    columns = ["what", "kind", "pieces or events", "evidence", "covered", "following drift"]
    show("Evidence against the model", columns, rows, (2, 3))
    say(
        f"Evidence in all {evidence['largest']:.3g} of {evidence['needed']:g} needed: while the model holds, this is "
        f"reached with a probability of at most {100 * found['false_alarm_rate']:g} %, however often one looks."
    )

"""The arguments of every verb of the command line."""

import argparse
import re
from pathlib import Path

from dashboard.cli.commands import draft

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _verb(verbs, name: str, does: str, example: str, function: str):
    one = verbs.add_parser(
        name, help=does, description=does, epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    one.set_defaults(function=function)
    return one


def _with_json(one) -> None:
    one.add_argument("--json", metavar="FILE", help="write what was found as JSON")


def _with_seed(one) -> None:
    one.add_argument("--seed", type=_seed, default=0, help="of all chance (default 0)")


def _number(text: str, kind: type) -> float:
    try:
        return kind(text)
    except ValueError:
        name = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is no {name}") from None


def _positive(text: str) -> float:
    value = _number(text, float)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _share(text: str) -> float:
    value = _number(text, float)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _count(text: str) -> int:
    value = int(_number(text, int))
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def _seed(text: str) -> int:
    value = int(_number(text, int))
    if not 0 <= value < 2**32:  # beyond, the generators of JAX would begin anew
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**32 - 1}")
    return value


def _port(text: str) -> int:
    value = int(_number(text, int))
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 65535")
    return value


def _span(text: str) -> float:
    """Hours that words like 30s, 10min, 1h or 1d name."""
    words = re.fullmatch(r"(\d+\.?\d*)(s|min|h|d)", text)
    if words is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time; write it like 30s, 10min, 1h or 1d")
    return _positive(words[1]) * SECONDS[words[2]] / 3600.0


def _facilities(verbs) -> None:
    one = _verb(verbs, "facilities", "the built-in facilities", "beamtwin facilities", "facilities")
    _with_json(one)


def _check(verbs) -> None:
    one = _verb(verbs, "check", "validate a facility, scenario or log", "beamtwin check log.h5", "check")
    one.add_argument("file")
    one.add_argument("--facility", help="of a log, where it is not built in (name or TOML file)")
    _with_json(one)


def _synthesize(verbs) -> None:
    one = _verb(
        verbs, "synthesize", "an operations log from the twin with a hidden plant's physics",
        "beamtwin synthesize storage-ring -o log.h5 --days 240 --seed 1", "synthesize",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("-o", "--output", required=True, metavar="LOG")
    one.add_argument("--days", type=_positive, default=240.0)
    span = one.add_mutually_exclusive_group()
    span.add_argument("--start", metavar="TIME", help="ISO 8601 (default: so that the log ends now)")
    span.add_argument("--end", metavar="TIME", help="ISO 8601; the log begins at a whole hour of UTC")
    _with_seed(one)


def _import(verbs) -> None:
    one = _verb(
        verbs,
        "import",
        "bring a foreign log in",
        "beamtwin import data.csv -o log.h5 --map map.toml",
        "bring_in",
    )
    one.add_argument(
        "source", help="a file, a folder of files, or the address of an EPICS Archiver Appliance"
    )
    one.add_argument("-o", "--output", required=True, metavar="LOG")
    one.add_argument("--map", metavar="MAP.toml", help="which column is which channel (docs/importers.md)")
    one.add_argument(
        "--facility", help="without a map: take all that the source describes, as of this facility"
    )
    one.add_argument("--from", dest="begin", metavar="TIME", help="of an archiver: ISO 8601")
    one.add_argument("--to", dest="end", metavar="TIME")
    one.add_argument(
        "--pv", action="append", default=[], help="of an archiver, without a map; again for more"
    )
    one.add_argument("--chunk-h", type=_positive, default=24.0, help="hours a request (default 24)")
    _with_json(one)


def _draft(verbs) -> None:
    draft.arguments(_verb(verbs, "draft", draft.HELP, draft.EXAMPLE, "draft"))


def _export(verbs) -> None:
    one = _verb(
        verbs, "export", "a log as NeXus NXlog, or as a folder of CSV or Parquet tables",
        "beamtwin export log.h5 -o log.nxs --kind nxlog", "send_out",
    )  # fmt: skip
    one.add_argument("log")
    one.add_argument("-o", "--output", required=True)
    one.add_argument("--kind", choices=["nxlog", "csv", "parquet"], required=True)


def _resample(verbs) -> None:
    one = _verb(
        verbs, "resample", "a log on a common clock, as a run-log or as one CSV or Parquet table",
        "beamtwin resample log.h5 -o hours.csv --every 1h --how mean", "resample",
    )  # fmt: skip
    one.add_argument("log")
    one.add_argument("-o", "--output", required=True, help="its ending says what: .h5, .csv or .parquet")
    one.add_argument("--every", type=_span, required=True, metavar="SPAN", help="like 30s, 10min, 1h, 1d")
    one.add_argument(
        "--how", choices=["mean", "last", "min", "max"], default="mean",
        help="default mean; of setpoints, states and counters then last",
    )  # fmt: skip
    one.add_argument("--judged", action="store_true", help="leave out stuck sensors and spikes too")
    _with_json(one)


def _downtime(verbs) -> None:
    one = _verb(
        verbs, "downtime", "outages that a beam channel shows, by the facility's rules, beside the fault table",
        "beamtwin downtime storage-ring log.h5", "downtime",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("log")
    one.add_argument(
        "--channel", metavar="NAME", help="a current, charge or pulse energy (default: stored_current)"
    )  # fmt: skip
    _with_json(one)


def _train(verbs) -> None:
    one = _verb(
        verbs, "train", "surrogates and calibration; prints skill against baselines; or whether a model still holds",
        "beamtwin train storage-ring log.h5", "train",
    )  # fmt: skip
    one.add_argument("facility", nargs="?")
    one.add_argument("log", nargs="*")
    one.add_argument("-o", "--output", metavar="DIR", help="registry folder (default: that of BEAMTWIN_HOME)")
    one.add_argument(
        "--monitor", metavar="LOG", help="learn nothing: does the model in service hold on this later log?"
    )
    one.add_argument("--model", metavar="ID", help="to monitor (default: the one in service)")
    one.add_argument(
        "--rate",
        type=_share,
        default=0.01,
        help="of false alarms while it holds, at any length (default 0.01)",
    )
    _with_seed(one)
    _with_json(one)


def _models(verbs) -> None:
    one = _verb(
        verbs, "models", "the registry of trained models: what is in service, and what should be",
        "beamtwin models promote storage-ring-20260901T120000", "models",
    )  # fmt: skip
    _with_registry(one)
    actions = one.add_subparsers(dest="action", metavar="ACTION")
    _with_registry(actions.add_parser("list", help="all models, the newest first (the default)"), again=True)
    for name, does in (
        ("show", "the card of a model"),
        ("promote", "put a model into service"),
        ("export", "a model's beam quantities as ONNX"),
    ):
        action = actions.add_parser(name, help=does, description=does)
        action.add_argument("id", help="or as much of its start as tells it apart")
        if name == "export":
            action.add_argument("-o", "--output", required=True, metavar="FILE.onnx")
        _with_registry(action, again=True)
    back = actions.add_parser("rollback", help="take the last promotion back")
    back.add_argument("facility", nargs="?", help="may be left out where there is one only")
    _with_registry(back, again=True)
    pair = actions.add_parser("compare", help="two models side by side, on their cards or on a later log")
    pair.add_argument("first", metavar="A")
    pair.add_argument("second", metavar="B")
    pair.add_argument("log", nargs="?")
    _with_registry(pair, again=True)


def _with_registry(one, again: bool = False) -> None:
    # An option that is set before the action too must not be undone by the action's own default.
    default = argparse.SUPPRESS if again else None
    one.add_argument("--json", metavar="FILE", default=default, help="write what was found as JSON")
    one.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        default=default,
        help="registry (default: that of BEAMTWIN_HOME)",
    )


def _simulate(verbs) -> None:
    one = _verb(
        verbs,
        "simulate",
        "years of a facility at its own law",
        "beamtwin simulate storage-ring --years 1 --runs 64",
        "simulate",
    )
    one.add_argument("facility")
    one.add_argument(
        "--years", type=_positive, default=1.0, help="of the facility's own user hours (default 1)"
    )
    one.add_argument("--runs", type=_count, default=64, help="with --precise, the most (default 64)")
    one.add_argument(
        "--precise", metavar="METRIC=WIDTH[%]", help="run until half its 90 %% interval is so narrow"
    )
    one.add_argument("--engine", choices=["auto", "reference", "batched"], default="auto")
    one.add_argument(
        "--model", metavar="ID", nargs="?", const="",
        help="as a trained model expects them, with what it does not know; 256 runs or more (default: in service)",
    )  # fmt: skip
    _with_seed(one)
    _with_json(one)


def _whatif(verbs) -> None:
    one = _verb(
        verbs,
        "whatif",
        "compare scenarios on common draws",
        "beamtwin whatif examples/whatif.toml",
        "what_if",
    )
    one.add_argument("scenario")
    _with_json(one)


def _replay(verbs) -> None:
    one = _verb(
        verbs, "replay", "the end of a log again with the same luck: as it was, or otherwise",
        "beamtwin replay storage-ring log.h5 --set rf_voltage=2.8", "replay",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("log")
    world = one.add_mutually_exclusive_group()
    world.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE")
    world.add_argument(
        "--scenario", metavar="FILE", help="the cases of a scenario file (its days, runs and seed aside)"
    )
    world.add_argument(
        "--policy", metavar="FILE.py:NAME", help="a function (hour, settings, conditions) -> settings"
    )
    one.add_argument("--days", type=_positive, default=28.0, help="at least so many of the last (default 28)")
    one.add_argument("--plot", metavar="FILE.html", help="draw record and twin over time, and the luck")
    one.add_argument("--model", metavar="ID", help="default: the one in service")
    _with_seed(one)
    _with_json(one)


def _evaluate(verbs) -> None:
    one = _verb(
        verbs, "evaluate", "would another policy have done better? from what operators tried in a log",
        "beamtwin evaluate storage-ring log.h5 --shift rf_voltage=-0.2", "evaluate",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("log")
    world = one.add_mutually_exclusive_group(required=True)
    world.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help="held there")
    world.add_argument("--shift", action="append", default=[], metavar="KNOB=CHANGE", help="of each setting")
    world.add_argument("--policy", metavar="FILE.py:NAME", help="(hour, settings, conditions) -> settings")
    one.add_argument("--width", type=_share, default=0.05, help="of a region, share of range (default 0.05)")
    one.add_argument("--every", type=_span, default=24.0, metavar="SPAN", help="an epoch (default 1d)")
    one.add_argument("--outcome", metavar="QUANTITY", help="default: useful beam (of rows: the first flux)")
    one.add_argument("--model", metavar="ID", help="to replay with where the log cannot tell")
    _with_seed(one)
    _with_json(one)


def _recommend(verbs) -> None:
    one = _verb(
        verbs,
        "recommend",
        "settings to change now, what they bring and why",
        "beamtwin recommend storage-ring log.h5",
        "advise",
    )
    one.add_argument("facility")
    one.add_argument("log")
    one.add_argument("--model", metavar="ID", help="default: the one in service")
    one.add_argument(
        "--risk", type=_share, default=0.10, help="quantile of the gain that is maximised (default 0.1)"
    )
    one.add_argument("--horizon", type=_span, default=672.0, metavar="SPAN", help="like 7d (default 28d)")
    _with_seed(one)
    _with_json(one)


def _advise(verbs) -> None:
    one = _verb(
        verbs, "advise", "a log replayed through the gate of advisories: how often the page would have spoken",
        "beamtwin advise storage-ring log.h5 --days 7", "advisories",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("log")
    one.add_argument("--days", type=_positive, help="only so many of the last (default: all)")
    one.add_argument("--model", metavar="ID", help="default: the one in service")
    _with_seed(one)
    _with_json(one)


def _policy(verbs) -> None:
    one = _verb(
        verbs, "policy", "policies that act shift by shift: train one on the twin, show it, score it against the rules",
        "beamtwin policy train storage-ring --updates 60", "policy",
    )  # fmt: skip
    actions = one.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, does: str, example: str):
        return _verb(actions, name, does, f"beamtwin policy {example}", "policy")

    train = action("train", "train a policy on the twin", "train storage-ring -o mine.npz --seed 1")
    train.add_argument("facility")
    train.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="default: in BEAMTWIN_HOME, served from then on"
    )
    train.add_argument(
        "--updates", type=_count, help="of the policy (a number, as time would make it depend on load)"
    )
    train.add_argument("--runs", type=_count, default=1024, help="judged on (default %(default)s)")
    train.add_argument("--horizon-days", type=_positive, default=14.0, help="of an episode (default 14)")
    score = action(
        "score",
        "judge a policy on fresh draws; status 1 if it is not surely better than every rule",
        "score xfel-linac",
    )
    score.add_argument("facility")
    score.add_argument("file", nargs="?", type=Path, help="default: one's own, else the shipped one")
    score.add_argument("--runs", type=_count, default=512, help="fresh ones (default %(default)s)")
    score.add_argument("--planner", action="store_true", help="against model-predictive control too (slow)")
    for each in (train, score):
        _with_seed(each)
    shown = action("show", "the card of a policy", "show storage-ring")
    shown.add_argument("policy", metavar="FACILITY|FILE")
    for each in (train, score, shown):
        _with_json(each)


def _outcome(verbs) -> None:
    one = _verb(
        verbs, "outcome", "did it help? what accepted recommendations brought, in a log that goes on",
        "beamtwin outcome log.h5", "outcome",
    )  # fmt: skip
    one.add_argument("log")
    one.add_argument("--model", metavar="ID", help="default: the one that made the promise")
    _with_seed(one)
    _with_json(one)


def _story(verbs) -> None:
    one = _verb(
        verbs, "story", "the main job: log, check, train, recommend, score on the hidden plant",
        "beamtwin story storage-ring --seed 1", "story",
    )  # fmt: skip
    one.add_argument("facility", nargs="?", default="storage-ring")
    one.add_argument("--days", type=_positive, default=240.0)
    _with_seed(one)


def _serve(verbs) -> None:
    one = _verb(verbs, "serve", "the dashboard", "beamtwin serve --port 8050", "serve")
    one.add_argument("--port", type=_port, default=8050, help="1 ... 65535 (default 8050)")


VERBS = (
    _facilities,
    _check,
    _synthesize,
    _draft,
    _import,
    _export,
    _resample,
    _downtime,
    _train,
    _models,
    _simulate,
    _whatif,
    _replay,
    _evaluate,
    _recommend,
    _advise,
    _policy,
    _outcome,
    _story,
    _serve,
)

"""The command line: every verb and its arguments; exit status 0, 1 (negative result) or 2 (mistake)."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

MISTAKE = 2


def parser() -> argparse.ArgumentParser:
    """All verbs with their arguments."""
    top = argparse.ArgumentParser(
        "beamtwin", description="Digital twin and operations optimizer for accelerators and their beamlines."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, does: str, example: str, function: str):
        one = verbs.add_parser(
            name, help=does, description=does, epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        one.set_defaults(function=function)
        return one

    def with_json(one):
        one.add_argument("--json", metavar="FILE", help="write what was found as JSON")

    def with_seed(one):
        one.add_argument("--seed", type=int, default=0, help="of all chance (default 0)")

    one = verb("facilities", "the built-in facilities", "beamtwin facilities", "facilities")
    with_json(one)
    one = verb("check", "validate a facility, scenario or log", "beamtwin check log.h5", "check")
    one.add_argument("file")
    one.add_argument("--facility", help="of a log, where it is not built in (name or TOML file)")
    with_json(one)
    one = verb(
        "synthesize", "an operations log from the twin with a hidden plant's physics",
        "beamtwin synthesize storage-ring -o log.h5 --days 240 --seed 1", "synthesize",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("-o", "--output", required=True, metavar="LOG")
    one.add_argument("--days", type=_positive, default=240.0)
    one.add_argument("--start", default="2026-01-01T00:00:00+00:00", help="ISO 8601 (default %(default)s)")
    with_seed(one)
    one = verb(
        "import", "bring a foreign log in", "beamtwin import data.csv -o log.h5 --map map.toml", "bring_in"
    )
    one.add_argument("source")
    one.add_argument("-o", "--output", required=True, metavar="LOG")
    one.add_argument("--map", metavar="MAP.toml", help="which column is which channel (docs/run-log.md)")
    with_json(one)
    one = verb(
        "train", "surrogates and calibration; prints skill against baselines",
        "beamtwin train storage-ring log.h5", "train",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("log", nargs="+")
    one.add_argument("-o", "--output", metavar="DIR", help="registry folder (default: that of BEAMTWIN_HOME)")
    with_seed(one)
    with_json(one)
    one = verb("models", "the registry of trained models", "beamtwin models", "models")
    with_json(one)
    one = verb(
        "simulate",
        "years of a facility at its own law",
        "beamtwin simulate storage-ring --years 1 --runs 64",
        "simulate",
    )
    one.add_argument("facility")
    one.add_argument(
        "--years", type=_positive, default=1.0, help="of the facility's own user hours (default 1)"
    )
    one.add_argument("--runs", type=_count, default=64)
    one.add_argument("--engine", choices=["reference", "batched"], default="batched")
    with_seed(one)
    with_json(one)
    one = verb(
        "whatif", "compare scenarios on common draws", "beamtwin whatif examples/whatif.toml", "what_if"
    )
    one.add_argument("scenario")
    with_json(one)
    one = verb(
        "replay", "the end of a log again with the same luck: as it was, or otherwise",
        "beamtwin replay storage-ring log.h5 --set rf_voltage=2.8", "replay",
    )  # fmt: skip
    one.add_argument("facility")
    one.add_argument("log")
    one.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE")
    one.add_argument("--days", type=_positive, default=28.0, help="at least so many of the last (default 28)")
    one.add_argument("--model", metavar="ID", help="default: the newest of the facility")
    with_seed(one)
    with_json(one)
    one = verb(
        "recommend",
        "settings to change now, what they bring and why",
        "beamtwin recommend storage-ring log.h5",
        "advise",
    )
    one.add_argument("facility")
    one.add_argument("log")
    one.add_argument("--model", metavar="ID", help="default: the newest of the facility")
    with_seed(one)
    with_json(one)
    one = verb(
        "story", "the main job: log, check, train, recommend, score on the hidden plant",
        "beamtwin story storage-ring --seed 1", "story",
    )  # fmt: skip
    one.add_argument("facility", nargs="?", default="storage-ring")
    one.add_argument("--days", type=_positive, default=240.0)
    with_seed(one)
    one = verb("serve", "the dashboard", "beamtwin serve --port 8050", "serve")
    one.add_argument("--port", type=int, default=8050)
    return top


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    args = parser().parse_args(arguments)
    try:
        _prepare()
        from dashboard import verbs

        return getattr(verbs, args.function)(args)
    except (ValueError, OSError) as error:
        if not _by_user(error):
            raise
        print(f"beamtwin: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return 130


def _by_user(error: Exception) -> bool:
    from twin import UserError

    return isinstance(
        error, (UserError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
    )


def _prepare() -> None:
    """Keep compiled programs between commands; one BLAS thread, since more fight with JAX's own for the cores."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Another command may have left a program half-written; it is then compiled again.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    from surrogate.registry import home

    folder = home() / "compiled"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

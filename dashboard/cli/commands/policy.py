"""`beamtwin policy`: train a policy, show its card, or evaluate it against fixed rules on new random inputs."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dashboard.cli.arguments import count, positive, with_json, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from twin.types import Json


ORDER = 150
HELP = "policies that set the machine every shift: train one on the twin, show it, evaluate it"
EXAMPLE = "beamtwin policy train storage-ring --updates 60"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, does: str, example: str) -> ArgumentParser:
        return actions.add_parser(
            name, help=does, description=does, epilog=f"example: beamtwin policy {example}",
            formatter_class=RawDescriptionHelpFormatter,
        )  # fmt: skip

    train = action("train", "train a policy on the twin", "train storage-ring -o mine.npz --seed 1")
    train.add_argument("facility")
    train.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="policy file (default: the facility's file in BEAMTWIN_HOME, used from then on)",
    )
    updates = "number of policy updates"
    train.add_argument("--updates", type=count, help=updates)
    train.add_argument(
        "--runs", type=count, default=1024, help="runs of the evaluation (default %(default)s)"
    )
    train.add_argument(
        "--horizon-days", type=positive, default=14.0, help="length of an episode (default 14)"
    )
    evaluate = "evaluate a policy on new random inputs; status 1 if it is not surely better than every rule"
    score = action("score", evaluate, "score xfel-linac")
    score.add_argument("facility")
    score.add_argument("file", nargs="?", help="policy file (default: your own, else the shipped one)")
    score.add_argument(
        "--runs", type=count, default=512, help="runs on new random inputs (default %(default)s)"
    )
    score.add_argument(
        "--planner", action="store_true", help="compare with model-predictive control too (slow)"
    )
    shown = action("show", "print the card of a policy", "show storage-ring")
    shown.add_argument("policy", metavar="FACILITY|FILE")
    for each in (train, score):
        with_seed(each)
    for each in (train, score, shown):
        with_json(each)


def run(args: Namespace) -> int:
    """Train, score or show a policy."""
    return ACTIONS[args.action](args)


def _train(args: Namespace) -> int:
    """Train, evaluate and write a policy; status 1 if it is not surely better than every rule."""
    from dashboard.app.analyses import policies

    request = policies.TrainRequest(
        args.facility, args.output, args.updates, args.runs, args.horizon_days, args.seed
    )
    with progress_bar() as progress:
        answer = policies.train(request, progress)
    _card(answer.found)
    print_line(f"\nWritten: {answer.path}")
    return _finish(args, answer)


def _score(args: Namespace) -> int:
    """Evaluate a policy on random inputs that it was not trained on."""
    from dashboard.app.analyses import policies

    request = policies.ScoreRequest(args.facility, args.file, args.runs, args.planner, args.seed)
    with progress_bar() as progress:
        answer = policies.score(request, progress)
    print_line(f"{answer.path}")
    _evaluation(answer.judged)
    return _finish(args, answer)


def _show(args: Namespace) -> int:
    """Print the card of a policy."""
    from dashboard.app.analyses import policies

    answer = policies.card(args.policy)
    print_line(f"{answer.path}")
    _card(answer.found)
    _finish(args, answer)
    return DONE


ACTIONS: dict[str, Callable[[Namespace], int]] = {"train": _train, "score": _score, "show": _show}


def _finish(args: Namespace, answer: Any) -> int:
    if args.json:
        from dashboard.app.store.files import write_json

        write_json(answer.found, args.json)
    return DONE if answer.judged["better"] else NEGATIVE


def _card(card: "Json") -> None:
    """Print what a policy is for, how it was trained, and its evaluation."""
    cost, recipe = card["cost"], card["lesson"]["recipe"]
    print_line(
        f"Policy for {card['facility']} (hash {card['hash']}), acting every shift over {card['horizon_h']:g} h."
    )
    print_line(
        f"It sets {', '.join(card['knobs'])}; it decides: {'; '.join(card['decisions']) or 'nothing else'}."
    )
    held = ", ".join(f"{name} {value:.4g}" for name, value in card["held"].items())
    print_line(f"Training began from the best constant settings: {held}.")
    print_line(
        f"Trained with seed {card['seed']}: {recipe['updates']} updates on {recipe['runs']} runs each, "
        f"{cost['shifts']} shifts of the twin, in {cost['wall_s']:g} s ({cost['cpu_s']:g} s of CPU time); "
        f"best on its evaluation pool, and kept: {'the start' if card['kept'] == 0 else 'update ' + str(card['kept'])}."
    )
    _evaluation(card["judged"])


def _evaluation(judged: "Json") -> None:
    rows = [
        (r["rival"], r["kind"], f"{r['mean']:.2f}", f"{r['gain']:+.3f}", f"{r['low']:+.3f} ... {r['high']:+.3f}",
         "surely" if r["low"] > 0 else "surely worse" if r["high"] < 0 else "not sure")
        for r in judged["against"]
    ]  # fmt: skip
    title = f"Useful beam {judged['mean']:.2f} % over {judged['runs']} new runs, compared on common random numbers"
    show(
        title,
        ["compared with", "kind", "useful beam [%]", "gain", "90 % interval", "better"],
        rows,
        (2, 3, 4),
    )
    print_line(f"It is {judged['verdict']}.")

"""`beamtwin policy`: train a policy for a facility, show its card, score it against the rules on fresh draws."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any

from dashboard.cli.arguments import count, positive, with_json, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import say, show
from dashboard.cli.progress import progress_bar

Json = dict[str, Any]

ORDER = 150
HELP = "policies that act shift by shift: train one on the twin, show it, score it against the rules"
EXAMPLE = "beamtwin policy train storage-ring --updates 60"


def arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, does: str, example: str) -> ArgumentParser:
        return actions.add_parser(
            name, help=does, description=does, epilog=f"example: beamtwin policy {example}",
            formatter_class=RawDescriptionHelpFormatter,
        )  # fmt: skip

    train = action("train", "train a policy on the twin", "train storage-ring -o mine.npz --seed 1")
    train.add_argument("facility")
    train.add_argument(
        "-o", "--output", metavar="FILE", help="default: in BEAMTWIN_HOME, served from then on"
    )
    updates = "of the policy (a number, as time would make it depend on load)"
    train.add_argument("--updates", type=count, help=updates)
    train.add_argument("--runs", type=count, default=1024, help="judged on (default %(default)s)")
    train.add_argument("--horizon-days", type=positive, default=14.0, help="of an episode (default 14)")
    judge = "judge a policy on fresh draws; status 1 if it is not surely better than every rule"
    score = action("score", judge, "score xfel-linac")
    score.add_argument("facility")
    score.add_argument("file", nargs="?", help="default: one's own, else the shipped one")
    score.add_argument("--runs", type=count, default=512, help="fresh ones (default %(default)s)")
    score.add_argument("--planner", action="store_true", help="against model-predictive control too (slow)")
    shown = action("show", "the card of a policy", "show storage-ring")
    shown.add_argument("policy", metavar="FACILITY|FILE")
    for each in (train, score):
        with_seed(each)
    for each in (train, score, shown):
        with_json(each)


def run(args: Namespace) -> int:
    """Train, score or show."""
    return ACTIONS[args.action](args)


def _train(args: Namespace) -> int:
    """Train and judge; status 1 if the policy is not surely better than every rule. The file is written anyway."""
    from dashboard.app.analyses import policies

    request = policies.TrainRequest(
        args.facility, args.output, args.updates, args.runs, args.horizon_days, args.seed
    )
    with progress_bar() as progress:
        answer = policies.train(request, progress)
    _card(answer.found)
    say(f"\nWritten: {answer.path}")
    return _closed(args, answer)


def _score(args: Namespace) -> int:
    """Judge a policy on fresh draws of a seed of one's own."""
    from dashboard.app.analyses import policies

    request = policies.ScoreRequest(args.facility, args.file, args.runs, args.planner, args.seed)
    with progress_bar() as progress:
        answer = policies.score(request, progress)
    say(f"{answer.path}")
    _judgement(answer.judged)
    return _closed(args, answer)


def _show(args: Namespace) -> int:
    """The card of a policy."""
    from dashboard.app.analyses import policies

    answer = policies.card(args.policy)
    say(f"{answer.path}")
    _card(answer.found)
    _closed(args, answer)
    return DONE


ACTIONS: dict[str, Callable[[Namespace], int]] = {"train": _train, "score": _score, "show": _show}


def _closed(args: Namespace, answer: Any) -> int:
    if args.json:
        from dashboard.app.store.files import write_json

        write_json(answer.found, args.json)
    return DONE if answer.judged["better"] else NEGATIVE


def _card(card: Json) -> None:
    """What a policy is for, how it came about and how it stands."""
    cost, lesson = card["cost"], card["lesson"]
    say(f"Policy for {card['facility']} (its hash {card['hash']}), each shift over {card['horizon_h']:g} h.")
    say(f"It sets {', '.join(card['knobs'])}; it decides: {'; '.join(card['decisions']) or 'nothing else'}.")
    held = ", ".join(f"{name} {value:.4g}" for name, value in card["held"].items())
    say(f"It began from the best settings to hold: {held}.")
    recipe = lesson["recipe"]
    say(
        f"Trained with seed {card['seed']}: {recipe['updates']} updates on {recipe['runs']} runs each, "
        f"{cost['shifts']} shifts of the twin, in {cost['wall_s']:g} s ({cost['cpu_s']:g} s of processor); "
        f"kept as best on its pool: {'the beginning' if card['kept'] == 0 else 'update ' + str(card['kept'])}."
    )
    _judgement(card["judged"])


def _judgement(judged: Json) -> None:
    rows = [
        (r["rival"], r["kind"], f"{r['mean']:.2f}", f"{r['gain']:+.3f}", f"{r['low']:+.3f} ... {r['high']:+.3f}",
         "surely" if r["low"] > 0 else "surely worse" if r["high"] < 0 else "not sure")
        for r in judged["against"]
    ]  # fmt: skip
    title = f"Useful beam {judged['mean']:.2f} % over {judged['runs']} fresh runs; against, on the same draws"
    show(title, ["rival", "kind", "useful beam [%]", "gain", "90 % interval", "better"], rows, (2, 3, 4))
    say(f"It is {judged['verdict']}.")

"""`beamtwin policy`: train a policy for a facility, show its card, score it against the rules on fresh draws."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from controllers.policies import tasks, teach, trained
from controllers.policies.teach import Lesson
from dashboard.app.store.files import write_json
from dashboard.cli.console import bars, say, show
from twin import load

Json = dict[str, Any]

DONE, NEGATIVE = 0, 1


def policy(args: Namespace) -> int:
    """Train, score or show."""
    return ACTIONS[args.action](args)


def _trained(args: Namespace) -> int:
    """Train and judge; status 1 if the policy is not surely better than every rule. The file is written anyway."""
    task = tasks.task(load(args.facility), 24.0 * args.horizon_days)
    lesson = replace(Lesson(), runs=args.runs)
    if args.updates:
        lesson = replace(lesson, recipe=replace(lesson.recipe, updates=args.updates))
    path = args.output or trained.own(task.facility.name)
    with bars() as tell:
        actor, card = teach.teach(task, lesson, args.seed, tell)
    trained.save(actor, card, path)
    _tell(card)
    say(f"\nWritten: {path}")
    return _closed(args, card, card["judged"])


def _scored(args: Namespace) -> int:
    """Judge a policy on fresh draws of a seed of one's own."""
    facility = load(args.facility)
    path = args.file or trained.find(facility.name)
    found = trained.load(facility, path)
    held = np.array([found.card["held"][name] for name in found.task.space.names])
    judged = teach.judged(
        found.task, found.actor.act, held, args.runs, _apart(args.seed, found.card), args.planner
    )
    say(f"{path}")
    _judgement(judged)
    return _closed(args, judged, judged)


def _apart(seed: int, card: Json) -> int:
    """A seed whose draws are none that the policy was trained on, nor those of its card."""
    return seed + 1 if seed >= card["seed"] else seed


def _shown(args: Namespace) -> int:
    """The card of a policy file, or of the policy that serves a facility."""
    file = Path(args.policy)
    path = file if file.suffix == ".npz" else trained.find(load(args.policy).name)
    card = trained.read(path)
    say(f"{path}")
    _tell(card)
    if args.json:
        write_json(card, args.json)
    return DONE


ACTIONS: dict[str, Callable[[Namespace], int]] = {"train": _trained, "score": _scored, "show": _shown}


def _closed(args: Namespace, found: Json, judged: Json) -> int:
    if args.json:
        write_json(found, args.json)
    return DONE if judged["better"] else NEGATIVE


def _tell(card: Json) -> None:
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

"""`beamtwin evaluate`: what another policy would have brought, by the log alone; by the twin where that cannot tell."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from controllers.hindsight import candidate, offpolicy
from controllers.hindsight.epochs import Epochs, epochs
from controllers.hindsight.offpolicy import Evaluation
from dashboard.app.analyses import replay as replaying
from dashboard.app.store.files import write_json
from dashboard.cli.console import Say, bars, say, show
from replay_data import replay
from replay_data.otherwise import Policy
from replay_data.runlog import open_log
from replay_data.view import LogView
from twin import Space, UserError
from twin.errors import unknown

Json = dict[str, Any]

DONE, NEGATIVE = 0, 1
REPLAYED_H = 672.0


class Asked(NamedTuple):
    """A candidate in words, what it would choose, and the draws [R, N, K] of it in the epochs of a log."""

    title: str
    choose: Policy
    proposed: Callable[[Epochs], np.ndarray]


def evaluate(args: Namespace) -> int:
    """Evaluate a policy on a log; status 1 unless it is surely better."""
    twin = replaying.twin_of(args)
    asked = wanted(args, Space.of(twin.facility))
    with open_log(args.log) as log, bars() as tell:
        tell("reading the epochs", 0.0)
        view = LogView(log, twin.facility)
        seen = epochs(view, args.every, args.outcome or "")
        proposed = asked.proposed(seen)
        tell("reading the epochs", 1.0)
        found = offpolicy.evaluate(
            seen, proposed, Space.of(twin.facility).names, offpolicy.bounds(twin.facility)
        )
        other = _by_the_twin(view, twin, asked, args, tell) if found.verdict == "cannot tell" else None
    _tell(args, asked.title, found, other)
    if args.json:
        write_json(as_json(asked.title, found, other), args.json)
    return DONE if found.verdict == "better" else NEGATIVE


def wanted(args: Namespace, space: Space) -> Asked:
    """The candidate that ``--set``, ``--shift`` or ``--policy`` asks for."""
    if args.shift:
        changes = replaying.assignments(args.shift, "--shift")
        by = np.zeros(len(space.names))
        by[_places(space, changes)] = list(changes.values())
        title = ", ".join(f"{name} {value:+g}" for name, value in changes.items())
        return Asked(
            f"as operators chose, {title}",
            lambda hour, held, felt: space.step(held, held + by, np.inf),
            lambda seen: candidate.shifted(space, seen.settings, by),
        )
    if args.policy:
        title, choose = f"policy {args.policy}", replaying.policy_of(args.policy)
    else:
        changes = replaying.assignments(args.set)
        title = ", ".join(f"{name} = {value:g}" for name, value in changes.items())
        choose = _held(space, changes)

    def proposed(seen: Epochs) -> np.ndarray:
        rows = zip(seen.hour, seen.settings, seen.conditions, strict=True)
        chosen = np.array([_checked(space, choose, *row) for row in rows])
        return candidate.region(space, seen.settings, chosen, args.width, seed=args.seed)

    return Asked(f"{title}, each within about {100 * args.width:g} % of its range", choose, proposed)


def _places(space: Space, changes: dict[str, float]) -> list[int]:
    for name in changes:
        if name not in space.names:
            raise unknown("knob", name, space.names)
    return [space.names.index(name) for name in changes]


def _held(space: Space, changes: dict[str, float]) -> Policy:
    """Knobs held at values throughout; beyond an interlock, as near as that allows."""
    places = _places(space, changes)
    for k, (name, value) in zip(places, changes.items(), strict=True):
        if not space.low[k] <= value <= space.high[k]:
            limits = f"{space.low[k]:g} ... {space.high[k]:g} {space.units[k]}"
            raise UserError(f"{name} = {value:g} {space.units[k]} lies outside {limits}")

    def choose(hour: float, held: np.ndarray, felt: np.ndarray) -> np.ndarray:
        moved = held.copy()
        moved[places] = list(changes.values())
        return space.step(held, moved, np.inf)

    return choose


def _checked(space: Space, choose: Policy, hour: float, held: np.ndarray, felt: np.ndarray) -> np.ndarray:
    """What a policy chose; only knobs that it moved must keep the limits, for means over an epoch are rounded."""
    chosen = np.asarray(choose(float(hour), held.copy(), felt.copy()), float)
    if chosen.shape != held.shape:
        raise UserError(
            f"policy at hour {hour:g}: it gave {chosen.size} settings, the facility has {held.size}: "
            f"{', '.join(space.names)}"
        )
    if (chosen != held).any():
        space.check(np.where(chosen == held, space.clip(held), chosen))
    return chosen


def _by_the_twin(log: LogView, twin: replaying.Twin, asked: Asked, args: Namespace, tell: Say) -> Json | None:
    """The change of useful beam with the same luck, where there is a model and a record to replay."""
    if twin.model is None or log.tabular or args.outcome:
        return None
    tell("replaying it with the same luck", 0.0)
    view = replay.window(log, REPLAYED_H)
    world = replay.by_policy(view, asked.choose)
    found = replaying.with_same_luck(view, world, twin, args.seed)
    tell("replaying it with the same luck", 1.0)
    mean, low, high = found.change("useful_beam")
    return {"model": twin.model.entry.id, "from_h": view.from_h, "mean": mean, "low": low, "high": high,
            "reach": replaying.reach(view, world, twin).words}  # fmt: skip


def _tell(args: Namespace, title: str, found: Evaluation, other: Json | None) -> None:
    outcome = args.outcome or "outcome"
    say(f"Candidate: {title}.")
    say(
        f"{found.epochs} epochs; operators' mean {outcome} {found.present:.2f} % of the reference. Weighted into the "
        f"candidate they are as good as {found.effective:.1f} epochs in {found.pieces:.1f} stretches of time; "
        f"{100 * found.clipped:.1f} % of the weight was cut off."
    )
    rows = [(name, f"{g.mean:+.2f}", f"{g.low:+.2f} ... {g.high:+.2f}") for name, g in found.gains.items()]
    if rows:
        show("Gain over the operators, % of the reference", ["estimate", "mean", "90 %"], rows, (1, 2))
    for p in found.promises:
        say(
            f"{p.name} beyond its bound: {100 * p.before:.1f} % of the epochs, {100 * p.after:.1f} % expected."
        )
    say(f"\nVerdict: {found.verdict}: {found.why}.")
    if other is not None:
        say(
            f"By the twin (model {other['model']}), from hour {other['from_h']:g} on with the same luck: "
            f"{other['mean']:+.2f} % useful beam ({other['low']:+.2f} ... {other['high']:+.2f}). This rests on the "
            f"model, not on what operators tried. {other['reach']}"
        )


def as_json(title: str, found: Evaluation, other: Json | None) -> Json:
    """The same as plain JSON values."""
    gains = {name: gain._asdict() for name, gain in found.gains.items()}
    promises = [p._asdict() | {"broken": p.broken} for p in found.promises]
    return found._asdict() | {"policy": title, "gains": gains, "promises": promises, "by_the_twin": other}

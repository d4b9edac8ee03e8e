"""`beamtwin advise`: a log replayed through the gate of advisories, and how often the page would have spoken."""

from argparse import Namespace
from typing import Any

from controllers.advice.advised import Advised, advised
from controllers.advice.advisories import REASONS
from controllers.advice.case import Effort, case
from dashboard.app.notices import RULES
from dashboard.app.store.files import write_json
from dashboard.cli.console import bars, say, show
from replay_data.runlog import open_log
from replay_data.view import LogView
from surrogate import registry
from twin import Space, UserError, load

Json = dict[str, Any]
DONE = 0


def advisories(args: Namespace) -> int:
    """Step a log through the gate, and count what would have been raised and what suppressed, by reason."""
    facility = load(args.facility)
    model = registry.load(args.model, facility.name)
    with open_log(args.log) as log, bars() as tell:
        if log.tabular:
            raise UserError(
                f"{args.log}: a table of experiments has no minutes to step through; give a log over time"
            )
        from_h = max(log.hours - 24.0 * args.days, 0.0) if args.days else 0.0
        view = LogView(log, model.facility)
        found = advised(case(model, view, Effort().horizon_h), view, args.seed, tell, RULES, from_h)
    _tell(found, Space.of(model.facility))
    if args.json:
        write_json(as_json(found, Space.of(model.facility)), args.json)
    return DONE


def _tell(found: Advised, space: Space) -> None:
    days = found.hours / 24.0
    rows = [
        [f"{a.time_h:.2f}", ", ".join(f"{n} {v:.4g} {u}" for n, v, u in
         zip(space.names, a.proposed, space.units, strict=True)), f"{a.sure:+.2f}"]
        for a in found.advisories
    ]  # fmt: skip
    if rows:
        show("Advisories raised", ["Hour", "Settings", "Sure gain [%]"], rows, (0, 2))
    reasons = sorted(found.state.suppressed.items(), key=lambda row: -row[1])
    show(
        "Suppressed, one look a minute",
        ["Reason", "Looks"],
        [[REASONS[k], f"{n:,}"] for k, n in reasons],
        (1,),
    )
    closest = (
        f"the closest two {60 * found.closest_h:.0f} min apart" if len(rows) > 1 else "at most one in all"
    )
    say(
        f"\n{len(rows)} advisories in {days:.1f} days ({len(rows) / days:.2f} a day, {closest}); a page without the "
        f"gate would have spoken {found.ungated:,} times ({found.ungated / days:,.0f} a day). "
        f"{found.renewed} standing recommendations."
    )


def as_json(found: Advised, space: Space) -> Json:
    """What was found, as plain values."""
    return {
        "hours": found.hours,
        "renewed": found.renewed,
        "ungated": found.ungated,
        "suppressed": found.state.suppressed,
        "advisories": [
            {
                "time_h": a.time_h,
                "sure": a.sure,
                "settings": dict(zip(space.names, a.proposed.tolist(), strict=True)),
            }
            for a in found.advisories
        ],
    }

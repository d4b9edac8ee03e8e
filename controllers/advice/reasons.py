"""A recommendation in words that an operator reads."""

from typing import Any

from replay_data.replay import Counterfactual, Window, interval
from twin import Facility

Json = dict[str, Any]


def _effect(out: Json, metric: str) -> Json:
    return next(row for row in out["effects"] if row["metric"] == metric)


def headline(out: Json) -> str:
    """One sentence: what to do and what it brings."""
    if out["verdict"] == "hold":
        return "Hold: nothing in reach is surely better than the present settings."
    beam, failures = _effect(out, "useful_beam"), _effect(out, "failures")
    weeks = out["evidence"]["horizon_h"] / 168.0
    saved = -failures["change"]
    trips = f" and {abs(saved):.1f} {'fewer' if saved > 0 else 'more'} failures" if abs(saved) >= 0.05 else ""
    start = out["when"]
    late = "" if start["start"] == "now" else f" {moment(start['start'], start['at_h'])}"
    return (
        f"Change the settings{late}: {beam['change']:+.2f} % useful beam "
        f"({beam['low']:+.2f} ... {beam['high']:+.2f}){trips} in {_weeks(weeks)}."
    )


def _weeks(weeks: float) -> str:
    return f"{weeks:.0f} week{'' if round(weeks) == 1 else 's'}"


def why(out: Json) -> list[str]:
    """The knobs that matter, the hours that change, and how sure it is."""
    if out["verdict"] == "hold":
        return _why_hold(out)
    return [*_knob_reasons(out), *_hour_reasons(out), *_when(out["when"]), _certainty(out)]


def _why_hold(out: Json) -> list[str]:
    tried = out["candidates"]
    if not tried:
        return ["No other settings within the data and the promised quantities were found."]
    held_back = out.get("held_back")
    best = held_back or max(tried, key=lambda row: row["gain"]["low"])["gain"]
    if best["low"] > 0 and not held_back:
        return [
            f"The best of {len(tried)} finalists would change useful beam by {best['mean']:+.2f} % "
            f"({best['low']:+.2f} ... {best['high']:+.2f}), but no knob of it brings a share that is surely above zero."
        ]
    apart = ", in runs apart from those that it was chosen in" if held_back else ""
    return [
        f"The best of {len(tried)} finalists would change useful beam by {best['mean']:+.2f} % "
        f"({best['low']:+.2f} ... {best['high']:+.2f}){apart}: not surely better."
    ]


def _knob_reasons(out: Json) -> list[str]:
    """Each knob that moves with its share of the gain (Shapley), the largest first."""
    rows = [k for k in out["knobs"] if k["gain_share"]]
    rows.sort(key=lambda k: -abs(k["gain_share"]["mean"]))
    lines = []
    for knob in rows:
        share, digits = knob["gain_share"], knob["precision"]
        if abs(knob["proposed"] - knob["present"]) < 0.5 * 10.0**-digits:
            continue
        verb = "Raise" if knob["proposed"] > knob["present"] else "Lower"
        lines.append(
            f"{verb} {knob['title'].lower() if knob['title'][:2] != 'RF' else knob['title']} from "
            f"{knob['present']:.{digits}f} to {knob['proposed']:.{digits}f} {knob['unit']}: it brings "
            f"{share['mean']:+.2f} ({share['low']:+.2f} ... {share['high']:+.2f}) of the gain"
            f"{_by_itself(knob)}{_needed(knob)}."
        )
    return lines


def _by_itself(knob: Json) -> str:
    alone = knob["gain_alone"]
    if alone is None or (alone["low"] > 0) == (knob["gain_share"]["low"] > 0):
        return ""
    return f"; by itself {alone['mean']:+.2f} ({alone['low']:+.2f} ... {alone['high']:+.2f})"


def _needed(knob: Json) -> str:
    why = knob.get("needed_for")
    return f"; it moves because {why} does not allow the rest of the change without it" if why else ""


NAMES = {"now": "now", "refill": "at the next refill", "access": "on the access day"}


def moment(name: str, at_h: float) -> str:
    """When to begin, in words."""
    wait = f" (in {60.0 * at_h:.0f} min)" if 0.0 < at_h < 2.0 else f" (in {at_h:.0f} h)" if at_h else ""
    return NAMES[name] + wait


def _when(when: Json) -> list[str]:
    """Why to begin then: what the other moments bring."""
    rows = {row["name"]: row for row in when["moments"]}
    chosen = rows.pop(when["start"])
    said = [
        f"{moment(row['name'], row['at_h'])} {row['gain']['mean']:+.2f} % "
        f"({row['disturbed_h']:.1f} h of users' time disturbed)"
        for row in rows.values()
    ]
    if not said:
        return []
    begin = f"Begin {moment(chosen['name'], chosen['at_h'])}: {chosen['gain']['mean']:+.2f} %"
    return [f"{begin} with {chosen['disturbed_h']:.1f} h of users' time disturbed; {', '.join(said)}."]


def _hour_reasons(out: Json) -> list[str]:
    moved = sorted(out["lost_hours"], key=lambda r: -abs(r["proposed"] - r["present"]))[:2]
    return [
        f"{row['title']}: {row['present']:.1f} h of user time lost become {row['proposed']:.1f} h."
        for row in moved
        if abs(row["proposed"] - row["present"]) >= 0.05
    ]


def _certainty(out: Json) -> str:
    share = out["parameters_share"]
    where = "inside" if out["support"]["inside"] else "outside"
    return (
        f"At least {min(100 * share, 99.0):.0f} % of the interval's variance is not knowing the machine, the rest is "
        f"chance; the settings lie {where} what the logs have seen "
        f"(distance {out['support']['distance']:.2f}, limit {out['support']['limit']:.2f})."
    )


def refusal(facility: Facility, card: Json) -> Json:
    """The fields of a recommendation that is refused because the model is not good enough."""
    return {
        "verdict": "refuse",
        "headline": "No recommendation: the model does not beat the best baseline on later time.",
        "why": [
            f"{card['reason'][0].upper()}{card['reason'][1:]}.",
            "A recommendation from it would be a guess. Train on more or cleaner data, then ask again.",
        ],
    }


def same_luck(view: Window, seen: Counterfactual) -> str:
    """What the counterfactual replay says, in one sentence."""
    weeks = view.scenario.horizon_h / 168.0
    after = seen.after["failures"]
    low, high = interval(after)
    return (
        f"The last {weeks:.1f} weeks at these settings, same luck: {after.mean():.0f} failures "
        f"({low:.0f} ... {high:.0f}) instead of {seen.before['failures'].mean():.0f}, "
        f"{seen.after['lost_h'].mean():.1f} h lost instead of {seen.before['lost_h'].mean():.1f} h."
    )

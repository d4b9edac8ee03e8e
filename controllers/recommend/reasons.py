"""A recommendation in words that an operator reads."""

from typing import Any

from controllers.recommendation import Alternative, Effect, Estimate, Knob, Recommendation
from replay_data.replay import Counterfactual, Window, interval


def worded(made: Recommendation) -> Recommendation:
    """The recommendation with its headline and its reasons."""
    return made.model_copy(update={"headline": headline(made), "why": tuple(why(made))})


def headline(made: Recommendation) -> str:
    """One sentence: what to do and what it brings."""
    if made.when is None:
        return "Hold: nothing in reach is surely better than the present settings."
    beam, failures = _effect(made, "useful_beam"), _effect(made, "failures")
    weeks = made.evidence.horizon_h / 168.0
    saved = -failures.change.mean
    trips = f" and {abs(saved):.1f} {'fewer' if saved > 0 else 'more'} failures" if abs(saved) >= 0.05 else ""
    begin = made.when.begin
    late = "" if begin.name == "now" else f" {moment(begin.name, begin.at_h)}"
    return f"Change the settings{late}: {_gain(beam.change, ' % useful beam')}{trips} in {_weeks(weeks)}."


def _effect(made: Recommendation, metric: str) -> Effect:
    return next(effect for effect in made.effects if effect.metric == metric)


def _gain(gain: Estimate, unit: str = "") -> str:
    return f"{gain.mean:+.2f}{unit} ({gain.low:+.2f} ... {gain.high:+.2f})"


def _weeks(weeks: float) -> str:
    return f"{weeks:.0f} week{'' if round(weeks) == 1 else 's'}"


def why(made: Recommendation) -> list[str]:
    """The knobs that matter, the hours that change, and how sure it is."""
    if made.verdict == "hold":
        return _why_hold(made)
    return [*_knob_reasons(made), *_hour_reasons(made), *_when(made), *_certainty(made)]


def _why_hold(made: Recommendation) -> list[str]:
    if not made.candidates:
        return ["No other settings within the data and the promised quantities were found."]
    best = made.held_back or max((row.gain for row in made.candidates), key=lambda gain: gain.low)
    said = f"The best of {len(made.candidates)} finalists would change useful beam by {_gain(best, ' %')}"
    if made.held_back:
        return [f"{said}, in runs apart from those that it was chosen in: not surely better."]
    if best.low > 0:
        return [f"{said}, but no knob of it brings a share that is surely above zero."]
    return [f"{said}: not surely better."]


def _knob_reasons(made: Recommendation) -> list[str]:
    """Each knob that moves with its share of the gain (Shapley), the largest first."""
    rows = [(knob, knob.gain_share) for knob in made.knobs if knob.gain_share]
    rows.sort(key=lambda row: -abs(row[1].mean))
    return [
        _knob_reason(knob, share)
        for knob, share in rows
        if abs(knob.proposed - knob.present) >= 0.5 * 10.0**-knob.precision
    ]


def _knob_reason(knob: Knob, share: Estimate) -> str:
    verb = "Raise" if knob.proposed > knob.present else "Lower"
    title = knob.title if knob.title[:2] == "RF" else knob.title.lower()
    values = f"from {knob.present:.{knob.precision}f} to {knob.proposed:.{knob.precision}f} {knob.unit}"
    return f"{verb} {title} {values}: it brings {_gain(share)} of the gain{_by_itself(knob, share)}{_needed(knob)}."


def _by_itself(knob: Knob, share: Estimate) -> str:
    alone = knob.gain_alone
    if alone is None or (alone.low > 0) == (share.low > 0):
        return ""
    return f"; by itself {_gain(alone)}"


def _needed(knob: Knob) -> str:
    why = knob.needed_for
    return f"; it moves because {why} does not allow the rest of the change without it" if why else ""


NAMES = {"now": "now", "refill": "at the next refill", "access": "on the access day"}


def moment(name: str, at_h: float) -> str:
    """When to begin, in words."""
    wait = f" (in {60.0 * at_h:.0f} min)" if 0.0 < at_h < 2.0 else f" (in {at_h:.0f} h)" if at_h else ""
    return NAMES[name] + wait


def _when(made: Recommendation) -> list[str]:
    """Why to begin then: what the other moments bring."""
    if made.when is None or made.gain is None or not made.when.others:
        return []
    begin = made.when.begin
    others = ", ".join(_other(row) for row in made.when.others)
    return [
        f"Begin {moment(begin.name, begin.at_h)}: {made.gain.mean:+.2f} % with {begin.disturbed_h:.1f} h of users' "
        f"time disturbed; {others}."
    ]


def _other(row: Alternative) -> str:
    name = moment(row.name, row.at_h)
    return f"{name} {row.gain.mean:+.2f} % ({row.disturbed_h:.1f} h of users' time disturbed)"


def _hour_reasons(made: Recommendation) -> list[str]:
    moved = sorted(made.lost_hours, key=lambda row: -abs(row.proposed - row.present))[:2]
    return [
        f"{row.title}: {row.present:.1f} h of user time lost become {row.proposed:.1f} h."
        for row in moved
        if abs(row.proposed - row.present) >= 0.05
    ]


def _certainty(made: Recommendation) -> list[str]:
    share, support = made.parameters_share, made.support
    if share is None:
        return []
    where = "inside" if support.inside else "outside"
    return [
        f"At least {min(100 * share, 99.0):.0f} % of the interval's variance is not knowing the machine, the rest is "
        f"chance; the settings lie {where} what the logs have seen "
        f"(distance {support.distance:.2f}, limit {support.limit:.2f})."
    ]


def refusal(card: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recommendation that is refused because the model is not good enough."""
    return {
        "verdict": "refuse",
        "headline": "No recommendation: the model does not beat the best baseline on later time.",
        "why": (
            f"{card['reason'][0].upper()}{card['reason'][1:]}.",
            "A recommendation from it would be a guess. Train on more or cleaner data, then ask again.",
        ),
    }


def same_random_events(view: Window, seen: Counterfactual) -> str:
    """What the counterfactual replay says, in one sentence."""
    weeks = view.scenario.horizon_h / 168.0
    after = seen.after["failures"]
    low, high = interval(after)
    return (
        f"The last {weeks:.1f} weeks at these settings, same random events: {after.mean():.0f} failures "
        f"({low:.0f} ... {high:.0f}) instead of {seen.before['failures'].mean():.0f}, "
        f"{seen.after['lost_h'].mean():.1f} h lost instead of {seen.before['lost_h'].mean():.1f} h."
    )

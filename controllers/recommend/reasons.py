"""The texts of a recommendation: headline and reasons, as an operator reads them."""

from typing import Any

from controllers.recommendation import Effect, Estimate, Knob, Moment, Recommendation
from replay_data.replay import Counterfactual, Window, interval


def worded(made: Recommendation) -> Recommendation:
    """The recommendation with its headline and its reasons."""
    return made.model_copy(update={"headline": headline(made), "why": tuple(why(made))})


def headline(made: Recommendation) -> str:
    """One sentence: what to do, and the gain to expect."""
    if made.when is None:
        return "Hold: no candidate is surely better than the present settings."
    beam, failures = _effect(made, "useful_beam"), _effect(made, "failures")
    fewer = -failures.change.mean
    saved = f" and {abs(fewer):.1f} {'fewer' if fewer > 0 else 'more'} failures" if abs(fewer) >= 0.05 else ""
    begin = made.when.begin
    later = "" if begin.name == "now" else f" {moment(begin.name, begin.at_h)}"
    return f"Change the settings{later}: {_gain(beam.change)}{saved} in {_horizon(made)}."


def _effect(made: Recommendation, metric: str) -> Effect:
    return next(effect for effect in made.effects if effect.metric == metric)


def _gain(gain: Estimate) -> str:
    return f"{gain.mean:+.2f} % useful beam (90 % interval {gain.low:+.2f} ... {gain.high:+.2f})"


def _horizon(made: Recommendation) -> str:
    weeks = made.evidence.horizon_h / 168.0
    return f"{weeks:.0f} week{'' if round(weeks) == 1 else 's'}"


def why(made: Recommendation) -> list[str]:
    """The reasons: knobs, hours lost, moment to begin and uncertainty; of a "hold", the best candidate."""
    if made.verdict == "hold":
        return _why_hold(made)
    return [*_knob_reasons(made), *_hour_reasons(made), *_when(made), *_certainty(made)]


def _why_hold(made: Recommendation) -> list[str]:
    count = len(made.candidates)
    if not count:
        return ["The search found no other settings inside the envelope: limits, interlocks, promised quantities "
                "and the support of the logs."]  # fmt: skip
    best = made.held_back or max((row.gain for row in made.candidates), key=lambda gain: gain.low)
    result = f"Gain of the best of {count} finalist{'' if count == 1 else 's'}: {_gain(best)}"
    if made.held_back:
        return [f"{result} in the hold-out runs, which had no part in its selection: not surely above zero."]
    if best.low > 0:
        return [f"{result}, but the share of no single knob is surely above zero."]
    return [f"{result}: not surely above zero."]


def _knob_reasons(made: Recommendation) -> list[str]:
    """Each knob that moves with its share of the gain (Shapley value), the largest first."""
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
    return f"{verb} {title} {values}: share of the gain {_gain(share)}{_alone(knob, share)}{_needed(knob)}."


def _alone(knob: Knob, share: Estimate) -> str:
    """The gain of the knob alone, where it is surely above zero and the share is not, or the reverse."""
    alone = knob.gain_alone
    if alone is None or (alone.low > 0) == (share.low > 0):
        return ""
    return f"; if no other knob moved, {_gain(alone)}"


def _needed(knob: Knob) -> str:
    bound = knob.needed_for
    return f"; needed, because without it the other changes would violate a bound: {bound}" if bound else ""


NAMES = {"now": "now", "refill": "at the next refill", "access": "on the access day"}


def moment(name: str, at_h: float) -> str:
    """When to begin, in words."""
    wait = f" (in {60.0 * at_h:.0f} min)" if 0.0 < at_h < 2.0 else f" (in {at_h:.0f} h)" if at_h else ""
    return NAMES[name] + wait


def _when(made: Recommendation) -> list[str]:
    """The moment to begin, compared with the other moments: gain, and user time that the ramp disturbs."""
    if made.when is None or made.gain is None or not made.when.others:
        return []
    begin = _option(made.when.begin, made.gain)
    others = "; ".join(_option(row, row.gain) for row in made.when.others)
    return [f"Begin {begin}. Alternatives: {others}."]


def _option(row: Moment, gain: Estimate) -> str:
    disturbed = f"{row.disturbed_h:.1f} h of user time disturbed by the ramp"
    return f"{moment(row.name, row.at_h)}: gain {_gain(gain)}, {disturbed}"


def _hour_reasons(made: Recommendation) -> list[str]:
    """The two failure processes whose lost hours change most."""
    moved = sorted(made.lost_hours, key=lambda row: -abs(row.proposed - row.present))[:2]
    return [
        f"{row.title}: mean user time lost in {_horizon(made)} "
        f"{'falls' if row.proposed < row.present else 'rises'} from {row.present:.1f} h to {row.proposed:.1f} h."
        for row in moved
        if abs(row.proposed - row.present) >= 0.05
    ]


def _certainty(made: Recommendation) -> list[str]:
    """Where the uncertainty of the gain comes from, and whether the logs contain such settings."""
    share, support = made.parameters_share, made.support
    if share is None:
        return []
    return [
        f"At least {min(100 * share, 99.0):.0f} % of the variance of the gain is uncertainty of the model; the rest is "
        "chance.",
        f"The proposed settings lie {'inside' if support.inside else 'outside'} the support of the logs "
        f"(distance {support.distance:.2f}, limit {support.limit:.2f} standard deviations of the data).",
    ]


def refusal(card: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recommendation that is refused because the model is not good enough."""
    return {
        "verdict": "refuse",
        "headline": "No recommendation: the model does not beat the best baseline on later time.",
        "why": (
            f"{card['reason'][0].upper()}{card['reason'][1:]}.",
            "Without a skilled model a recommendation would be a guess. Train on more or cleaner data, then run "
            "`beamtwin recommend` again.",
        ),
    }


def same_random_events(window: Window, replayed: Counterfactual) -> str:
    """The result of the counterfactual replay in one sentence."""
    weeks = window.scenario.horizon_h / 168.0
    before, after = replayed.before, replayed.after
    low, high = interval(after["failures"])
    return (
        f"The last {weeks:.1f} weeks at the proposed settings with the same random events: "
        f"{after['failures'].mean():.0f} failures (90 % interval {low:.0f} ... {high:.0f}) instead of "
        f"{before['failures'].mean():.0f}; {after['lost_h'].mean():.1f} h of user time lost (mean) instead of "
        f"{before['lost_h'].mean():.1f} h."
    )

"""Closed forms of the operation metrics: failures, outages and lost hours by kind, merging, low current."""

from math import exp, log

from closed_form import ALWAYS_USERS, TOY, Case, subsystem, toy

from twin import Facility
from twin.facility import parse

LIFE_H, REPAIR_H, RESTART_H = 10.0, 0.75, 0.25
OUT_H = REPAIR_H + RESTART_H
CYCLE_H = LIFE_H + OUT_H
TRIP = {"mtbf_h": LIFE_H, "ages": '"beam"', "repair": f"{{ law = 'fixed', mean_h = {REPAIR_H} }}"}
HOURS = {"hours": 2_000.0, "runs": 24, "bias": 3e-4}
"""The bias: a run begins with a restart and may end within an outage, together within an hour of 2,000."""

MERGE_H = 2.0
MERGED = toy(subsystem("trip", **TRIP) + f"[metrics]\nmerge_h = {MERGE_H}\n", RESTART_H)
NONE_SOON = exp(-MERGE_H / LIFE_H)
"""Chance that the beam stays for longer than outages are merged over."""

DRIFT = subsystem("orbit", effect='"distort"', mtbf_h=LIFE_H)
"""One hour of repair, exponential, and ageing always."""

DECAY_H, LOW_SHARE, INJECTOR_H = 5.0, 0.9, 1.0
TO_LOW_H = DECAY_H * log(1.0 / LOW_SHARE)
STILL_OUT = exp(-TO_LOW_H / INJECTOR_H)
"""Chance that the injector is still out when the current has fallen to the threshold."""


def ring(
    text: str, fill_per_h: float = 1e9, lifetime_h: float = DECAY_H, blocks: str = ALWAYS_USERS
) -> Facility:
    """A ring that decays by gas alone and has users always; ``text`` brings its subsystems."""
    made = TOY.format(restart_h=RESTART_H, blocks=blocks).replace('"linac"', '"ring"')
    beam = f'current_knob = "charge"\nlifetime = "life"\nlow_share = {LOW_SHARE}\nfill_per_h = {fill_per_h}\n'
    life = f'[[quantity]]\nname = "life"\ntitle = "Lifetime"\npv = "L"\nunit = "h"\nvalue = {lifetime_h}\n'
    return parse(made.replace("[beam]\n", "[beam]\n" + beam) + life + text)


INJECTOR = ring(subsystem("injector", effect='"injection"', mtbf_h=LIFE_H))

CASES = [
    Case(
        "rate of failures",
        "1 / MTBF = 1 / (life + repair + restart), life in beam hours",
        toy(subsystem("trip", **TRIP), RESTART_H),
        lambda t: t.failures / t.user_h,
        1.0 / CYCLE_H,
        **HOURS,
    ),
    Case(
        "hours without beam",
        "(repair + restart) / (life + repair + restart)",
        toy(subsystem("trip", **TRIP), RESTART_H),
        lambda t: t.outage_h[:, 0] / t.user_h,
        OUT_H / CYCLE_H,
        **HOURS,
    ),
    Case(
        "failures when outages close to each other merge",
        "exp(-merge / life) / cycle: those alone that follow a longer beam begin an outage",
        MERGED,
        lambda t: t.failures / t.user_h,
        NONE_SOON / CYCLE_H,
        **HOURS,
    ),
    Case(
        "beam between outages that merge",
        "E[beam; beam < merge] / cycle = (life - (merge + life) exp(-merge / life)) / cycle",
        MERGED,
        lambda t: t.short_h / t.user_h,
        (LIFE_H - (MERGE_H + LIFE_H) * NONE_SOON) / CYCLE_H,
        **HOURS,
    ),
    Case(
        "hours of distorted beam",
        "repair / (life + repair)",
        toy(DRIFT),
        lambda t: t.outage_h[:, 2] / t.user_h,
        1.0 / (LIFE_H + 1.0),
        **HOURS,
    ),
    Case(
        "hours of low current",
        "E[(r - t)+] / (life + r), r ~ exponential, t = tau ln(1 / threshold); refilling takes no time",
        INJECTOR,
        lambda t: t.outage_h[:, 1] / t.user_h,
        INJECTOR_H * STILL_OUT / (LIFE_H + INJECTOR_H),
        **HOURS,
    ),
    Case(
        "outages with low current",
        "P(r > t) / (life + r): the stored beam buffers shorter ones",
        INJECTOR,
        lambda t: t.outages[:, 1] / t.user_h,
        STILL_OUT / (LIFE_H + INJECTOR_H),
        **HOURS,
    ),
]

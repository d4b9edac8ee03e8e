"""Closed forms of upkeep: proof tests, preventive maintenance, minimal repair, units exchanged together.

Sources: IEC 61508-6, annex B; R. E. Barlow and F. Proschan, Mathematical Theory of Reliability, 1965;
R. E. Barlow and L. C. Hunter, Optimum preventive maintenance policies, 1960; D. R. Cox, Renewal Theory,
1962; L. H. Crow, Reliability analysis for complex, repairable systems, 1974.
"""

import math

import numpy as np
from closed_form import Case, availability, subsystem, toy, units_down
from scipy.integrate import quad

HOURS = 10_000.0
"""A run begins with new units: that shifts the mean by at most half the mean hours lost a cycle, over all hours."""
AT_ONCE = "{ law = 'fixed', mean_h = 1e-6 }"
"""A repair too short to matter: 1e-6 h of every 100."""


def hours(mean_h: float) -> str:
    return f"{{ law = 'fixed', mean_h = {mean_h} }}"


def wears(shape: float, mean_h: float):
    """(survival function, age at which a hazard is spent) of a Weibull life."""
    scale_h = mean_h / math.gamma(1.0 + 1.0 / shape)
    return lambda a: math.exp(-((a / scale_h) ** shape)), lambda spent: scale_h * spent ** (1.0 / shape)


def failures(per: float):
    """Failures of the first process for each of ``per``."""
    return lambda tally: np.asarray(tally.failures_by)[:, 0] / per


# --- Hidden failures

TEST_H, HIDDEN_H = 50.0, 100.0
X = TEST_H / HIDDEN_H


def valves(units: int, needs: int):
    mode = {"effect": '"unit"', "mtbf_h": HIDDEN_H, "proof_test_h": TEST_H, "repair": AT_ONCE}
    return toy(
        subsystem("valve", units, **mode)
        + f'[[gate]]\nname = "stop"\nof = ["valve"]\nneeds = {needs}\neffect = "dump"\n'
    )


# --- Preventive maintenance

SHAPE, LIFE_H, REPAIR_H, CARE_H = 3.0, 100.0, 20.0, 2.0
ALIVE, AGE_AT = wears(SHAPE, LIFE_H)


def maintained(preventive: str, repair: str = hours(REPAIR_H), **mode):
    text = f"preventive = {{ {preventive} }}"
    return toy(subsystem("tube", 1, text, mtbf_h=LIFE_H, repair=repair, **({"shape": SHAPE} | mode)))


def lost(age_h: float) -> float:
    """Mean hours lost a cycle by repair at failure or care at an age, whichever is first."""
    return (1.0 - ALIVE(age_h)) * REPAIR_H + ALIVE(age_h) * CARE_H


def by_age(age_h: float) -> float:
    """Availability under replacement at failure or at an age."""
    lived = quad(ALIVE, 0.0, age_h, epsabs=1e-12)[0]
    return lived / (lived + lost(age_h))


def erlang_renewals(t_h: float, mean_h: float) -> float:
    """Renewal function of Erlang lives of two stages."""
    rate = 2.0 / mean_h
    return rate * t_h / 2.0 - (1.0 - math.exp(-2.0 * rate * t_h)) / 4.0


LIMIT, LOOK_H = 0.25, 2.0
BLOCK_H = 125.0
POWER = (math.gamma(1.5) / LIFE_H) ** 2
"""Hazard spent of the power law of shape 2 is POWER * t^2."""

# --- Exchanged together

TOGETHER_H = LIFE_H * 2.0 ** (-1.0 / SHAPE)
"""Mean of the shorter of two Weibull lives of one shape."""

CASES = [
    Case(
        "proof test, one valve",
        "PFDavg = 1 - (1 - exp(-x)) / x, x = T / life (IEC 61508-6, repair time neglected)",
        valves(1, 1),
        units_down(0),
        1.0 - (1.0 - math.exp(-X)) / X,
        HOURS,
    ),
    Case(
        "proof test, one of two valves",
        "PFDavg = 1/T int (1 - exp(-t / life))^2 dt over an interval T (IEC 61508-6, unexpanded)",
        valves(2, 1),
        lambda tally: 1.0 - availability(tally),
        1.0 - 2.0 * (1.0 - math.exp(-X)) / X + (1.0 - math.exp(-2.0 * X)) / (2.0 * X),
        HOURS,
    ),
    Case(
        "maintenance by age",
        "A = int_0^T R / (int_0^T R + F(T) repair + R(T) care) (Barlow and Proschan, 1965)",
        maintained(f"policy = 'age', every_h = 50.0, takes = {hours(CARE_H)}"),
        availability,
        by_age(50.0),
        HOURS,
        bias=0.5 * lost(50.0) / HOURS,
    ),
    Case(
        "maintenance by age that takes a random time",
        "as by age: only the mean duration counts",
        maintained(
            f"policy = 'age', every_h = 50.0, takes = {{ law = 'gamma', mean_h = {CARE_H}, shape = 0.5 }}"
        ),
        availability,
        by_age(50.0),
        HOURS,
        bias=0.5 * lost(50.0) / HOURS,
    ),
    Case(
        "maintenance by block",
        "failures a block = renewal function M(T) = rT/2 - (1 - exp(-2rT))/4 of Erlang(2, r) (Cox, 1962)",
        maintained(
            f"policy = 'block', every_h = {BLOCK_H}, takes = {AT_ONCE}", AT_ONCE, law='"gamma"', shape=2.0
        ),
        failures(HOURS / BLOCK_H),
        erlang_renewals(BLOCK_H, LIFE_H),
        HOURS,
    ),
    Case(
        "maintenance by condition",
        "as by age, at the age where the spent hazard is the limit, up to one inspection interval later",
        maintained(f"policy = 'condition', every_h = {LOOK_H}, limit = {LIMIT}, takes = {hours(CARE_H)}"),
        availability,
        by_age(AGE_AT(LIMIT) + LOOK_H / 2.0),
        4_000.0,
        bias=0.5 * lost(AGE_AT(LIMIT)) / 4_000.0
        + abs(by_age(AGE_AT(LIMIT)) - by_age(AGE_AT(LIMIT) + LOOK_H)),
    ),
    Case(
        "minimal repair",
        "failures up to t = Lambda(t) = (t / scale)^shape (Crow, 1974)",
        toy(subsystem("tube", 1, shape=2.0, mtbf_h=LIFE_H, minimal_repair="true", repair=AT_ONCE)),
        failures(1.0),
        POWER * 1_000.0**2,
        1_000.0,
    ),
    Case(
        "minimal repair between blocks",
        "failures a block = Lambda(T) (Barlow and Hunter, 1960)",
        maintained(
            f"policy = 'block', every_h = {BLOCK_H}, takes = {AT_ONCE}",
            AT_ONCE,
            shape=2.0,
            minimal_repair="true",
        ),
        failures(HOURS / BLOCK_H),
        POWER * BLOCK_H**2,
        HOURS,
    ),
    Case(
        "two parts exchanged together",
        "A = m / (m + repair), m = mean of the shorter of two Weibull lives = mean * 2^(-1/shape)",
        toy(
            subsystem("tube", 1, 'replaced_with = "gun"', shape=SHAPE, mtbf_h=LIFE_H, repair=hours(REPAIR_H))
            + subsystem(
                "socket", 1, 'replaced_with = "gun"', shape=SHAPE, mtbf_h=LIFE_H, repair=hours(REPAIR_H)
            )
        ),
        availability,
        TOGETHER_H / (TOGETHER_H + REPAIR_H),
        HOURS,
        bias=0.5 * REPAIR_H / HOURS,
    ),
]

"""Closed forms of standby: units that wait cold, warm or hot, switchings that fail, starts that fail."""

import math

from closed_form import Case, availability, stationary, subsystem, toy

LIFE_H, REPAIR_H = 100.0, 10.0
FAIL, MEND = 1.0 / LIFE_H, 1.0 / REPAIR_H
HOURS = 10_000.0


def pumps(units: int, needs: int, standby: str):
    """``needs`` of ``units`` must work, so many are in service; each is mended by itself."""
    return toy(
        subsystem(
            "pump",
            units,
            f"standby = {{ in_service = {needs}, {standby} }}",
            effect='"unit"',
            mtbf_h=LIFE_H,
            repair=f"{{ law = 'exponential', mean_h = {REPAIR_H} }}",
        )
        + '[[gate]]\nname = "vacuum"\nof = ["pump"]\neffect = "dump"\n'
    )


def up(units: int, needs: int, idle: float) -> float:
    """Exact availability of a chain in the number of failed units, those in reserve failing ``idle`` times as often."""
    rates = {}
    for failed in range(units):
        working = min(needs, units - failed)
        rates[failed, failed + 1] = FAIL * (working + idle * (units - failed - working))
        rates[failed + 1, failed] = MEND * (failed + 1)
    chance = stationary(rates)
    return sum(chance[failed] for failed in range(units - needs + 1))


def covered(cover: float, idle: float) -> float:
    """1 of 2 with imperfect switching: 0, 1 or 2 units failed, or "left": one failed, its place not taken."""
    chance = stationary(
        {
            (0, 1): FAIL * (cover + idle),
            (0, "left"): FAIL * (1.0 - cover),
            ("left", 0): MEND,
            ("left", 2): max(FAIL * idle, 1e-30),
            (1, 0): MEND,
            (1, 2): FAIL,
            (2, 1): 2.0 * MEND,
        }
    )
    return chance[0] + chance[1]


def start_fails(share: float) -> float:
    """1 of 2 cold, the waiting unit fails to start: from no failed unit to two at once."""
    rates = {
        (0, 1): FAIL * (1.0 - share),
        (0, 2): FAIL * share,
        (1, 2): FAIL,
        (1, 0): MEND,
        (2, 1): 2.0 * MEND,
    }
    return 1.0 - stationary(rates)[2]


def switched(hours: float) -> float:
    """1 of 2 cold with a fixed switching time: visits and mean stays of the embedded chain 0, switching, 1, 2."""
    still_failed, again = math.exp(-MEND * hours), FAIL / (FAIL + MEND)
    one = still_failed / (1.0 - again)
    good = 1.0 / FAIL + one / (FAIL + MEND)
    return good / (good + hours + one * again / (2.0 * MEND))


KINDS = [
    ("cold", "kind = 'cold'", 0.0),
    ("warm", "kind = 'warm', dormancy = 0.3", 0.3),
    ("hot", "kind = 'hot'", 1.0),
]

CASES = [
    Case(
        f"{name} standby, {needs} of {units}",
        "birth and death chain in the number of failed units",
        pumps(units, needs, kind),
        availability,
        up(units, needs, idle),
        HOURS,
    )
    for name, kind, idle in KINDS
    for needs, units in [(1, 2), (2, 3)]
] + [
    Case(
        "cold standby, 80 % of switchings covered",
        "Markov chain with a state for the place that is not taken",
        pumps(2, 1, "kind = 'cold', coverage = 0.8"),
        availability,
        covered(0.8, 0.0),
        HOURS,
    ),
    Case(
        "hot standby, half of the switchings covered",
        "Markov chain with a state for the place that is not taken",
        pumps(2, 1, "kind = 'hot', coverage = 0.5"),
        availability,
        covered(0.5, 1.0),
        HOURS,
    ),
    Case(
        "cold standby, 20 % of starts fail",
        "Markov chain: from no failed unit to one or two",
        pumps(2, 1, "kind = 'cold', start_failure = 0.2"),
        availability,
        start_fails(0.2),
        HOURS,
    ),
    Case(
        "cold standby, switching takes 5 h",
        "semi-Markov: mean stays weighted with visits of the embedded chain",
        pumps(2, 1, "kind = 'cold', switch_h = 5.0"),
        availability,
        switched(5.0),
        HOURS,
    ),
]

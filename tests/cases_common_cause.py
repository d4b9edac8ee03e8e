"""Exact cases of common causes and of starts that fail."""

from itertools import combinations
from math import comb, exp

from cases_tree import gate, units
from closed_form import Case, availability, stationary, subsystem, toy, units_down

HOURS = {"hours": 1_000.0, "runs": 24, "bias": 5e-4}
"""The bias: a run begins with all units up and relaxes in about an hour, in which it loses less than 0.5 h."""


def shock(mtbf_h: float, hits: str, name: str = "dip") -> str:
    return f'[[shock]]\nname = "{name}"\nmtbf_h = {mtbf_h}\nhits = {{ {hits} }}\n'


def struck(n: int, mtbf_h: float, shock_h: float, chance: float, repair_h: float = 1.0) -> dict:
    """Stationary probabilities of k of n like units down: own failures, repairs, shocks on those up."""
    rates: dict[tuple, float] = {}

    def add(a: int, b: int, rate: float) -> None:
        rates[a, b] = rates.get((a, b), 0.0) + rate

    for k in range(n):
        add(k, k + 1, (n - k) / mtbf_h)
        add(k + 1, k, (k + 1) / repair_h)
        for j in range(1, n - k + 1):
            add(k, k + j, comb(n - k, j) * chance**j * (1 - chance) ** (n - k - j) / shock_h)
    return stationary(rates)


def unlike(own_h: list[float], shock_h: float, chances: list[float]) -> dict:
    """Stationary probabilities of the sets of unlike units that are down; repairs of 1 h on the average."""
    everyone = range(len(own_h))
    sets = [frozenset(c) for n in range(len(own_h) + 1) for c in combinations(everyone, n)]
    rates: dict[tuple, float] = {}
    for down in sets:
        for i in everyone:
            if i in down:
                rates[down, down - {i}] = 1.0
            else:
                rates[down, down | {i}] = 1.0 / own_h[i]
    for down in sets:
        for hit in (s for s in sets if s and not s & down):
            chance = 1.0
            for i in set(everyone) - down:
                chance *= chances[i] if i in hit else 1 - chances[i]
            rates[down, down | hit] = rates.get((down, down | hit), 0.0) + chance / shock_h
    return {tuple(sorted(state)): p for state, p in stationary(rates).items()}


def beta_pair(beta: float, mtbf_h: float = 10.0) -> float:
    """Availability of a parallel pair by the beta-factor model, as a Markov chain of the number down."""
    own, common = (1 - beta) / mtbf_h, beta / mtbf_h
    down = stationary({(0, 1): 2 * own, (0, 2): common, (1, 2): own + common, (1, 0): 1.0, (2, 1): 2.0})
    return 1 - down[2]


def restarted(mtbf_h: float, repair_h: float, start_h: float, chance: float) -> float:
    """Availability of a machine whose start-up of ``start_h`` h fails on demand at its beginning."""
    return mtbf_h / (mtbf_h + repair_h / (1 - chance) + start_h)


def interrupted(mtbf_h: float, start_h: float, repair_h: float, mean_h: float) -> float:
    """Availability where start-ups are struck: the n-th try needs start_h hours without a failure.

    A try gets through with q = exp(-start_h / mean_h), so (1 - q) / q tries are struck on the average, and
    the time to get through is (exp(start_h / mean_h) - 1) (mean_h + repair_h).
    """
    through_h = (exp(start_h / mean_h) - 1) * (mean_h + repair_h)
    return mtbf_h / (mtbf_h + repair_h + through_h)


THREE = struck(3, 10.0, 5.0, 0.4)
ALL = struck(4, 10.0, 20.0, 1.0)
MIXED = unlike([10.0, 5.0, 20.0], 4.0, [1.0, 0.5, 0.25])
SUSPENDED = {"ages": '"beam"', "mtbf_h": 10.0}

CASES = [
    Case(
        "shock on each of three with probability 0.4",
        "Markov chain of the number down: from k down to k + j at C(3 - k, j) p^j (1 - p)^(3 - k - j) / mtbf",
        toy(units("s", 3) + shock(5.0, '"s.m" = 0.4') + gate("any", "s", 1, "dump")),
        availability,
        1 - THREE[3],
        **HOURS,
    ),
    Case(
        "mean number of three down by a shock",
        "the same chain: sum of k P(k)",
        toy(units("s", 3) + shock(5.0, '"s.m" = 0.4') + gate("any", "s", 1, "dump")),
        units_down(0, 1, 2),
        sum(k * p for k, p in THREE.items()),
        **HOURS | {"bias": 2e-3},
    ),
    Case(
        "shock on all four of a group of like units",
        "Markov chain: from k down to 4 at the shock's rate, units followed as one process",
        toy(units("s", 4) + shock(20.0, '"s.m" = 1.0') + gate("most", "s", 3, "dump")),
        availability,
        ALL[0] + ALL[1],
        **HOURS,
    ),
    Case(
        "shock on three unlike units",
        "Markov chain of the sets of units down",
        toy(
            "".join(units(f"s{i}", mtbf_h=h) for i, h in enumerate([10.0, 5.0, 20.0]))
            + shock(4.0, '"s0.m" = 1.0, "s1.m" = 0.5, "s2.m" = 0.25')
            + gate("two", "s0 s1 s2", 2, "dump")
        ),
        availability,
        sum(p for down, p in MIXED.items() if len(down) <= 1),
        **HOURS,
    ),
    Case(
        "beta-factor pair",
        "Markov chain, own rate (1 - beta) / mtbf, common rate beta / mtbf (Fleming 1975)",
        toy(units("s", 2, beta=0.2) + gate("any", "s", 1, "dump")),
        availability,
        beta_pair(0.2),
        **HOURS,
    ),
    Case(
        "beta-factor keeps the mode's rate",
        "failures of a unit that is mended at once: beta and own share sum to 1 / mtbf",
        toy(units("s", beta=0.3, repair="{ law = 'fixed', mean_h = 1e-6 }") + gate("any", "s", 1, "dump")),
        lambda tally: tally.failures_by[:, 0],
        100.0,
        **HOURS | {"bias": 1e-3},
    ),
    Case(
        "shock that a beam brings",
        "suspended without beam: A = 1 / (1 + mean outage / mtbf), two units mended side by side last 1.5 h",
        toy(
            "".join(subsystem(f"s{i}", mtbf_h=1e9) for i in range(2))
            + shock(10.0, '"s0.m" = 1.0, "s1.m" = 1.0')
            + 'ages = "beam"\n'
        ),
        availability,
        1 / (1 + 1.5 / 10.0),
        **HOURS,
    ),
    Case(
        "start that fails with probability 0.3",
        "A = mtbf / (mtbf + repair / (1 - p) + start), the number of repairs is geometric",
        toy(subsystem("s", at_start=0.3, **SUSPENDED), restart_h=0.5),
        availability,
        restarted(10.0, 1.0, 0.5, 0.3),
        **HOURS | {"bias": 1e-3},
    ),
    Case(
        "start that fails for another's failure",
        "trips of 1 h, start-up demands a unit that fails with p and takes 1 h: repairs 1 + p / (1 - p)",
        toy(subsystem("trip", **SUSPENDED) + subsystem("kicker", mtbf_h=1e9, at_start=0.5), restart_h=0.5),
        availability,
        restarted(10.0, 1.0, 0.5, 0.5),
        **HOURS | {"bias": 1e-3},
    ),
    Case(
        "failures of the start-up phase",
        "a start-up of r hours, tried anew after each failure: (exp(r / m) - 1) (m + repair)",
        toy(
            subsystem("trip", **SUSPENDED) + subsystem("kicker", mtbf_h=2.0, phases="['startup']"),
            restart_h=1.5,
        ),
        availability,
        interrupted(10.0, 1.5, 1.0, 2.0),
        **HOURS | {"bias": 2e-3},
    ),
]

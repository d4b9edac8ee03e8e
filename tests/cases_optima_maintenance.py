"""Known optima of upkeep: replacement by age and by block, the interval of proof tests, who is repaired first.

Sources: R. E. Barlow and F. Proschan, Mathematical Theory of Reliability, 1965; R. E. Barlow and L. C. Hunter,
Optimum preventive maintenance policies, 1960; D. R. Cox and W. L. Smith, Queues, 1961 (the c-mu rule).
"""

import itertools
import math

import numpy as np
from cases_maintenance import ALIVE, AT_ONCE, LIFE_H, by_age, erlang_renewals, hours, lost, maintained
from closed_form import subsystem, toy
from optimum import Problem, space
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

from twin import Facility


def peak(worth, low: float, high: float) -> np.ndarray:
    """[1]: where a function of one parameter is highest."""
    found = minimize_scalar(
        lambda x: -worth(np.array([x])), bounds=(low, high), method="bounded", options={"xatol": 1e-6}
    )
    return np.array([found.x])


def dead_share(tally) -> np.ndarray:
    return (tally.user_h - tally.delivered_h) / tally.user_h


def gate(*names: str) -> str:
    """TOML of a gate on subsystems, for their units need one; what it does to the beam is not looked at."""
    return f'[[gate]]\nname = "all"\nof = {list(names)}\nneeds = 1\neffect = "distort"\n'


# --- Replacement by age

AGES = space(("age", "h", 20.0, 180.0))


def available(x) -> float:
    return by_age(float(x[0]))


FAILED_COST, CARE_COST = 20.0, 2.0
"""Cost units; in the twin each is a millionth of an hour's stop, so that stops take no time."""


def cost_rate(x) -> float:
    """Less the cost an hour, c(T) = (c_f F(T) + c_p R(T)) / int_0^T R."""
    alive, age_h = ALIVE(float(x[0])), float(x[0])
    lived = quad(ALIVE, 0.0, age_h, epsabs=1e-12)[0]
    return -(FAILED_COST * (1.0 - alive) + CARE_COST * alive) / lived


# --- Replacement by block

BLOCKS = space(("block", "h", 20.0, 200.0))


def block_cost(x) -> float:
    """Less the cost an hour, (c_f M(T) + c_p) / T."""
    return -(FAILED_COST * erlang_renewals(float(x[0]), LIFE_H) + CARE_COST) / float(x[0])


def best_block() -> np.ndarray:
    """(1 + u) exp(-u) = 1 - 4 c_p / c_f with u = 4 T / life: the derivative of the cost an hour is zero there."""
    u = brentq(lambda u: (1.0 + u) * math.exp(-u) - 1.0 + 4.0 * CARE_COST / FAILED_COST, 1e-3, 50.0)
    return np.array([u * LIFE_H / 4.0])


# --- Proof tests

TESTS = space(("interval", "h", 5.0, 100.0))
HIDDEN_H, TEST_COST_H = 500.0, 1.0


def proof_worth(x) -> float:
    """Less the mean share of time unprotected or in test: 1 - (1 - exp(-y)) / y + c / T, y = T / life."""
    y = float(x[0]) / HIDDEN_H
    return -(1.0 - (1.0 - math.exp(-y)) / y + TEST_COST_H / float(x[0]))


def valve(x) -> Facility:
    mode = {"effect": '"unit"', "mtbf_h": HIDDEN_H, "proof_test_h": float(x[0]), "repair": AT_ONCE}
    return toy(subsystem("valve", **mode) + gate("valve"))


# --- Who is repaired first

UNITS, FAILS_H = 2, (60.0, 30.0, 40.0)
REPAIR_H, COST = (4.0, 8.0, 2.0), (1.0, 3.0, 2.0)  # cost of an hour of each unit down: c mu = 0.25, 0.375, 1
STATES = list(itertools.product(range(UNITS + 1), repeat=len(COST)))


def moves(down: tuple[int, ...], served: int):
    """(rate, state after) from a state of units down while the crew repairs one of the class ``served``."""
    for k, out in enumerate(down):
        change = [0] * len(down)
        change[k] = 1
        yield (UNITS - out) / FAILS_H[k], tuple(min(a + b, UNITS) for a, b in zip(down, change, strict=True))
    if down[served]:
        yield 1.0 / REPAIR_H[served], tuple(n - (k == served) for k, n in enumerate(down))


def average_cost(serves: dict) -> tuple[float, np.ndarray]:
    """(mean cost an hour, relative values [S]) of a rule {state: class served}, from the Poisson equation."""
    place, n = {s: i for i, s in enumerate(STATES)}, len(STATES)
    system, cost = np.zeros((n, n + 1)), np.zeros(n)
    for s, i in place.items():
        cost[i] = np.dot(COST, s)
        for rate, after in moves(s, serves[s]):
            system[i, place[after]] += rate
            system[i, i] -= rate
        system[i, n] = -1.0
    solved = np.linalg.solve(system[:, 1:], -cost)  # the first state's relative value is zero
    return float(solved[-1]), np.concatenate([[0.0], solved[:-1]])


def best_rule() -> float:
    """The least mean cost an hour of all rules: dynamic programming by policy iteration."""
    serves = dict.fromkeys(STATES, 0)
    while True:
        cost, value = average_cost(serves)
        place = {s: i for i, s in enumerate(STATES)}

        def drift(s, k, value=value, place=place):
            return sum(rate * (value[place[after]] - value[place[s]]) for rate, after in moves(s, k))

        better = {
            s: min(range(len(COST)), key=lambda k, s=s: (round(drift(s, k), 12), k != serves[s]))
            for s in STATES
        }
        if better == serves:
            return cost
        serves = better


def ranks(x) -> list[int]:
    """Classes by falling priority."""
    return sorted(range(len(COST)), key=lambda k: -float(x[k]))


def queue_worth(x) -> float:
    order = ranks(x)
    return -average_cost({s: next((k for k in order if s[k]), 0) for s in STATES})[0]


def queue(x) -> Facility:
    groups = "".join(
        subsystem(
            f"class{k}", UNITS, effect='"unit"', mtbf_h=FAILS_H[k], crew='"crew"',
            priority=len(COST) - ranks(x).index(k), repair=f"{{ law = 'exponential', mean_h = {REPAIR_H[k]} }}",
        )
        for k in range(len(COST))
    )  # fmt: skip
    return toy(
        '[[crew]]\nname = "crew"\nsize = 1\npreemptive = true\n'
        + groups
        + gate(*(f"class{k}" for k in range(len(COST))))
    )


TINY = 1e-6

CASES = [
    Problem(
        "age replacement, availability",
        "max int_0^T R / (int_0^T R + F(T) 20 h + R(T) 2 h), Weibull of shape 3 (Barlow and Proschan)",
        AGES,
        available,
        peak(available, 20.0, 180.0),
        lambda x: maintained(f"policy = 'age', every_h = {float(x[0])}, takes = {hours(2.0)}"),
        lambda tally, x: tally.delivered_h / tally.user_h,
        bias=0.5 * lost(180.0) / 10_000.0,
    ),
    Problem(
        "age replacement, cost",
        "min (20 F(T) + 2 R(T)) / int_0^T R (Barlow and Hunter); stops of no length",
        AGES,
        cost_rate,
        peak(cost_rate, 20.0, 180.0),
        lambda x: maintained(
            f"policy = 'age', every_h = {float(x[0])}, takes = {hours(CARE_COST * TINY)}",
            hours(FAILED_COST * TINY),
        ),
        lambda tally, x: -dead_share(tally) / TINY,
        bias=FAILED_COST / 10_000.0,
    ),
    Problem(
        "block replacement, cost",
        "min (20 M(T) + 2) / T, M the renewal function of Erlang-2 lives (Cox, 1962)",
        BLOCKS,
        block_cost,
        best_block(),
        lambda x: maintained(
            f"policy = 'block', every_h = {float(x[0])}, takes = {hours(CARE_COST * TINY)}",
            hours(FAILED_COST * TINY),
            law='"gamma"',
            shape=2.0,
        ),
        lambda tally, x: -dead_share(tally) / TINY,
        bias=FAILED_COST / 10_000.0,
    ),
    Problem(
        "proof-test interval",
        "min 1 - (1 - exp(-T/m)) m/T + 1 h / T, near sqrt(2 m 1 h) (IEC 61508-6, annex B)",
        TESTS,
        proof_worth,
        peak(proof_worth, 5.0, 100.0),
        valve,
        lambda tally, x: -(tally.down_h[:, 0] / tally.user_h + TEST_COST_H / float(x[0])),
    ),
    Problem(
        "who is repaired first",
        "least mean cost of all 3^27 preemptive rules by dynamic programming; attained by the c-mu order",
        space(*((f"priority {k}", "", 0.0, 1.0) for k in range(len(COST)))),
        queue_worth,
        np.array([1.0 / r * c for r, c in zip(REPAIR_H, COST, strict=True)]),
        queue,
        lambda tally, x: -(np.asarray(tally.down_h) @ np.array(COST)) / tally.user_h,
        lives=1024,
    ),
]

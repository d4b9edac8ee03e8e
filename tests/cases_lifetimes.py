"""Exact cases of lives: laws, suspended and ageing units, phases, hazards that change with the settings."""

from math import exp, gamma, prod

import numpy as np
from closed_form import Case, availability, subsystem, toy

from twin.lifetimes.empirical import Empirical

HOURS = {"hours": 1_000.0, "runs": 24}
SHORT = {"runs": 400, "lives": 64}
AT_ONCE = "{ law = 'fixed', mean_h = 1e-6 }"
NEVER_MENDED = "{ law = 'fixed', mean_h = 1e9 }"
RELAXES = 1e-3
"""Bias of a run of 1000 h that begins with new units, where a cycle lasts 10 h or so: less than one repair of 1 h."""
LAWS = {
    "weibull": {"shape": 2.5},
    "lognormal": {"sigma": 0.8},
    "gamma": {"shape": 3.0},
    "empirical": {"mtbf_h": None, "observed_h": "[2.0, 5.0, 5.0, 9.0, 30.0]"},
}
SEEN_H = Empirical((2.0, 5.0, 5.0, 9.0, 30.0)).mean_h
WEIBULL = {"law": '"weibull"', "shape": 2.0, "mtbf_h": 500.0 * gamma(1.5)}
"""Survival to age a: exp(-(a / 500)^2)."""
HALF_USERS = """
[[schedule.block]]
phase = "user"
hours = 30.0
[[schedule.block]]
phase = "study"
hours = 20.0
"""


def survived(tally) -> np.ndarray:
    return tally.failures_by[:, 0] == 0


def failures(tally) -> np.ndarray:
    return tally.failures_by[:, 0]


def weibull_renewals(scale_h: float, shape: float, horizon_h: float, steps: int = 4000) -> float:
    """Expected renewals m(t) = F(t) + integral of m(t - x) dF(x), by the mid-point rule of Xie (1989).

    M. Xie, On the solution of renewal-type integral equations, Communications in Statistics 18, 281.
    """
    t = np.linspace(0.0, horizon_h, steps + 1)
    cdf = 1 - np.exp(-((t / scale_h) ** shape))
    mid = 1 - np.exp(-(((t[1:] - 0.5 * t[1]) / scale_h) ** shape))
    m = np.zeros(steps + 1)
    for i in range(1, steps + 1):
        past = m[1:i] - m[: i - 1]
        whole = cdf[i] + past @ mid[i - 1 : 0 : -1] - mid[0] * m[i - 1]
        m[i] = whole / (1 - mid[0])
    return float(m[-1])


def lost_after_studies(rate: float, repair: float, user_h: float, study_h: float, rounds: int) -> float:
    """Availability in user time of a unit that fails in study time alone and is mended in both.

    In study time dU/dt = rate (1 - U) - repair U, in user time dU/dt = -repair U; U is 0 at first.
    """
    both, down, lost = rate + repair, 0.0, 0.0
    for _ in range(rounds):
        lost += down * (1 - exp(-repair * user_h)) / repair
        down *= exp(-repair * user_h)
        down = rate / both + (down - rate / both) * exp(-both * study_h)
    return 1 - lost / (rounds * user_h)


def series(ages: str) -> str:
    """Two unlike units in series."""
    return "".join(
        subsystem(name, mtbf_h=mtbf_h, ages=ages, repair=f"{{ law = 'exponential', mean_h = {mean_h} }}")
        for name, mtbf_h, mean_h in (("a", 10.0, 2.0), ("b", 5.0, 1.5))
    )


CASES = [
    *(
        Case(
            f"{law} lives",
            "A = mtbf / (mtbf + mttr), whatever the law",
            toy(subsystem("s", **{"law": f'"{law}"', "mtbf_h": 10.0} | keys)),
            availability,
            (SEEN_H if law == "empirical" else 10.0) / ((SEEN_H if law == "empirical" else 10.0) + 1.0),
            **HOURS,
            bias=RELAXES,
        )
        for law, keys in LAWS.items()
    ),
    Case(
        "fixed lives",
        "failures at 10, 21, 32 ... h: floor((t - life) / (life + repair)) + 1",
        toy(subsystem("s", law='"fixed"', mtbf_h=10.0, repair="{ law = 'fixed', mean_h = 1.0 }")),
        failures,
        91.0,
        hours=1_000.5,
        runs=24,
        bias=1e-9,
    ),
    Case(
        "renewals of gamma lives",
        "Erlang of shape 2 and rate r: m(t) = r t / 2 - (1 - exp(-2 r t)) / 4 (Cox, Renewal theory, 1962)",
        toy(subsystem("s", law='"gamma"', shape=2.0, mtbf_h=10.0, repair=AT_ONCE)),
        failures,
        0.2 * 25.0 / 2 - (1 - exp(-0.4 * 25.0)) / 4,
        hours=25.0,
        **SHORT,
    ),
    Case(
        "renewals of Weibull lives",
        "the renewal equation, solved by steps (Xie 1989)",
        toy(subsystem("s", shape=3.0, mtbf_h=10.0 * gamma(4 / 3), repair=AT_ONCE)),
        failures,
        weibull_renewals(10.0, 3.0, 25.0),
        hours=25.0,
        **SHORT,
        bias=1e-5,
    ),
    Case(
        "power law with minimal repair",
        "expected failures (t / scale)^shape",
        toy(subsystem("s", shape=2.0, mtbf_h=10.0 * gamma(1.5), minimal_repair="true", repair=AT_ONCE)),
        failures,
        2.5**2,
        hours=25.0,
        **SHORT,
        bias=1e-5,
    ),
    Case(
        "minimal repair takes time in which nothing ages",
        "as old as it was: with fixed repairs R, P(second failure by t) on the operating time t - R",
        toy(
            subsystem(
                "s",
                shape=2.0,
                mtbf_h=10.0 * gamma(1.5),
                minimal_repair="true",
                repair="{ law = 'fixed', mean_h = 20.0 }",
            )
        ),
        lambda tally: tally.failures_by[:, 0] >= 2,
        1 - exp(-((1.0) ** 2)) * (1 + 1.0**2),
        hours=30.0,
        **SHORT,
    ),
    Case(
        "series of two suspended units",
        "A = 1 / (1 + sum mttr_i / mtbf_i) (Barlow and Proschan, Statistical theory of reliability, 1975)",
        toy(series('"beam"')),
        availability,
        1 / (1 + 2.0 / 10.0 + 1.5 / 5.0),
        **HOURS,
        bias=RELAXES,
    ),
    Case(
        "series of two units that go on ageing",
        "A = product of mtbf_i / (mtbf_i + mttr_i)",
        toy(series('"always"')),
        availability,
        prod([10.0 / 12.0, 5.0 / 6.5]),
        **HOURS,
        bias=RELAXES,
    ),
    Case(
        "series of two suspended Weibull units",
        "the same A = 1 / (1 + sum mttr_i / mtbf_i): it holds for any law (Barlow and Proschan 1975)",
        toy(
            "".join(subsystem(f"s{i}", mtbf_h=h, shape=2.0, ages='"beam"') for i, h in enumerate((10.0, 5.0)))
        ),
        availability,
        1 / (1 + 0.1 + 0.2),
        **HOURS,
        bias=RELAXES,
    ),
    Case(
        "failures in study time alone",
        "rate times hours of study: 400 of 1000",
        toy(subsystem("s", mtbf_h=10.0, phases="['study']", repair=AT_ONCE), blocks=HALF_USERS),
        failures,
        40.0,
        **HOURS,
        bias=1e-4,
    ),
    Case(
        "users after studies",
        "two-state Markov chain whose failure rate is 0 in user time, followed through 20 rounds",
        toy(subsystem("s", mtbf_h=10.0, phases="['study']"), blocks=HALF_USERS),
        availability,
        lost_after_studies(0.1, 1.0, 30.0, 20.0, 20),
        **HOURS,
    ),
    Case(
        "age kept from phase to phase",
        "Weibull survival at the age of the study hours alone: exp(-(400 / 500)^2)",
        toy(subsystem("s", phases="['study']", repair=NEVER_MENDED, **WEIBULL), blocks=HALF_USERS),
        survived,
        exp(-(0.8**2)),
        hours=1_000.0,
        **SHORT,
    ),
    Case(
        "hazard changed between epochs",
        "expected failures = sum of rate_i t_i, the rate as the charge: 100 h each at 0.05, 0.1, 0.15, 0.1 an hour",
        toy(subsystem("s", mtbf_h=10.0, power="{ charge = 1.0 }", repair=AT_ONCE)),
        failures,
        100.0 * (0.05 + 0.1 + 0.15 + 0.1),
        hours=400.0,
        runs=24,
        charge=(100.0, 200.0, 300.0, 200.0),
        bias=1e-4,
    ),
    Case(
        "age kept across a change of hazard",
        "survival exp(-(1/2 H(200) + H(400) - H(200) + 3/2 (H(600) - H(400)))), H(a) = (a / 500)^2",
        toy(subsystem("s", power="{ charge = 1.0 }", repair=NEVER_MENDED, **WEIBULL)),
        survived,
        exp(-(0.5 * 0.16 + (0.64 - 0.16) + 1.5 * (1.44 - 0.64))),
        hours=600.0,
        **SHORT,
        charge=(100.0, 200.0, 300.0),
    ),
    Case(
        "proportional hazards of a lognormal life",
        "survival S(t)^2 where the hazard is twice that of the law, S(t) = 1/2 at the median",
        toy(
            subsystem(
                "s",
                law='"lognormal"',
                sigma=0.7,
                mtbf_h=100.0 * exp(0.245),
                power="{ charge = -1.0 }",
                repair=NEVER_MENDED,
            )
        ),
        survived,
        0.25,
        hours=100.0,
        **SHORT,
        charge=(100.0,),
    ),
]

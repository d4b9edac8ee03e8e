"""Exact answers for recovery: queues for crews, shifts, call-outs, access, spares, shops, heavy tails.

Where a case wants an instant repair it takes NOTHING_H hours, which shifts no figure by as much as 1e-6.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
from closed_form import Case, availability, subsystem, toy, units_down
from scipy import linalg, stats
from scipy.integrate import quad

NOTHING_H = 1e-6
WEEK_H = 168.0
QUEUE_H = 800.0


def fixed(hours: float) -> str:
    return f"{{ law = 'fixed', mean_h = {hours} }}"


def exponential(hours: float) -> str:
    return f"{{ law = 'exponential', mean_h = {hours} }}"


INSTANT = fixed(NOTHING_H)


def crew(name: str = "crew", size: int = 1, more: str = "") -> str:
    return f'[[crew]]\nname = "{name}"\nsize = {size}\n{more}\n'


def spare(stock: int, replenished: str) -> str:
    return f'[[spare]]\nname = "part"\nstock = {stock}\n{replenished}\n'


def average(start, moves: Callable[..., Iterable[tuple]], hours: float) -> dict:
    """Share of ``hours`` in each state of the Markov chain that begins in ``start``; exact, not only in the limit.

    ``moves(state)`` gives (rate, state after). The share is 1/T int_0^T e_start exp(Q t) dt, the upper right
    block of the exponential of [[Q, I], [0, 0]] T.
    """
    rates, states = {}, [start]
    for state in states:
        for rate, after in moves(state):
            if rate > 0:
                rates[state, after] = rates.get((state, after), 0.0) + rate
                states += [] if after in states else [after]
    n = len(states)
    block = np.zeros((2 * n, 2 * n))
    for (a, b), rate in rates.items():
        block[states.index(a), states.index(b)] += rate
        block[states.index(a), states.index(a)] -= rate
    block[:n, n:] = np.eye(n)
    return dict(zip(states, linalg.expm(block * hours)[0, n:] / hours, strict=True))


def mean(shares: dict, figure) -> float:
    return sum(share * figure(state) for state, share in shares.items())


# --- machine repair: N units, c hands -------------------------------------------------------------------


def machine_repair(units: int, hands: int, mtbf_h: float = 10.0, mttr_h: float = 3.0) -> Case:
    def moves(k):
        return ((units - k) / mtbf_h, k + 1), (min(k, hands) / mttr_h, k - 1)

    shares = average(0, moves, QUEUE_H)
    text = crew(size=hands) + subsystem("s", units, mtbf_h=mtbf_h, crew="'crew'", repair=exponential(mttr_h))
    return Case(
        f"machine repair, {units} units, {hands} hands",
        "units down of M/M/c//N: birth (N - k) / MTBF, death min(k, c) / MTTR (Gross and Harris, Queueing Theory)",
        toy(text), units_down(0), mean(shares, lambda k: k), hours=QUEUE_H, runs=24,
    )  # fmt: skip


def two_skills() -> Case:
    """Hands: one that knows a, one that knows a and b. State: what each does, who waits in which order."""
    life, repair = {"a": 8.0, "b": 8.0}, {"a": 2.0, "b": 5.0}
    units = 2

    def moves(state):
        *hands, waiting = state
        for kind in "ab":
            up = units - (*hands, *waiting).count(kind)
            free = [h for h, knows in enumerate(("a", "ab")) if kind in knows and not hands[h]]
            after = list(hands)
            if free:
                after[free[0]] = kind
            yield up / life[kind], (*after, waiting if free else (*waiting, kind))
        for h, knows in enumerate(("a", "ab")):
            if hands[h]:
                after, left = list(hands), list(waiting)
                after[h] = next((kind for kind in waiting if kind in knows), "")
                if after[h]:
                    left.remove(after[h])
                yield 1 / repair[hands[h]], (*after, tuple(left))

    shares = average(("", "", ()), moves, QUEUE_H)
    text = crew("one", 1, 'skills = ["a"]') + crew("two", 1, 'skills = ["a", "b"]')
    text += "".join(
        subsystem(k, units, mtbf_h=life[k], crew=f"'{k}'", repair=exponential(repair[k])) for k in "ab"
    )
    return Case(
        "two crews, one of two skills",
        "Markov chain of what each hand does and the order of those who wait",
        toy(text), units_down(1), mean(shares, lambda s: (s[0], s[1], *s[2]).count("b")), hours=QUEUE_H, runs=24,
    )  # fmt: skip


# --- priority -------------------------------------------------------------------------------------------

HIGH, LOW = 0, 1
URGENT = {HIGH: (8.0, 2.0), LOW: (8.0, 4.0)}  # MTBF, MTTR


def priorities(preemptive: bool, repair=exponential, units: int = 2) -> str:
    text = crew(more="preemptive = true" if preemptive else "")
    for kind, (life_h, mttr_h) in URGENT.items():
        text += subsystem(
            f"s{kind}", units, mtbf_h=life_h, crew="'crew'", priority=1 - kind, repair=repair(mttr_h)
        )
    return text


def priority(preemptive: bool, kind: int) -> Case:
    """State: units down of each kind, and the kind at work (when preemptive, always the higher)."""

    def choose(down):
        return HIGH if down[HIGH] else LOW if down[LOW] else None

    def moves(state):
        *down, at_work = state
        for k, (life_h, mttr_h) in URGENT.items():
            more, less = list(down), list(down)
            more[k], less[k] = down[k] + 1, down[k] - 1
            yield (2 - down[k]) / life_h, (*more, choose(more) if preemptive or at_work is None else at_work)
            yield (at_work == k) / mttr_h, (*less, choose(less))

    shares = average((0, 0, None), moves, QUEUE_H)
    word = "preemptive" if preemptive else "non-preemptive"
    return Case(
        f"{word} priority, the {'low' if kind else 'high'} class",
        f"units down of a {word} priority queue with finite sources: Markov chain (n_high, n_low, at work)",
        toy(priorities(preemptive)), units_down(kind), mean(shares, lambda s: s[kind]), hours=QUEUE_H, runs=24,
    )  # fmt: skip


def preemptive_resume() -> Case:
    """One unit of each class. When the low one is back the high one is up, for the hand was free for it.

    After an exponential life the high one is down with chance q = a / (a + b + c), a, b its rates of failure
    and repair, c the low one's rate of failure. Fixed work of D hours goes on only while the high one is up:
    it takes D (1 + a / b) + q / b on the mean. Work begun anew (preemptive repeat) would take longer.
    """
    a, b, c, work_h = 1 / URGENT[HIGH][0], 1 / URGENT[HIGH][1], 1 / URGENT[LOW][0], URGENT[LOW][1]
    down_h = work_h * (1 + a / b) + a / (a + b + c) / b
    text = priorities(True, units=1)
    text = text.replace(exponential(work_h), fixed(work_h))
    return Case(
        "preemptive resume keeps the work done",
        "mean time down D (1 + a / b) + q / b, renewal reward (White and Christie, Operations Research 6, 1958)",
        toy(text), units_down(1), down_h / (down_h + 1 / c), hours=2000.0, runs=24,
    )  # fmt: skip


# --- one unit, one step after the other -----------------------------------------------------------------


def steps() -> Case:
    text = crew() + subsystem(
        "s", mtbf_h=50.0, diagnosis_h=1.5, crew="'crew'", conditioning_h=2.5,
        repair="{ law = 'lognormal', median_h = 2.0, sigma = 0.8 }",
    )  # fmt: skip
    down_h = 1.5 + 2.0 * math.exp(0.32) + 2.5
    return Case(
        "diagnosis, lognormal repair, conditioning",
        "A = MTBF / (MTBF + diagnosis + median exp(sigma^2 / 2) + conditioning)",
        toy(text), availability, 50.0 / (50.0 + down_h), hours=4000.0, runs=24,
    )  # fmt: skip


def heavy_tail() -> Case:
    """Lognormal up to its 90 % quantile, then a Pareto tail of index 2.5."""
    median_h, sigma, share, index = 1.0, 0.7, 0.9, 2.5
    z = stats.norm.ppf(share)
    tail_from_h = median_h * math.exp(sigma * z)
    body = median_h * math.exp(sigma**2 / 2) * stats.norm.cdf(z - sigma)
    text = subsystem(
        "s", mtbf_h=20.0, repair=f"{{ law = 'pareto_tail', median_h = {median_h}, sigma = {sigma}, "
        f"tail_from = {share}, tail_index = {index} }}",
    )  # fmt: skip
    return Case(
        "a heavy-tailed repair in the mean outage",
        "mean outage = down / up * MTBF = median exp(s^2/2) Phi(z - s) + (1 - q) x_q index / (index - 1)",
        toy(text), lambda t: 20.0 * t.down_h[:, 0] / (t.user_h - t.down_h[:, 0]),
        body + (1 - share) * tail_from_h * index / (index - 1), hours=4000.0, runs=24,
    )  # fmt: skip


# --- shifts and call-outs -------------------------------------------------------------------------------

SHIFT = "shift = { from_h = 8.0, to_h = 17.0, days = 5 }"


def shift_pieces(weeks: int) -> list[tuple[float, bool]]:
    """(hours, on shift) from Monday, 0:00."""
    day = [(8.0, False), (9.0, True), (7.0, False)]
    return ([*day] * 5 + [(48.0, False)]) * weeks


def shift() -> Case:
    """Up, waiting, in repair: the chain's transient, piece by piece; waiting work begins with the shift."""
    a, b, weeks = 1 / 40.0, 1 / 5.0, 12
    on = np.array([[-a, 0, a, 1], [0, 0, 0, 0], [b, 0, -b, 0], [0, 0, 0, 0]])  # the last: hours spent up
    off = np.array([[-a, a, 0, 1], [0, 0, 0, 0], [b, 0, -b, 0], [0, 0, 0, 0]])
    state = np.array([1.0, 0, 0, 0])
    for hours, on_shift in shift_pieces(weeks):
        if on_shift:
            state = state @ np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        state = state @ linalg.expm((on if on_shift else off) * hours)
    text = crew(more=SHIFT) + subsystem("s", mtbf_h=40.0, crew="'crew'", repair=exponential(5.0))
    return Case(
        "a crew on shift, 8 to 17 on five days",
        "transient Markov chain (up, waiting, in repair), its rates changing with the shift",
        toy(text), availability, state[3] / (weeks * WEEK_H), hours=weeks * WEEK_H, runs=96,
    )  # fmt: skip


def waiting_for_the_shift() -> Case:
    """Instant repairs: each night or weekend of g hours begins with the unit up."""
    weeks, life_h = 12, 30.0
    gaps = [8.0, *[15.0, 15.0, 15.0, 15.0, 63.0] * weeks]
    gaps[-1] = 7.0 + 48.0
    down_h = sum(g - life_h * (1 - math.exp(-g / life_h)) for g in gaps)
    text = crew(more=SHIFT) + subsystem("s", mtbf_h=life_h, crew="'crew'", repair=INSTANT)
    return Case(
        "waiting for the next shift",
        "hours down of a gap g: g - MTBF (1 - exp(-g / MTBF)), summed over the nights and weekends",
        toy(text), units_down(0), down_h / (weeks * WEEK_H), hours=weeks * WEEK_H, runs=96,
    )  # fmt: skip


def renewed(t: float, rate: float, down_h: float) -> float:
    """P(up at t) of lives that are exponential and times down that are fixed: sum over the failures before.

    sum_k (rate (t - k d))^k / k! exp(-rate (t - k d)) (Barlow and Proschan, Mathematical Theory of Reliability).
    """
    return sum(
        stats.poisson.pmf(k, rate * (t - k * down_h)) for k in range(int(t / down_h) + 1) if t > k * down_h
    ) + (t == 0)


def call_out() -> Case:
    """Shift 8 to 16 daily; instant repairs 3 h after the call at night."""
    life_h, delay_h, weeks = 10.0, 3.0, 6

    def night(hours):
        return quad(
            lambda t: 1 - renewed(t, 1 / life_h, delay_h), 0, hours, points=np.arange(delay_h, hours, delay_h)
        )[0]

    down_h = night(8.0) + (7 * weeks - 1) * night(16.0) + night(8.0)
    more = f"call_out_h = {delay_h}\nshift = {{ from_h = 8.0, to_h = 16.0, days = 7 }}"
    text = crew(more=more) + subsystem("s", mtbf_h=life_h, crew="'crew'", repair=INSTANT)
    return Case(
        "a crew called out at night",
        "alternating renewal process of exponential lives and a fixed delay, in each night from its beginning",
        toy(text), units_down(0), down_h / (weeks * WEEK_H), hours=weeks * WEEK_H, runs=96,
    )  # fmt: skip


# --- access ---------------------------------------------------------------------------------------------


def access_hours() -> Case:
    """Open 8 to 16: each night of 16 h begins with the unit up; the first and last have 8 h."""
    days, life_h = 70, 20.0
    gaps = [8.0, *[16.0] * (days - 1), 8.0]
    down_h = sum(g - life_h * (1 - math.exp(-g / life_h)) for g in gaps)
    text = "[access]\nfrom_h = 8.0\nto_h = 16.0\n" + subsystem(
        "s", mtbf_h=life_h, access="'stop'", repair=INSTANT
    )
    return Case(
        "access from 8 to 16",
        "hours down of a night g: g - MTBF (1 - exp(-g / MTBF))",
        toy(text), availability, 1 - down_h / (24.0 * days), hours=24.0 * days, runs=96,
    )  # fmt: skip


def cooldown(diagnosis_h: float) -> Case:
    text = "[access]\ncooldown_h = 4.0\n" + subsystem(
        "s", mtbf_h=50.0, diagnosis_h=diagnosis_h, access="'stop'", repair=exponential(2.0)
    )
    down_h = max(diagnosis_h, 4.0) + 2.0
    return Case(
        f"cool-down after a dump, diagnosis {diagnosis_h:g} h",
        "A = MTBF / (MTBF + max(diagnosis, cool-down) + MTTR): it cools while the fault is diagnosed",
        toy(text), availability, 50.0 / (50.0 + down_h), hours=4000.0, runs=24,
    )  # fmt: skip


PAIR = '[[gate]]\nname = "pair"\nof = ["s"]\nneeds = 1\neffect = "dump"\n'


def redundancy_stopped() -> Case:
    """One of two units suffices, but each repair stops the beam; units age with beam only."""
    text = "[access]\ncooldown_h = 3.0\n" + PAIR + subsystem(
        "s", 2, effect="'unit'", ages="'beam'", mtbf_h=100.0, access="'stop'", repair=exponential(2.0)
    )  # fmt: skip
    return Case(
        "a redundant unit whose repair stops the beam",
        "A = (MTBF / 2) / (MTBF / 2 + cool-down + MTTR + restart)",
        toy(text, restart_h=0.5), availability, 50.0 / (50.0 + 3.0 + 2.0 + 0.5), hours=4000.0, runs=24,
    )  # fmt: skip


def deferred() -> Case:
    """Weeks of 160 h of users and 8 h of maintenance; two units whose repair waits for it, one suffices."""
    life_h, weeks = 150.0, 24
    blocks = "".join(
        f'[[schedule.block]]\nphase = "{p}"\nhours = {h}\n'
        for p, h in (("user", 160.0), ("maintenance", 8.0))
    )
    text = "[access]\ncooldown_h = 2.0\n" + PAIR + subsystem(
        "s", 2, effect="'unit'", mtbf_h=life_h, access="'defer'", repair=INSTANT
    )  # fmt: skip
    lost = quad(lambda t: (1 - math.exp(-t / life_h)) ** 2, 0, 160.0)[0] / 160.0
    return Case(
        "repairs deferred to the weekly maintenance",
        "A = 1 - (1/U) int_0^U (1 - exp(-t / MTBF))^2 dt, U = 160 h: all is whole when a week begins",
        toy(text, blocks=blocks), availability, 1 - lost, hours=WEEK_H * weeks, runs=96,
    )  # fmt: skip


# --- spares ---------------------------------------------------------------------------------------------


def closed_network(units: int, stock: int, away_h: float, law: str, name: str, squares: float) -> Case:
    """k parts away: min(N, N + S - k) work; those away do not wait for each other, so their law is no matter.

    At the start all are there. Until the pipeline is filled it lacks, over time, at most rate E(away^2) / 2
    parts; ``squares`` = E(away^2) / E(away)^2.
    """
    total, mtbf_h, hours = units + stock, 20.0, 3000.0
    weight = [1.0]
    for k in range(1, total + 1):
        weight.append(weight[-1] * min(units, total - k + 1) / mtbf_h * away_h / k)
    short = sum(w * max(k - stock, 0) for k, w in enumerate(weight)) / sum(weight)
    text = spare(stock, law) + subsystem("s", units, mtbf_h=mtbf_h, spare="'part'", repair=INSTANT)
    return Case(
        f"{units} units, {stock} spares, {name}",
        "closed network, product form: infinite servers are insensitive to their law (Baskett, Chandy, Muntz, "
        "Palacios, J. ACM 22, 1975)",
        toy(text), units_down(0), short, hours=hours, runs=24,
        bias=units / mtbf_h * squares * away_h**2 / 2 / hours,
    )  # fmt: skip


def palm() -> Case:
    """Many units, so failures are almost Poisson: parts on order are Poisson of mean rate min(t, lead)."""
    units, rate, lead_h, stock, hours = 4000, 0.5, 8.0, 3, 500.0

    def backorders(t):
        x = np.arange(stock + 1, 60)
        return float(np.sum((x - stock) * stats.poisson.pmf(x, rate * t)))

    exact = (quad(backorders, 0, lead_h)[0] + (hours - lead_h) * backorders(lead_h)) / hours
    text = spare(stock, f"lead_h = {lead_h}") + subsystem(
        "s", units, mtbf_h=units / rate, spare="'part'", repair=INSTANT
    )
    # the few units that are down do not fail: the pipeline is shorter by their share, the backorders no more
    return Case(
        "backorders of base stock, Palm's theorem",
        "EBO = sum_{x>S} (x - S) Poisson(x; rate lead) (Sherbrooke, Optimal Inventory Modeling of Systems, 2004)",
        toy(text), units_down(0), exact, hours=hours, runs=24, bias=rate * lead_h * exact / units,
    )  # fmt: skip


CASES = [
    *(machine_repair(n, c) for n, c in ((3, 1), (5, 2), (8, 3))),
    two_skills(),
    *(priority(preemptive, kind) for preemptive in (False, True) for kind in (HIGH, LOW)),
    preemptive_resume(),
    steps(),
    heavy_tail(),
    shift(),
    waiting_for_the_shift(),
    call_out(),
    access_hours(),
    cooldown(1.0),
    cooldown(6.0),
    redundancy_stopped(),
    deferred(),
    closed_network(1, 0, 5.0, "lead_h = 5.0", "each part ordered", squares=1.0),
    closed_network(1, 1, 15.0, "lead_h = 15.0", "fixed lead", squares=1.0),
    closed_network(3, 2, 12.0, f"shop = {exponential(12.0)}", "exponential shop", squares=2.0),
    closed_network(
        2, 1, 10.0, "shop = { law = 'gamma', mean_h = 10.0, shape = 0.5 }", "gamma shop", squares=3.0
    ),
    palm(),
]

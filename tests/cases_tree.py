"""Closed forms of the system's tree: series, parallel, k-of-n, shared units, levels, all units independent."""

from collections.abc import Callable
from itertools import product
from math import comb, prod

from closed_form import Case, availability, subsystem, toy

LIFE_H, REPAIR_H = 10.0, 1.0
UP = LIFE_H / (LIFE_H + REPAIR_H)
"""Availability of a unit that ages always: mtbf / (mtbf + mean repair), and no unit minds the others."""

HOURS = {"hours": 1_000.0, "runs": 24, "bias": 3e-4}
"""The bias: a run begins with all units up, and while units relax (within an hour) it loses less than 0.3 h."""


def units(name: str, count: int = 1, **mode) -> str:
    """A subsystem of ``count`` units, whose failures only the tree's gates feel."""
    return subsystem(name, count, **({"mtbf_h": LIFE_H, "effect": '"unit"'} | mode))


def gate(name: str, of: str, needs: int | None = None, effect: str | None = None, level: str = "") -> str:
    """TOML of a gate; ``of`` holds its inputs, parted by blanks."""
    keys = {"name": f'"{name}"', "of": str(of.split()), "needs": needs, "effect": effect and f'"{effect}"'}
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items() if value is not None)
    return f"[[gate]]\n{lines}\n" + (f"level = [{level}]\n" if level else "")


def binomial(n: int, share: Callable[[int], float], up: float = UP) -> float:
    """Expected share(u) of u ~ Binomial(n, up)."""
    return sum(comb(n, u) * up**u * (1 - up) ** (n - u) * share(u) for u in range(n + 1))


def enumerated(count: int, share: Callable[[tuple[int, ...]], float], up: float = UP) -> float:
    """Expected share(state) over all states of independent units, 1 = up."""
    states = product((0, 1), repeat=count)
    return sum(share(state) * prod(up if x else 1 - up for x in state) for state in states)


def level(tally):
    """Mean share of the flux in user time."""
    return tally.level_h / tally.user_h


PATHS = ({0, 3}, {1, 4}, {0, 2, 4}, {1, 2, 3})
"""Minimal paths of the bridge: two lines of two units, the middle unit joins them half way."""

BRIDGE = "".join(units(f"u{i}") for i in range(5)) + "".join(
    gate(f"path{n}", " ".join(f"u{i}" for i in sorted(path))) for n, path in enumerate(PATHS)
)
STATIONS = gate("rf", "station", 6, "dump", "{ up = 7, share = 0.97 }, { up = 6, share = 0.9 }")
SECTIONS = "".join(
    units(name, 4) + gate(f"{name}_rf", name, 3, None, f"{{ up = 3, share = {share} }}")
    for name, share in (("north", 0.9), ("south", 0.8))
)
TWO_WAYS = SECTIONS + gate("either", "north_rf south_rf", 1, "dump", "{ up = 1, share = 0.5 }")
SHARED = units("pump", 3) + units("left") + units("right")
SHARED += gate("water", "pump", 2, None, "{ up = 2, share = 0.7 }")
SHARED += gate("one", "water left") + gate("two", "water right") + gate("all", "one two", 1, "dump")


def two_ways(state: tuple[int, ...]) -> float:
    """Share of the flux with two sections of four; a section needs three, the machine one section."""
    up = sum(state[:4]), sum(state[4:])
    ways = [n >= 3 for n in up]
    rated = prod(share for n, share in zip(up, (0.9, 0.8), strict=True) if n == 3)
    return rated * (0.0, 0.5, 1.0)[sum(ways)]


def shared(state: tuple[int, ...]) -> float:
    """Share of the flux with three pumps (two needed) that both ways stand on."""
    water, ways = sum(state[:3]), sum(state[3:])
    return float(water >= 2 and ways >= 1) * (0.7 if water == 2 else 1.0)


CASES = [
    Case(
        "series of three",
        "A = a^3, units independent",
        toy("".join(subsystem(f"s{i}", mtbf_h=LIFE_H) for i in range(3))),
        availability,
        UP**3,
        **HOURS,
    ),
    Case(
        "series of three under a gate",
        "A = a^3: a gate without needs wants all",
        toy(units("s", 3) + gate("all", "s", effect="dump")),
        availability,
        UP**3,
        **HOURS,
    ),
    Case(
        "parallel of three",
        "A = 1 - (1 - a)^3",
        toy(units("s", 3, mtbf_h=3.0) + gate("any", "s", 1, "dump")),
        availability,
        1 - 0.25**3,
        **HOURS,
    ),
    Case(
        "5 of 6",
        "A = sum over u >= 5 of C(6, u) a^u (1 - a)^(6 - u)",
        toy(units("s", 6) + gate("most", "s", 5, "dump")),
        availability,
        binomial(6, lambda up: up >= 5),
        **HOURS,
    ),
    Case(
        "5 of 6, a distorted beam",
        "the same: distorted beam is not as promised",
        toy(units("s", 6) + gate("most", "s", 5, "distort")),
        availability,
        binomial(6, lambda up: up >= 5),
        **HOURS,
    ),
    Case(
        "5 of 6, each unit followed apart",
        "the same: a gate that names units singly tells them apart",
        toy(units("s", 6) + gate("most", " ".join(f"s.{i}" for i in range(1, 7)), 5, "dump")),
        availability,
        binomial(6, lambda up: up >= 5),
        **HOURS,
    ),
    Case(
        "5 of 6, each unit with two modes",
        "a unit is up while both its modes are: a^2 stands for a",
        toy(
            units("s", 6)
            + "[[subsystem.mode]]\nname = 'n'\neffect = 'unit'\nmtbf_h = 10.0\nages = 'always'\n"
            + "repair = { law = 'exponential', mean_h = 1.0 }\n"
            + gate("most", "s", 5, "dump")
        ),
        availability,
        binomial(6, lambda up: up >= 5, UP**2),
        **HOURS,
    ),
    Case(
        "two in parallel, twice in series",
        "A = (1 - (1 - a)^2)^2: gates on gates",
        toy(
            units("a", 2)
            + units("b", 2)
            + gate("some_a", "a", 1)
            + gate("some_b", "b", 1)
            + gate("both", "some_a some_b", effect="dump")
        ),
        availability,
        (1 - (1 - UP) ** 2) ** 2,
        **HOURS,
    ),
    Case(
        "bridge of five",
        "sum over the 2^5 states; each unit stands in two of the four paths",
        toy(BRIDGE + gate("bridge", " ".join(f"path{n}" for n in range(4)), 1, "dump")),
        availability,
        enumerated(5, lambda state: any(all(state[i] for i in path) for path in PATHS)),
        **HOURS,
    ),
    Case(
        "a gate under two gates",
        "sum over the 2^5 states: both ways stand on one gate of pumps, whose share counts once",
        toy(SHARED),
        level,
        enumerated(5, shared),
        **HOURS,
    ),
    Case(
        "levels of 6 to 8 stations",
        "expected share = sum over u of C(8, u) a^u (1 - a)^(8 - u) share(u)",
        toy(units("station", 8) + STATIONS),
        level,
        binomial(8, lambda up: (0.9, 0.97, 1.0)[up - 6] if up >= 6 else 0.0),
        **HOURS,
    ),
    Case(
        "levels of two sections in series",
        "product of the two expected shares: the sections are independent",
        toy(SECTIONS + gate("both", "north_rf south_rf", effect="dump")),
        level,
        prod(
            binomial(4, lambda up, share=share: (share, 1.0)[up - 3] if up >= 3 else 0.0)
            for share in (0.9, 0.8)
        ),
        **HOURS,
    ),
    Case(
        "levels of two sections in parallel",
        "sum over the 2^8 states: a section that is down counts by the level of the gate above",
        toy(TWO_WAYS),
        level,
        enumerated(8, two_ways),
        **HOURS,
    ),
]

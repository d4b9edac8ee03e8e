"""Units of measurement: parse their names, and convert between them."""

import math
import re
from typing import NamedTuple

import numpy as np


class Unit(NamedTuple):
    """A factor times powers of m, kg, s, A, K, and of ``MARKS``, which cannot be converted to other units."""

    factor: float
    powers: tuple[int, ...]


MARKS = ("degC", "dB", "dBm", "a.u.", "pH")
BASE = ("m", "kg", "s", "A", "K", *MARKS)
PREFIX = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1,
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
}  # fmt: skip
SCALED = {
    "g": "1e-3 kg", "N": "kg m/s2", "J": "N m", "W": "J/s", "V": "W/A", "Ohm": "V/A", "C": "A s", "F": "C/V",
    "H": "V s/A", "Wb": "V s", "T": "Wb/m2", "G": "1e-4 T", "Hz": "1/s", "Bq": "1/s", "Gy": "J/kg",
    "Sv": "J/kg", "Pa": "N/m2", "bar": "1e5 Pa", "Torr": "133.322 Pa", "eV": "1.602176634e-19 J",
    "l": "1e-3 m3", "rad": "1", "VA": "V A",
}  # fmt: skip
"""Units that take prefixes, defined by base units and those defined above them."""
PLAIN = {
    "1": "1", "%": "1e-2", "ppm": "1e-6", "ph": "1", "counts": "1", "min": "60 s", "h": "3600 s",
    "d": "86400 s", "deg": f"{math.pi / 180} rad", "atm": "101325 Pa", "rpm": f"{1 / 60} 1/s", "inch": "0.0254 m",
}  # fmt: skip
"""Units that take no prefixes."""
SIGNS = {
    "µ": "u", "μ": "u", "Ω": "Ohm", "°C": "degC", "°": "deg", "²": "2", "³": "3", "·": " ", "**": "", "^": "",
}  # fmt: skip
SYNONYMS = {
    "photons": "ph", "cts": "counts", "count": "counts", "ohm": "Ohm", "Celsius": "degC", "percent": "%",
    "hour": "h", "hours": "h", "arb.": "a.u.",
}  # fmt: skip

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:e[+-]?\d+)?)|(?P<word>[A-Za-z%.]+)(?P<power>-?\d)?|(?P<mark>[()/*]))"
)


def parse(text: str) -> Unit | None:
    """Parse a unit such as ``1/(mm mrad)``; None if a word in it is not a unit. Empty text is the number 1."""
    for sign, plain in SIGNS.items():
        text = text.replace(sign, plain)
    tokens, place = [], 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if found is None:
            return None
        tokens.append(found)
        place = found.end()
    try:
        unit, rest = _product(tokens)
    except ValueError:
        return None
    return None if rest else unit


def factor(of: str, to: str) -> float | None:
    """The factor that converts a number from the unit ``of`` to the unit ``to``; None if they differ in kind."""
    one, other = parse(of), parse(to)
    if one is None or other is None or one.powers != other.powers:
        return None
    return one.factor / other.factor


def same(one: str, other: str) -> bool:
    """Whether two texts name the same unit, even if they are spelled differently."""
    return one == other or math.isclose(factor(one, other) or 0.0, 1.0, rel_tol=1e-12)


def _product(tokens: list) -> tuple[Unit, list]:
    """The unit of the tokens up to their end or a closing bracket, and the tokens left."""
    total, sign = ONE, 1
    while tokens and tokens[0]["mark"] != ")":
        token, tokens = tokens[0], tokens[1:]
        if token["mark"] in ("/", "*"):
            sign = -1 if token["mark"] == "/" else 1
            continue
        if token["mark"] == "(":
            unit, tokens = _product(tokens)
            if not tokens:
                raise ValueError("a bracket is not closed")
            tokens = tokens[1:]
        elif token["number"]:
            unit = Unit(float(token["number"]), ONE.powers)
        else:
            unit = _raised(_named(token["word"]), int(token["power"] or 1))
        total, sign = _times(total, _raised(unit, sign)), 1
    return total, tokens


def _named(word: str) -> Unit:
    word = SYNONYMS.get(word, word)
    if word in KNOWN:
        return KNOWN[word]
    if word[:1] in PREFIX and (word[1:] in SCALED or word[1:] in BASE[:5]):
        unit = KNOWN[word[1:]]
        return Unit(PREFIX[word[0]] * unit.factor, unit.powers)
    raise ValueError(f"{word!r} is not a known unit")


def _raised(unit: Unit, power: int) -> Unit:
    return Unit(unit.factor**power, tuple(p * power for p in unit.powers))


def _times(one: Unit, other: Unit) -> Unit:
    powers = tuple(p + q for p, q in zip(one.powers, other.powers, strict=True))
    return Unit(one.factor * other.factor, powers)


ONE = Unit(1.0, (0,) * len(BASE))
KNOWN = {name: Unit(1.0, tuple(np.eye(len(BASE), dtype=int)[i].tolist())) for i, name in enumerate(BASE)}
for _name, _text in (SCALED | PLAIN).items():
    _unit = parse(_text)
    assert _unit is not None, _name
    KNOWN[_name] = _unit

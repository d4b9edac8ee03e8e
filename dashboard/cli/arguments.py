"""What several commands share of their arguments: types of values, and options."""

import argparse
import re

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def number(text: str, kind: type) -> float:
    """A number of a kind, int or float."""
    try:
        return kind(text)
    except ValueError:
        name = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is no {name}") from None


def positive(text: str) -> float:
    """A finite number above 0."""
    value = number(text, float)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def share(text: str) -> float:
    """A number between 0 and 1."""
    value = number(text, float)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def count(text: str) -> int:
    """A whole number of 1 or more."""
    value = int(number(text, int))
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def seed(text: str) -> int:
    """A seed of random numbers; the generators of JAX take 32 bits."""
    value = int(number(text, int))
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**32 - 1}")
    return value


def span(text: str) -> float:
    """Hours that words like 30s, 10min, 1h or 1d name."""
    words = re.fullmatch(r"(\d+\.?\d*)(s|min|h|d)", text)
    if words is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time; write it like 30s, 10min, 1h or 1d")
    return positive(words[1]) * SECONDS[words[2]] / 3600.0


def with_json(parser: argparse.ArgumentParser) -> None:
    """``--json FILE``: the answer as JSON."""
    parser.add_argument("--json", metavar="FILE", help="write the answer as JSON")


def with_plot(parser: argparse.ArgumentParser, shows: str) -> None:
    """``--plot FILE.html``: the answer as a page of figures."""
    parser.add_argument("--plot", metavar="FILE.html", help=f"draw {shows}")


def with_seed(parser: argparse.ArgumentParser) -> None:
    """``--seed N``: of all random numbers."""
    parser.add_argument("--seed", type=seed, default=0, help="of all random numbers (default 0)")


def with_model(parser: argparse.ArgumentParser, default: str = "default: the one in service") -> None:
    """``--model ID``: which trained model."""
    parser.add_argument("--model", metavar="ID", help=default)


def assignments(pairs: list[str], option: str = "--set") -> dict[str, float]:
    """Values by knob of ``KNOB=VALUE`` pairs that an option was given."""
    from twin.errors import UserError

    changes: dict[str, float] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in changes:
            raise UserError(f"{option} {pair!r}: {name} is given twice; give it once")
        try:
            changes[name] = float(value)
        except ValueError:
            raise UserError(f"{option} {pair!r}: write it like {option} rf_voltage=2.8") from None
    return changes

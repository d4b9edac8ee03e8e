"""Argument types and options that several commands share."""

import argparse
import re

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def number(text: str, kind: type) -> float:
    """Parse a number; ``kind`` is int or float."""
    try:
        return kind(text)
    except ValueError:
        name = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is not a {name}") from None


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
    """A seed of the random numbers: a whole number of 32 bits, as the generators of JAX take it."""
    value = int(number(text, int))
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**32 - 1}")
    return value


def span(text: str) -> float:
    """A duration like 30s, 10min, 1h or 1d, in hours."""
    words = re.fullmatch(r"(\d+\.?\d*)(s|min|h|d)", text)
    if words is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write it like 30s, 10min, 1h or 1d")
    return positive(words[1]) * SECONDS[words[2]] / 3600.0


def with_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json FILE``: write the result as JSON."""
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON")


def with_plot(parser: argparse.ArgumentParser, shows: str) -> None:
    """Add ``--plot FILE.html``: write the result as a page of figures; ``shows`` says what they show."""
    parser.add_argument("--plot", metavar="FILE.html", help=f"write a page that plots {shows}")


def with_seed(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed N``."""
    parser.add_argument("--seed", type=seed, default=0, help="seed of all random numbers (default 0)")


def with_model(
    parser: argparse.ArgumentParser, text: str = "trained model (default: the one in service)"
) -> None:
    """Add ``--model ID``: the trained model to use."""
    parser.add_argument("--model", metavar="ID", help=text)


def assignments(pairs: list[str], option: str = "--set") -> dict[str, float]:
    """The values by knob, from the ``KNOB=VALUE`` pairs of an option."""
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

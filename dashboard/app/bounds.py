"""Checks of the numbers in a request; a number outside its bounds is a UserError."""

import math

from twin.errors import UserError


def above_zero(**numbers: float) -> None:
    """Each number must be finite and above 0."""
    for name, value in numbers.items():
        if not 0 < value < math.inf:
            raise UserError(f"{name} = {value:g} is not above 0; give a number above 0")


def at_most(most: float, **numbers: float) -> None:
    """Each number must not be above ``most``, which keeps a request within the memory of a machine."""
    for name, value in numbers.items():
        if value > most:
            raise UserError(f"{name} = {value:g} is above {most:g}; give at most {most:g}")


def one_or_more(**numbers: int) -> None:
    """Each number must be 1 or more."""
    for name, value in numbers.items():
        if value < 1:
            raise UserError(f"{name} = {value} is below 1; give 1 or more")


def share(**numbers: float) -> None:
    """Each number must lie between 0 and 1."""
    for name, value in numbers.items():
        if not 0 < value < 1:
            raise UserError(f"{name} = {value:g} is not between 0 and 1")


def seed(value: int) -> None:
    """A seed of random numbers must fit into 32 bits, as the generators of JAX take it."""
    if not 0 <= value < 2**32:
        raise UserError(f"seed = {value} is not between 0 and {2**32 - 1}")


def size(years: float, runs: int) -> None:
    """The size of a simulation must be above 0, and within the memory of a machine."""
    above_zero(years=years)
    one_or_more(runs=runs)
    at_most(1000.0, years=years)
    at_most(1_000_000, runs=runs)

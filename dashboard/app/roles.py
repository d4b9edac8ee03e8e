"""Roles: viewers read, operators also decide and run analyses, engineers also train models."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """A role; each includes the rights of the one before it."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3


NEEDED = {"decide": Role.OPERATOR, "run": Role.OPERATOR, "train": Role.ENGINEER}
"""The least role for each action; actions that are not listed are open to all."""


@dataclass(frozen=True)
class Person:
    """The person behind a request. There is no sign-in: a person who gives a name on this computer is an operator."""

    name: str
    role: Role = Role.OPERATOR


def refusal(person: Person, action: str) -> str | None:
    """Why a person may not do this, as text; None if they may."""
    needed = NEEDED.get(action, Role.VIEWER)
    if person.role >= needed:
        return None
    who, least = (role.name.lower() for role in (person.role, needed))
    return f"{person.name or 'This person'} is {_a(who)} and may not {action}; this needs {_a(least)}."


def _a(role: str) -> str:
    return f"{'a' if role == 'viewer' else 'an'} {role}"

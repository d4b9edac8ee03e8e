"""Who may do what: viewers look, operators decide and run analyses, engineers also train models."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a person may do; each role may do all that the one before it may."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3


NEEDED = {"decide": Role.OPERATOR, "run": Role.OPERATOR, "train": Role.ENGINEER}
"""The least role for each action; whatever is not listed, everybody may do."""


@dataclass(frozen=True)
class Person:
    """Who asks for something. Nobody signs in yet: whoever gives a name at this machine is an operator."""

    name: str
    role: Role = Role.OPERATOR


def refusal(person: Person, action: str) -> str | None:
    """Why a person may not do this, in words; None if they may."""
    needed = NEEDED.get(action, Role.VIEWER)
    if person.role >= needed:
        return None
    who, least = (role.name.lower() for role in (person.role, needed))
    return f"{person.name or 'This person'} is {_a(who)} and may not {action}; this needs {_a(least)}."


def _a(role: str) -> str:
    return f"{'a' if role == 'viewer' else 'an'} {role}"

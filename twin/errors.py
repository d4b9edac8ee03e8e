"""The error for a user's mistake: what is wrong, where, and how to correct it."""


class UserError(ValueError):
    """A mistake in a file, a name or a number that a user gave; commands exit with status 2.

    The message names the file, table or key, the value, the bound it broke and the correction.
    """


def unknown(kind: str, name: str, known: list[str] | tuple[str, ...]) -> UserError:
    """The error for a name that is not among the known ones."""
    return UserError(f"unknown {kind} {name!r}; known are: {', '.join(known) or '(none)'}")

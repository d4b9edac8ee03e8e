"""What the batched engine's compiled program may take for granted about its plant."""

from dataclasses import dataclass

import jax


@jax.tree_util.register_static
@dataclass(frozen=True)
class StaticConfiguration:
    """What a compiled program may take for granted about its plant."""

    ring: bool
    ageing: tuple[int, ...]  # processes with a Weibull shape other than 1: powers are taken of these alone
    clocks: int  # the calendar, and each other clock that some process ages by
    phased: bool  # some clock stands still in some phases
    minimal: bool  # some repair leaves the age as it was
    several: bool  # several like units of some process may be down at once
    staged: bool  # some mode is diagnosed before its crew comes, or conditioned after
    shared: int  # leaves of the tree, if some single unit has several modes; else 0
    levels: bool  # the tree scales the flux

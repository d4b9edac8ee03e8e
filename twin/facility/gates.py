"""The order of gates that stand on each other."""

from graphlib import CycleError, TopologicalSorter

from twin.facility.failures import Gate


def bottom_up(gates: list[Gate]) -> list[Gate]:
    """Gates in an order in which each comes after those it stands on; CycleError if there is none."""
    named = {gate.name: gate for gate in gates}
    below = {gate.name: [name for name in gate.of if name in named] for gate in gates}
    return [named[name] for name in TopologicalSorter(below).static_order()]


def circle(gates: list[Gate]) -> list[str] | None:
    """Names of gates that stand on each other in a circle, the first once more at the end; None if none do."""
    try:
        bottom_up(gates)
    except CycleError as error:
        return error.args[1]
    return None

"""The order in which gates are evaluated, and cycles among them."""

from graphlib import CycleError, TopologicalSorter

from twin.facility.failures import Gate


def bottom_up(gates: list[Gate]) -> list[Gate]:
    """Gates in an order in which each comes after its inputs; CycleError if there is none."""
    named = {gate.name: gate for gate in gates}
    below = {gate.name: [name for name in gate.of if name in named] for gate in gates}
    return [named[name] for name in TopologicalSorter(below).static_order()]


def cycle(gates: list[Gate]) -> list[str] | None:
    """Names of gates that depend on each other in a cycle, the first repeated at the end; None if there is no cycle."""
    try:
        bottom_up(gates)
    except CycleError as error:
        return error.args[1]
    return None

"""The exact probability that all gates with an effect on the machine are up, solved module by module."""

from collections import defaultdict

import numpy as np

from twin.diagram import Diagram
from twin.errors import UserError
from twin.tree import BEAMLINE, Tree


def gates_up(tree: Tree, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(probability [S], its slope [L, S] by one unit of each leaf); units are independent, up with probability ``up``.

    A gate is a module if everything below it acts only through it. Each module is solved by itself and is one
    part of the module above it, so shared units cost only within their module.
    """
    network = Network(tree)
    probability, above = dict(enumerate(up)), []
    for module in network.modules:
        parts, top, diagram = network.solve(module)
        given = np.array([probability[n] for n in parts]).reshape(len(parts), up.shape[1])
        probability[module], slopes = diagram.probability(top, given)
        above.append((module, dict(zip(parts, slopes, strict=True))))
    slope = {network.top: np.ones(up.shape[1])}
    for module, slopes in reversed(above):
        slope |= {n: slope[module] * by_part for n, by_part in slopes.items()}
    none = np.zeros(up.shape[1])
    return probability[network.top], np.array([slope.get(n, none) for n in range(len(up))]).reshape(up.shape)


class Network:
    """Nodes: leaves 0 ... L - 1, the gates, and a top node that needs every gate with an effect on the machine."""

    def __init__(self, tree: Tree):
        self.tree, self.leaves = tree, len(tree.names)
        self.top = self.leaves + len(tree.gates)
        self.inputs: dict[int, list[int]] = defaultdict(list)
        for n, parents in enumerate([*tree.parents, *(node.parents for node in tree.gates)]):
            for gate in parents:
                self.inputs[self.leaves + gate].append(n)
        self.inputs[self.top] = [
            self.leaves + i for i, node in enumerate(tree.gates) if node.effect < BEAMLINE
        ]
        self.modules = self._modules()

    def _modules(self) -> dict[int, None]:
        """The modules in the order of evaluation, the top last."""
        below: dict[int, set[int]] = {}
        for gate in range(self.leaves, self.top + 1):
            direct = self.inputs[gate]
            below[gate] = set(direct).union(*(below.get(n, set()) for n in direct))
        matter = [gate for gate in sorted(below[self.top]) if gate >= self.leaves] + [self.top]
        over = defaultdict(set)
        for gate in matter:
            for n in self.inputs[gate]:
                over[n].add(gate)
        return dict.fromkeys(g for g in matter if all(over[n] <= below[g] | {g} for n in below[g]))

    def solve(self, module: int) -> tuple[list[int], int, Diagram]:
        """(the node of each part, the module's function, its diagram)."""
        diagram, parts, functions = Diagram(), [], {}

        def of(n: int) -> list[int]:
            if n not in functions:
                single = n < self.leaves or (n in self.modules and n != module)
                functions[n] = part(n) if single else gate(n)
            return functions[n]

        def part(n: int) -> list[int]:
            units = self.tree.units[n] if n < self.leaves else 1
            parts.extend([n] * units)
            return [diagram.part(len(parts) - units + i) for i in range(units)]

        def gate(n: int) -> list[int]:
            inputs = [function for below in self.inputs[n] for function in of(below)]
            needs = len(inputs) if n == self.top else self.tree.gates[n - self.leaves].needs
            return [diagram.at_least(needs, inputs)]

        try:
            return parts, of(module)[0], diagram
        except RecursionError as error:
            raise UserError(
                f"gate: {len(parts)} units are tied together by shared ones, too many to be solved exactly; "
                "let fewer units be shared between gates, or read the simulated shares of lost hours"
            ) from error

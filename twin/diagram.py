"""A binary decision diagram: the state of a system as a function of its parts' states, with its exact probability.

A node (part, with, without) is the function "``with`` if the part is up, else ``without``", ``with`` and
``without`` being nodes of later parts; node 0 is never up, node 1 always. Equal functions are one node, so a
k-of-n gate takes about k (n - k + 1) nodes whatever its number of states (Bryant, IEEE Trans. Computers C-35, 677,
1986; for fault trees Rauzy, Reliability Engineering and System Safety 40, 203, 1993).
"""

import numpy as np

from twin.errors import UserError

DOWN, UP = 0, 1
LIMIT = 200_000


class Diagram:
    """The nodes of functions of parts 0, 1, ...; a function is the index of its node."""

    def __init__(self):
        last = np.iinfo(int).max
        self.nodes: list[tuple[int, int, int]] = [(last, DOWN, DOWN), (last, UP, UP)]
        self.known: dict[tuple[int, int, int], int] = {}
        self.chosen: dict[tuple[int, int, int], int] = {}

    def node(self, part: int, up: int, down: int) -> int:
        if up == down:
            return up
        row = (part, up, down)
        if row not in self.known:
            if len(self.nodes) == LIMIT:
                raise UserError(
                    f"gate: the tree needs more than {LIMIT} nodes to be solved exactly; "
                    "let fewer units be shared between gates, or read the simulated shares of lost hours"
                )
            self.known[row] = len(self.nodes)
            self.nodes.append(row)
        return self.known[row]

    def part(self, part: int) -> int:
        """The function that is up when a part is."""
        return self.node(part, UP, DOWN)

    def choose(self, which: int, up: int, down: int) -> int:
        """The function that is ``up`` where ``which`` is up, else ``down`` (Shannon's expansion)."""
        if which in (DOWN, UP) or up == down:
            return up if which == UP else down
        key = (which, up, down)
        if key not in self.chosen:
            rows = [self.nodes[f] for f in key]
            part = min(row[0] for row in rows)
            halves = [
                [row[i] if row[0] == part else f for f, row in zip(key, rows, strict=True)] for i in (1, 2)
            ]
            self.chosen[key] = self.node(part, self.choose(*halves[0]), self.choose(*halves[1]))
        return self.chosen[key]

    def at_least(self, needs: int, inputs: list[int]) -> int:
        """The function that is up while at least ``needs`` of the inputs are."""
        count = len(inputs)
        enough = {0: UP}  # by how many more are needed of the remaining inputs
        for j in reversed(range(count)):
            least, most = max(1, needs - j), min(needs, count - j)
            enough = {0: UP} | {
                k: self.choose(inputs[j], enough[k - 1], enough.get(k, DOWN)) for k in range(least, most + 1)
            }
        return enough.get(needs, DOWN)

    def probability(self, top: int, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(P [S], dP/dp [V, S]) of function ``top`` being up, its parts independent and up with p = ``up`` [V, S].

        Upwards P = p P_with + (1 - p) P_without. Downwards w is the probability to reach a node, and dP/dp is the
        sum of w (P_with - P_without) over the part's nodes, which is Birnbaum's P(part up) - P(part down).
        """
        probabilities = np.zeros((len(self.nodes), up.shape[1]))
        probabilities[UP] = 1.0
        for i, (part, a, b) in enumerate(self.nodes[2:], 2):
            probabilities[i] = up[part] * probabilities[a] + (1.0 - up[part]) * probabilities[b]
        reached, slope = np.zeros_like(probabilities), np.zeros_like(up)
        reached[top] = 1.0
        for i in range(top, UP, -1):
            part, a, b = self.nodes[i]
            slope[part] += reached[i] * (probabilities[a] - probabilities[b])
            reached[a] += reached[i] * up[part]
            reached[b] += reached[i] * (1.0 - up[part])
        return probabilities[top], slope

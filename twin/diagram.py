"""A binary decision diagram: a system's up or down as a function of its parts', with its exact chance.

A node (part, with, without) is the function "``with`` if the part is up, else ``without``", ``with`` and
``without`` being nodes of later parts; 0 is never up, 1 always. Equal functions are one node, so a k-of-n
gate takes about k (n - k + 1) nodes however many states it has (Bryant, IEEE Trans. Computers C-35, 677,
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
        """The function that is up while ``needs`` of the inputs are."""
        count = len(inputs)
        enough = {0: UP}  # by how many more are needed of the inputs not yet looked at
        for j in reversed(range(count)):
            least, most = max(1, needs - j), min(needs, count - j)
            enough = {0: UP} | {
                k: self.choose(inputs[j], enough[k - 1], enough.get(k, DOWN)) for k in range(least, most + 1)
            }
        return enough.get(needs, DOWN)

    def chance(self, top: int, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(P [S], dP/dp [V, S]) of function ``top`` being up, its parts independent and up with p = ``up`` [V, S].

        Upwards P = p P_with + (1 - p) P_without; downwards, the chance w to come by a node: dP/dp is the sum
        of w (P_with - P_without) over the part's nodes, which is Birnbaum's P(part up) - P(part down).
        """
        chances = np.zeros((len(self.nodes), up.shape[1]))
        chances[UP] = 1.0
        for i, (part, a, b) in enumerate(self.nodes[2:], 2):
            chances[i] = up[part] * chances[a] + (1.0 - up[part]) * chances[b]
        come_by, slope = np.zeros_like(chances), np.zeros_like(up)
        come_by[top] = 1.0
        for i in range(top, UP, -1):
            part, a, b = self.nodes[i]
            slope[part] += come_by[i] * (chances[a] - chances[b])
            come_by[a] += come_by[i] * up[part]
            come_by[b] += come_by[i] * (1.0 - up[part])
        return chances[top], slope

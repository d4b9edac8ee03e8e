"""The effects of present failures: units counted through the gates of the fault tree."""

from math import prod
from typing import TYPE_CHECKING

from twin.tree import BEAMLINE, DISTORT, DUMP, INJECTION, UNIT

if TYPE_CHECKING:
    from twin.plant import Plant


class Logic:
    """Counts of what is down, by effect and by beamline, and of the inputs that are up at each gate.

    A failure is propagated up the tree only as far as gates change their state, so the cost is the depth of
    the tree and not its width.
    """

    def __init__(self, plant: "Plant"):
        self.tree = plant.tree
        self.effect, self.line = plant.effect.tolist(), plant.line.tolist()
        self.down = [0] * (UNIT + 1)
        self.line_down = [0] * len(plant.flux)
        self.troubles = [0] * len(self.tree.names)
        self.up = [node.inputs for node in self.tree.gates]
        self.gate_down = [False] * len(self.up)
        self.degraded: dict[int, float] = {}
        self.share = 1.0

    @property
    def machine_down(self) -> int:
        """The number of present effects that prevent beam as promised, without beamline failures."""
        return self.down[DUMP] + self.down[INJECTION] + self.down[DISTORT]

    def lose(self, p: int) -> None:
        """A unit of process ``p`` goes down."""
        self._process(p, 1)

    def regain(self, p: int) -> None:
        self._process(p, -1)

    def _process(self, p: int, change: int) -> None:
        if self.effect[p] != UNIT:
            self._raise(self.effect[p], self.line[p], change)
        elif self.tree.leaf[p] >= 0:
            self.trouble(self.tree.leaf[p], change)

    def trouble(self, leaf: int, change: int) -> None:
        """A unit has one more or one less reason to be down; identical units are counted one by one."""
        before = self.troubles[leaf]
        self.troubles[leaf] = before + change
        alone = self.tree.units[leaf] == 1
        if not alone or min(before, before + change) == 0:
            self._carry_up(leaf, -change)

    def _carry_up(self, leaf: int, change: int) -> None:
        """Change the count of inputs at the gates above a leaf, and above the gates that change their state."""
        gates = self.tree.gates
        counts = [(gate, change) for gate in self.tree.parents[leaf]]
        for gate, step in counts:
            node = gates[gate]
            self.up[gate] += step
            if node.share:
                self._rate(gate, node.share[self.up[gate]])
            down = self.up[gate] < node.needs
            if down != self.gate_down[gate]:
                self.gate_down[gate] = down
                self._raise(node.effect, node.line, -step)
                counts += [(above, step) for above in node.parents]

    def _raise(self, effect: int, line: int, change: int) -> None:
        self.down[effect] += change
        if effect == BEAMLINE:
            self.line_down[line] += change

    def _rate(self, gate: int, share: float) -> None:
        """Set the share of the flux of one gate, and the product of the shares of all degraded gates."""
        if share < 1.0:
            self.degraded[gate] = share
        else:
            self.degraded.pop(gate, None)
        self.share = prod(self.degraded.values(), start=1.0)

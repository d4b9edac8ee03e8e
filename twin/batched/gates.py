"""The system's tree in the batched engine: inputs lost at each gate, gates down, the flux that they leave."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from twin.batched.arrays import INDEX, look_up, of_each, put
from twin.batched.facts import StaticConfiguration
from twin.plant import Plant
from twin.tree import BEAMLINE, NO_EFFECT, UNIT, Node, Tree


class Branches(NamedTuple):
    """The tree in arrays: G gates, those that stand on leaves alone first, then depth by depth.

    A gate is told by the inputs that it has lost. Gates are counted from 1 as inputs of others; 0 is none.
    """

    takes: Any  # [G, P] inputs that a unit of a process, when down, takes from each gate
    leaf: Any  # [P] the single unit of which a process is a mode, L = none
    slack: Any  # [G] inputs that may be lost
    below: tuple[Any, ...]  # [G of one depth, most] gates that are inputs of each gate, for each depth
    effective: Any  # [F] gates whose fall has an effect
    raises: Any  # [3 + B, F] the effect on the machine or the beamline that it stops
    rated: Any  # [Q] gates with levels
    share: Any  # [Q, most + 1] of the flux, by the inputs lost


class Gates(NamedTuple):
    """The gates of R runs."""

    lost: Any  # [G, R] inputs lost to leaves
    fallen: Any  # [1 + G, R] 1 while the gate is down; 0 is none
    troubles: Any  # [R, L] of units that have several modes; L = 0 where none has
    share: Any  # [R] of the flux that they leave


def branches(plant: Plant) -> Branches:
    """The arrays of a plant's tree."""
    tree, lines = plant.tree, len(plant.flux)
    order = _by_depth(tree)
    nodes = [tree.gates[i] for g in order for i in g]
    place = {i: n for n, i in enumerate(i for g in order for i in g)}
    leaf = np.where(plant.effect == UNIT, np.array(tree.leaf, int), -1)
    takes = np.zeros((len(nodes), len(leaf)), int)
    for p, own in enumerate(leaf):
        for gate in tree.parents[own] if own >= 0 else ():
            takes[place[gate], p] += 1
    effective = [n for n, node in enumerate(nodes) if node.effect != NO_EFFECT]
    rated = [n for n, node in enumerate(nodes) if node.share]
    most = max((nodes[n].inputs for n in rated), default=0)
    return Branches(
        takes=takes.astype(np.int32),
        leaf=np.array(
            [own if own >= 0 and tree.units[own] == 1 else len(tree.names) for own in leaf], np.int32
        ),
        slack=np.array([node.inputs - node.needs for node in nodes], np.int32),
        below=tuple(_below(tree, mine, place) for mine in order),
        effective=np.array(effective, np.int32),
        raises=np.stack([_raises(nodes[n], lines) for n in effective], 1)
        if effective
        else np.zeros((3 + lines, 0), np.int32),
        rated=np.array(rated, np.int32),
        share=np.array([_share(nodes[n], most) for n in rated]).reshape(len(rated), most + 1),
    )


def _by_depth(tree: Tree) -> list[list[int]]:
    """Gates by the number of gates in the longest way down from them."""
    depth = [0] * len(tree.gates)
    for i, node in enumerate(tree.gates):
        for above in node.parents:
            depth[above] = max(depth[above], depth[i] + 1)
    return [[i for i, d in enumerate(depth) if d == level] for level in range(max(depth, default=-1) + 1)]


def _below(tree: Tree, mine: list[int], place: dict[int, int]) -> np.ndarray:
    """[gates, most]: the gates that each of ``mine`` stands on, once for each time that it names them."""
    rows = [
        [1 + place[i] for i, node in enumerate(tree.gates) for above in node.parents if above == g]
        for g in mine
    ]
    most = max(map(len, rows))
    return np.array([row + [0] * (most - len(row)) for row in rows], np.int32).reshape(len(rows), most)


def _raises(node: Node, lines: int) -> np.ndarray:
    """[3 + B]: one at the effect of a gate, or at the beamline that it stops."""
    row = node.effect if node.effect < BEAMLINE else BEAMLINE + node.line
    return (np.arange(BEAMLINE + lines) == row).astype(np.int32)


def _share(node: Node, most: int) -> tuple[float, ...]:
    """Shares by the inputs lost."""
    return node.share[::-1] + (1.0,) * (most - node.inputs)


def shared(plant: Plant) -> bool:
    """Has some unit several modes that the gates above it feel?"""
    leaves = [leaf for leaf, effect in zip(plant.tree.leaf, plant.effect, strict=True) if effect == UNIT]
    return len(set(leaves)) < len(leaves)


def carry_up(tree: Branches, facts: StaticConfiguration, gates: Gates, process, more) -> tuple[Gates, Any]:
    """``process`` [R] has ``more`` [R] units down: (gates, [3 + B, R] effects raised, or lifted)."""
    if facts.shared:
        leaf = look_up(tree.leaf, process)
        troubles = of_each(gates.troubles, leaf)
        gates = gates._replace(troubles=put(gates.troubles, leaf, troubles + more))
        still_down = jnp.minimum(troubles, troubles + more) > 0
        more = jnp.where((leaf < gates.troubles.shape[1]) & still_down, 0, more)
    lost = gates.lost + look_up(tree.takes, process) * more[None]
    fallen, counts, done = jnp.zeros_like(gates.fallen[:1]), [], 0
    for below in tree.below:
        here = slice(done, done + len(below))
        counts.append(lost[here] + jnp.sum(fallen[jnp.asarray(below)], axis=1, dtype=INDEX))
        down = counts[-1] > jnp.asarray(tree.slack)[here, None]
        fallen, done = jnp.concatenate([fallen, down.astype(INDEX)]), here.stop
    turned = (fallen - gates.fallen)[1 + jnp.asarray(tree.effective)]
    raised = jnp.sum(jnp.asarray(tree.raises)[:, :, None] * turned[None], axis=1, dtype=INDEX)
    share = _flux(tree, jnp.concatenate(counts)) if facts.levels else gates.share
    return Gates(lost, fallen, gates.troubles, share), raised


def _flux(tree: Branches, lost):
    """[R]: the product of the shares that the gates with levels give."""
    share = jnp.asarray(tree.share)
    row = share.shape[1] * jnp.arange(len(share), dtype=INDEX)[:, None]
    return jnp.prod(look_up(share.reshape(-1), row + lost[jnp.asarray(tree.rated)]), axis=0)

"""Importance of processes for the users' beam: Birnbaum and criticality importance, and the simulated losses."""

from typing import Any, NamedTuple

import numpy as np

from twin.facility import Facility, Mode
from twin.intervals import ZERO_COUNT, Estimate, jackknife, ratio
from twin.outcome import Tally
from twin.structure import gates_up
from twin.tree import BEAMLINE, EFFECTS, UNIT, build_tree

GROUPS = 40


class Importance(NamedTuple):
    """Availability A of the machine, and Birnbaum's importance of one unit of each process."""

    up: np.ndarray  # [S]
    birnbaum: np.ndarray  # [P, S]


def importance(facility: Facility, down: np.ndarray) -> Importance:
    """A and I_B(i) = A(unit i up) - A(unit i down), exactly; ``down`` [P, S] is the probability that
    a unit is down by process p, all of them independent (S sets of probabilities at once).

    The users' beam needs everything with an effect on the machine in series: each unit of the modes that dump,
    hinder injection or distort, and each gate that does. A unit under gates is up if no mode of effect ``unit``
    keeps it down. Standby, queues and common causes enter through ``down`` only; their dependence is left out.
    """
    tree, rows = build_tree(facility), facility.processes
    effect = np.array([EFFECTS.index(mode.effect) for _, mode, _ in rows], int)
    units, leaf, up = np.array([n for _, _, n in rows], int), np.array(tree.leaf, int), 1.0 - down
    whole = np.where((effect < BEAMLINE)[:, None], up ** units[:, None], 1.0)
    by_unit = [np.flatnonzero((effect == UNIT) & (leaf == n)) for n in range(len(tree.names))]
    gates, slope = gates_up(tree, np.array([up[ps].prod(0) for ps in by_unit]).reshape(-1, down.shape[1]))
    birnbaum, direct = np.zeros_like(down), whole.prod(0)
    others = _others(whole)
    for p in np.flatnonzero(effect < BEAMLINE):
        birnbaum[p] = gates * others[p] * up[p] ** (units[p] - 1)
    for n, ps in enumerate(by_unit):
        birnbaum[ps] = direct * slope[n] * _others(up[ps])
    return Importance(gates * direct, birnbaum)


def ranking(facility: Facility, tally: Tally, hours: float) -> list[dict[str, Any]]:
    """One row for each process that can cost users beam, from R runs of ``hours`` each; most lost hours first.

    ``unavailability`` q of one unit, hours down / hours; ``birnbaum`` I_B of one unit; ``criticality``
    I_B q / Q of all its units together, Q = 1 - A: the share of the machine's unavailability that would vanish
    if they never failed (approximately, for rare failures); ``lost_h`` a run and ``lost_share``: user time lost by the
    failures that began the losses, simulated. The last two include queues, restarts, ageing and idle hours,
    and attribute all to the first cause; the others include redundancy only. Each is an ``Estimate`` of 90 %:
    q and lost hours as ratios over runs, I_B and criticality by the jackknife over groups of runs. For a process
    that was never down the bound is 3.0 failures of a mean repair.
    """
    t = Tally(*(np.asarray(field, float) for field in tally))
    rows, runs = facility.processes, len(t.user_h)
    units = np.array([n for _, _, n in rows], float)
    each = t.down_h / (units * hours)
    parts = np.array_split(np.arange(runs), min(runs, GROUPS))
    kept = [np.ones(runs, bool), *(~np.isin(np.arange(runs), part) for part in parts)] if runs > 1 else [...]
    down = np.stack([each[k].mean(0) for k in kept], axis=-1)
    found = importance(facility, down)
    share = _criticality(found, down, units)
    born, critical = (jackknife(v[:, 0], v[:, 1:].T, 1.0) for v in (found.birnbaum, share))
    lost, total, one = t.lost_h[:, :-1], t.lost_h.sum(-1), np.ones(runs)
    table = []
    for p, (name, process) in enumerate(zip(facility.process_names, rows, strict=True)):
        if not (found.birnbaum[p, 0] or lost[:, p].any()):
            continue
        q = ratio(each[:, p], one, 1.0)
        if not q.value:
            q = _unseen(process.mode, runs * hours * units[p])
            most = units[p] * born[p].high * q.high
            critical[p] = Estimate(0.0, 0.0, most / max(most, 1.0 - found.up[0]) if most else 0.0)
        table.append(
            {
                "process": name,
                "units": process.units,
                "unavailability": q,
                "birnbaum": born[p],
                "criticality": critical[p],
                "lost_h": ratio(lost[:, p], one, float(t.user_h.mean())),
                "lost_share": ratio(lost[:, p], total, 1.0),
            }
        )
    return sorted(table, key=lambda row: (-row["lost_h"].value, -row["criticality"].value))


def _criticality(found: Importance, down: np.ndarray, units: np.ndarray) -> np.ndarray:
    lack = 1.0 - found.up
    return units[:, None] * found.birnbaum * down / np.where(lack > 0.0, lack, 1.0)


def _unseen(mode: Mode, hours: float) -> Estimate:
    """Unavailability of a unit that was never down in these hours."""
    mean_h = mode.diagnosis_h + mode.repair.time.mean_h + mode.conditioning_h
    return Estimate(0.0, 0.0, min(1.0, ZERO_COUNT * mean_h / hours))


def _others(chances: np.ndarray) -> np.ndarray:
    """Product [N, S] over all rows but each one itself."""
    one = np.ones((1, chances.shape[1]))
    before = np.cumprod(np.concatenate([one, chances[:-1]]), axis=0)[: len(chances)]
    after = np.cumprod(np.concatenate([one, chances[:0:-1]]), axis=0)[: len(chances)][::-1]
    return before * after

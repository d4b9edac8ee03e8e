"""A small wear-and-repair decision process, solved exactly: how hard to run a pair of which one may be down.

Either of two units carries the beam; each fails at a rate that rises steeply with the charge asked for, and is
repaired in an exponential time. Each shift the charge is chosen anew, knowing how many are down. Within a shift the
number down is a Markov chain, so a shift is a matrix exponential, and the best charges follow backwards in time
(R. Bellman, Dynamic Programming, 1957) on a grid of charges.
"""

import numpy as np
from closed_form import TOY, subsystem
from scipy import linalg

from controllers.policies.tasks import Task, task
from twin.facility import parse

CHARGES = np.linspace(50.0, 300.0, 51)  # pC
REFERENCE, POWER, LIFE_H, REPAIR_H = 200.0, 4.0, 100.0, 48.0
SHIFT_H, SHIFTS = 8.0, 21


def pair() -> Task:
    """The pair on the twin; samples are so short that they count the charge delivered."""
    text = TOY.replace("exchange_min = 6.0", "exchange_min = 1e-6").replace(
        "exposure_min = 12.0", "exposure_min = 0.01"
    )
    text = text.replace("low = 1.0", "low = 50.0").replace(
        "value = 500.0", "value = 500.0\npower = {{ charge = 1.0 }}"
    )
    text = text.replace("samples_per_experiment = 1e6", "samples_per_experiment = 1e9")
    text = text.format(restart_h=0.0, blocks='[[schedule.block]]\nphase = "user"\nhours = 1e6\n')
    life = {"mtbf_h": LIFE_H, "power": f"{{ charge = {POWER} }}", "effect": '"unit"'}
    text += subsystem("pump", 2, repair=f"{{ law = 'exponential', mean_h = {REPAIR_H} }}", **life)
    text += '[[gate]]\nname = "pumps"\nof = ["pump"]\nneeds = 1\neffect = "dump"\n'
    return task(parse(text), SHIFT_H * SHIFTS, SHIFT_H)


def shift(charge: float) -> tuple[np.ndarray, np.ndarray]:
    """(chances [3, 3] of the number down after a shift, beam delivered in it [3]) by the number down before."""
    fails, mended = (charge / REFERENCE) ** POWER / LIFE_H, 1.0 / REPAIR_H
    rates = np.array([[0.0, 2.0 * fails, 0.0], [mended, 0.0, fails], [0.0, 2.0 * mended, 0.0]])
    generator = rates - np.diag(rates.sum(1))
    block = np.zeros((6, 6))
    block[:3, :3], block[:3, 3:] = generator, np.eye(3)
    whole = linalg.expm(block * SHIFT_H)
    return whole[:3, :3], whole[:3, 3:] @ np.array([1.0, 1.0, 0.0]) * charge / REFERENCE


TABLE = [shift(charge) for charge in CHARGES]
PERCENT = 100.0 / (SHIFT_H * SHIFTS)


def best() -> tuple[float, np.ndarray]:
    """(useful beam of the best policy from a whole pair, [%]; its charges [shifts, number down])."""
    value, choice = np.zeros(3), []
    for _ in range(SHIFTS):
        worth = np.array([beam + chance @ value for chance, beam in TABLE])
        choice.append(CHARGES[worth.argmax(0)])
        value = worth.max(0)
    return float(value[0] * PERCENT), np.array(choice[::-1])


def best_held() -> tuple[float, float]:
    """(useful beam, [%]; the charge) where one charge is held throughout."""
    held = []
    for chance, beam in TABLE:
        value = np.zeros(3)
        for _ in range(SHIFTS):
            value = beam + chance @ value
        held.append(value[0] * PERCENT)
    return float(max(held)), float(CHARGES[int(np.argmax(held))])

"""A calibrated facility: its file with the numbers that logs taught, and draws of what they left unknown."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np

from surrogate import repairs
from surrogate.exposure import modes
from surrogate.faults import Faults
from surrogate.learned import LearnedLaw
from surrogate.loglinear import LogLinear
from twin import Facility
from twin.tables import Mode, Repair

HOURS = 1e-3, 1e9


def calibrated(
    facility: Facility, faults: Faults | LogLinear, mended: dict[str, Repair] | None = None
) -> Facility:
    """The facility with mean lives, shapes and sensitivities of ``faults``, and the repair times ``mended``.

    A mode's numbers are those at the facility's own settings and conditions. Its ``mtbf_h`` stays where the
    life's law is not Weibull's (what was learned is then a factor on its hazard, which only the model has)
    and where a beta factor shares it with a common cause; its sensitivities stay where a net has them.
    """
    rates = faults.rates if isinstance(faults, Faults) else faults
    here = np.array([k.value for k in facility.knob] + [c.value for c in facility.condition])
    hazard = np.asarray(faults(here))
    nets = faults.nets if isinstance(faults, Faults) else None
    bent = set() if nets is None else set(np.asarray(nets.place).tolist())
    changes: dict[str, dict[str, Any]] = {}
    for name, (mode, processes) in modes(facility).items():
        places = [facility.process_names.index(process) for process in processes]
        change: dict[str, Any] = {"repair": mended[name]} if mended and name in mended else {}
        if mode.law == "weibull" and not mode.beta:
            units = facility.processes[places[0]].units
            row = int(np.asarray(rates.group)[places[0]])
            shape = _shape(rates, row, mode)
            change |= {"mtbf_h": _mean_life(hazard[places], shape, units), "shape": shape}
            change |= {} if row in bent else _sensitivities(facility, rates, row, shape)
        changes[name] = change

    def renewed(stem: str, mode: Mode) -> Mode:
        seen = mode.source if mode.source.startswith("calibrated") else "calibrated on a log without a repair"
        return mode.model_copy(update=changes[f"{stem}.{mode.name}"] | {"source": seen})

    subsystems = [
        s.model_copy(update={"mode": [renewed(s.name, mode) for mode in s.mode]}) for s in facility.subsystem
    ]
    return facility.model_copy(update={"subsystem": subsystems})


def _shape(rates: LogLinear, row: int, mode: Mode) -> float:
    """The shape of a row; models of earlier versions have none of their own."""
    return float(np.asarray(rates.shape)[row]) if np.ndim(rates.shape) else mode.shape


def _mean_life(hazard: np.ndarray, shape: float, units: int) -> float:
    """Mean life of a unit, the geometric mean over the processes of hazards [1/h**shape]."""
    life = math.gamma(1.0 + 1.0 / shape) * np.exp(-np.log(hazard / units).mean() / shape)
    return float(np.clip(life, *HOURS))


def _sensitivities(
    facility: Facility, rates: LogLinear, row: int, shape: float
) -> dict[str, dict[str, float]]:
    """Slopes and powers of the hazard, as the file has them."""
    w = shape * np.asarray(rates.mean)[row, 1:] / np.asarray(rates.x_scale)
    power = np.broadcast_to(rates.power, np.shape(rates.mean[:, 1:]))[row]
    return {
        "slope": {n: float(s) for n, s, p in zip(facility.inputs, w, power, strict=True) if not p},
        "power": {
            n: float(s * m)
            for n, s, m, p in zip(facility.inputs, w, np.asarray(rates.x_mean), power, strict=True)
            if p
        },
    }


def draws(facility: Facility, law: LearnedLaw, n: int, seed: int = 0) -> list[tuple[Facility, LearnedLaw]]:
    """``n`` facilities with a law each: what the facility may truly be, given the logs.

    Beam quantities, hazards, Weibull shapes and repair times are drawn together; all facilities have the same
    processes, so the engines compile once.
    """
    found = facilities(facility, law.hazards, n, seed)
    laws = law.draws(jax.random.key(seed), n)
    each = [jax.tree.map(lambda a, i=i: np.asarray(a)[i], laws) for i in range(n)]
    return [
        (own, eqx.tree_at(lambda law: law.hazards, one, hazards))
        for (own, hazards), one in zip(found, each, strict=True)
    ]


def facilities(
    facility: Facility, faults: Faults | LogLinear, n: int, seed: int = 0
) -> list[tuple[Facility, Faults | LogLinear]]:
    """``n`` draws of a facility, each with the hazards that its numbers were taken from.

    By itself each states what it was drawn to be (``twin.plant.nominal``), as far as a file can: see ``calibrated``.
    """
    rng = np.random.default_rng([seed, 52711])
    times = faults.repairs if isinstance(faults, Faults) else None
    hazards = faults.draws(rng, n, ageing=True)
    mended: list[dict[str, Repair]] = [{} for _ in range(n)]
    for index, name in enumerate(modes(facility)):
        for own, one in zip(mended, repairs.drawn(times, index, rng, n), strict=False):
            own[name] = one
    each = [jax.tree.map(lambda a, i=i: np.asarray(a)[i], hazards) for i in range(n)]
    return [(calibrated(facility, one, own), one) for one, own in zip(each, mended, strict=True)]

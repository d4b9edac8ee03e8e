"""A calibrated facility: its file with numbers learned from logs, and posterior samples of them."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from scipy import special

from surrogate import repairs
from surrogate.exposure import modes
from surrogate.faults import Faults
from surrogate.learned import LearnedLaw
from surrogate.loglinear import LogLinear
from twin import Facility
from twin.draws import Draws
from twin.facility import Mode, Repair
from twin.plant import Plant
from twin.repairs import RepairLaw

HOURS = 1e-3, 1e9
MOST_Z = 7.0  # drawn repair times are clipped to this many sigma of the base repair law


def calibrated(
    facility: Facility, faults: Faults | LogLinear, repair_times: dict[str, Repair] | None = None
) -> Facility:
    """The facility with mean lives, shapes and sensitivities of ``faults``, and with ``repair_times``.

    The numbers of a mode are those at the facility's own settings and conditions. Three are not changed:
    ``mtbf_h`` of a law other than Weibull (the learned factor on its hazard exists only in the model),
    ``mtbf_h`` of a mode with a beta factor (a common cause shares it), and the sensitivities of a mode
    whose hazard is a neural network.
    """
    rates = faults.rates if isinstance(faults, Faults) else faults
    here = np.array([k.value for k in facility.knob] + [c.value for c in facility.condition])
    hazard = np.asarray(faults(here))
    nets = faults.nets if isinstance(faults, Faults) else None
    neural = set() if nets is None else set(np.asarray(nets.place).tolist())
    changes: dict[str, dict[str, Any]] = {}
    for name, (mode, processes) in modes(facility).items():
        places = [facility.process_names.index(process) for process in processes]
        change: dict[str, Any] = (
            {"repair": repair_times[name]} if repair_times and name in repair_times else {}
        )
        if mode.law == "weibull" and not mode.beta:
            units = facility.processes[places[0]].units
            row = int(np.asarray(rates.group)[places[0]])
            shape = _shape(rates, row, mode)
            change |= {"mtbf_h": _mean_life(hazard[places], shape, units), "shape": shape}
            change |= {} if row in neural else _sensitivities(facility, rates, row, shape)
        changes[name] = change

    def renewed(stem: str, mode: Mode) -> Mode:
        source = (
            mode.source if mode.source.startswith("calibrated") else "calibrated on a log without a repair"
        )
        return mode.model_copy(update=changes[f"{stem}.{mode.name}"] | {"source": source})

    subsystems = [
        s.model_copy(update={"mode": [renewed(s.name, mode) for mode in s.mode]}) for s in facility.subsystem
    ]
    return facility.model_copy(update={"subsystem": subsystems})


def _shape(rates: LogLinear, row: int, mode: Mode) -> float:
    """The Weibull shape of a row; models of earlier versions have no learned shape, so the file's holds."""
    return float(np.asarray(rates.shape)[row]) if np.ndim(rates.shape) else mode.shape


def _mean_life(hazard: np.ndarray, shape: float, units: int) -> float:
    """Mean life of a unit [h]: the geometric mean over the processes, from hazards [1/h**shape]."""
    life = math.gamma(1.0 + 1.0 / shape) * np.exp(-np.log(hazard / units).mean() / shape)
    return float(np.clip(life, *HOURS))


def _sensitivities(
    facility: Facility, rates: LogLinear, row: int, shape: float
) -> dict[str, dict[str, float]]:
    """Slopes and powers of the hazard in the convention of the facility file."""
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


class PosteriorSamples(NamedTuple):
    """Posterior samples of a facility, expressed through one base plant, so that one program runs them all.

    An ageing budget E of the drawn Weibull shape k' is E**(k / k') for the base shape k, because
    (a / scale)**k = E**(k / k') where (a / scale)**k' = E; this is exact while settings are constant.
    A drawn repair time is expressed as the z that gives the same hours under the base repair law.
    """

    laws: LearnedLaw  # n laws in one module, every array with a leading axis n
    power: np.ndarray  # [n, P]
    repair_laws: list[dict[int, RepairLaw]]  # of each plant, the drawn repair law of some processes

    def as_drawn(self, random_inputs: Draws, plant: Plant) -> Draws:
        """Random inputs of runs, transformed for the base ``plant``; each sample has equally many runs, in order."""
        each = random_inputs.budget.shape[0] // len(self.power)
        power = np.repeat(self.power, each, axis=0)[:, :, None]
        budget = np.where(power == 1.0, random_inputs.budget, np.asarray(random_inputs.budget) ** power)
        repair_z = np.array(random_inputs.repair_z)
        for i, own in enumerate(self.repair_laws):
            runs = slice(i * each, (i + 1) * each)
            for p, law in own.items():
                base = plant.processes[p].mode.repair.time
                within = np.clip(law.hours(repair_z[runs, p]), *base.hours(np.array([-MOST_Z, MOST_Z])))
                repair_z[runs, p] = base.z_of(within)
        return random_inputs._replace(budget=budget, repair_z=repair_z)


def posterior_samples(facility: Facility, law: LearnedLaw, n: int, seed: int) -> PosteriorSamples:
    """``n`` posterior samples of quantities, hazards, Weibull shapes and repair times, given the logs."""
    rng = np.random.default_rng([seed, 52711])
    laws = law.draws(jax.random.key(seed), n)
    hazards = law.hazards.draws(rng, n, ageing=True)
    rates, base = (h.rates if isinstance(h, Faults) else h for h in (hazards, law.hazards))
    group = np.asarray(base.group, int)
    own = np.broadcast_to(base.shape, np.shape(base.mean)[:1])
    drawn = (
        np.broadcast_to(rates.shape, (n, len(own))) if np.ndim(rates.shape) else np.full((n, len(own)), own)
    )
    plain = np.array(
        [_same_shape(p.mode, float(own[g])) for p, g in zip(facility.processes, group, strict=True)], bool
    )
    stay = np.ones(len(own), bool)
    stay[group[plain]] = False
    drawn = np.where(stay, own, drawn)
    laws = eqx.tree_at(lambda laws: laws.hazards, laws, _in_terms_of(hazards, own, drawn))
    times = law.hazards.repairs if isinstance(law.hazards, Faults) else None
    places = {
        name: [facility.process_names.index(p) for p in own] for name, (_, own) in modes(facility).items()
    }
    repair_laws: list[dict[int, RepairLaw]] = [{} for _ in range(n)]
    for index, (name, (mode, _)) in enumerate(modes(facility).items()):
        for mine, one in zip(repair_laws, repairs.drawn(times, index, rng, n), strict=False):
            mine |= {p: one.time for p in places[name] if mode.repair.law != "fixed"}
    return PosteriorSamples(laws, (own / drawn)[:, group], repair_laws)


def _same_shape(mode: Mode, shape: float) -> bool:
    """Whether the plant ages this mode with the learned shape, so that a power of the budget gives another."""
    return mode.law == "weibull" and not mode.minimal_repair and abs(mode.shape - shape) < 1e-9


def _in_terms_of(hazards: Any, own: np.ndarray, drawn: np.ndarray) -> Any:
    """Hazards with the drawn shapes [n, G], converted to the shapes ``own`` [G] with the same Weibull scales.

    A rate r of shape k' has the scale 1 / (r gamma(1 + 1/k')). Shape k has the same scale at the rate
    r gamma(1 + 1/k') / gamma(1 + 1/k).
    """
    shift = special.gammaln(1.0 + 1.0 / drawn) - special.gammaln(1.0 + 1.0 / own)
    whole = isinstance(hazards, Faults)
    rates = hazards.rates if whole else hazards
    mean = np.array(rates.mean)
    mean[:, :, 0] += shift
    rates = eqx.tree_at(lambda r: (r.mean, r.shape), rates, (mean, np.broadcast_to(own, drawn.shape).copy()))
    if not whole:
        return rates
    nets = hazards.nets
    if nets is not None:
        weights = np.array(nets.mean)
        weights[:, :, 0] += shift[:, np.asarray(nets.place)[0] if np.ndim(nets.place) > 1 else nets.place]
        nets = eqx.tree_at(lambda net: net.mean, nets, weights)
    return Faults(rates, nets)


def draws(facility: Facility, law: LearnedLaw, n: int, seed: int = 0) -> list[tuple[Facility, LearnedLaw]]:
    """``n`` posterior samples of a facility and its law, given the logs.

    Each sample draws beam quantities, hazards, Weibull shapes and repair times together. All facilities have
    the same processes, so the engines compile once.
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
    """``n`` posterior samples of a facility, each with the hazards from which its numbers were taken.

    The law of the facility file (``twin.nominal.nominal``) gives the drawn hazards where a file can express
    them: see ``calibrated``.
    """
    rng = np.random.default_rng([seed, 52711])
    times = faults.repairs if isinstance(faults, Faults) else None
    hazards = faults.draws(rng, n, ageing=True)
    repair_times: list[dict[str, Repair]] = [{} for _ in range(n)]
    for index, name in enumerate(modes(facility)):
        for own, one in zip(repair_times, repairs.drawn(times, index, rng, n), strict=False):
            own[name] = one
    each = [jax.tree.map(lambda a, i=i: np.asarray(a)[i], hazards) for i in range(n)]
    return [(calibrated(facility, one, own), one) for one, own in zip(each, repair_times, strict=True)]

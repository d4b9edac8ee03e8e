"""Operation of a facility shift by shift: the observation, the meaning of actions, and their limits."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin import Facility, Space
from twin.draws import Draws, draw, enough
from twin.errors import UserError
from twin.nominal import nominal
from twin.plant import Law, Plant, build, rates
from twin.scenario import Scenario, ahead

SHIFT_H = 8.0
FAR_H = 168.0  # longest observed time to the end of a block
SOON_H = 24.0  # time scale over which the approaching end of a run is observed
LONG = 3.0  # mean lives: greater ages are observed as this
MOST = 2.0  # factor on the highest failure rates over the settings, for the number of failures that are drawn
HALVINGS = 10  # of the step to new settings, to find how far the promised quantities allow it
TINY = 1e-9  # allowance for rounding, in a quantity's unit
LEAVE, AT_ACCESS, NOW = -1.0, 0.0, 0.5  # urgencies in an action; the last two are thresholds


class Observation(NamedTuple):
    """What a policy may observe at the beginning of a shift, in the facility's units; leading axis R or none."""

    held: Any  # [K] settings
    conditions: Any  # [C] conditions of the coming shift
    current: Any  # [] stored, mA
    stored: Any  # [] beam is stored
    down: Any  # [P] units out of service
    age_h: Any  # [A] of the processes that age; 0 while down
    queue: Any  # [B] samples waiting
    wanted: Any  # [] the block of the calendar wants beam
    user: Any  # [] user time
    left_h: Any  # [] until the block ends
    remaining: Any  # [] remaining share of the horizon
    ordered: Any  # [M] the oldest unit of an ageing subsystem will be replaced at the next access day


@dataclass(frozen=True, eq=False)
class Task:
    """A facility to be operated shift by shift over a horizon, under one law."""

    facility: Facility
    plant: Plant
    law: Law
    space: Space
    scenario: Scenario
    max_events: tuple[
        int, int
    ]  # most failures of each process, and experiments of each beamline, that are drawn
    sample_value: np.ndarray  # [B] percentage points of useful beam per sample
    ageing: np.ndarray  # [A] processes whose age matters
    wearing: tuple[str, ...]  # [M] subsystems that wear, their units simulated one by one
    wearing_processes: np.ndarray  # [M, A] bool: the ageing processes of each subsystem that wears

    @property
    def shifts(self) -> int:
        """Number of shifts of an episode."""
        return len(self.scenario.conditions)

    @property
    def size(self) -> int:
        """Length O of the observation vector."""
        plant, (_, knobs), (_, conditions) = (
            self.plant,
            self.scenario.settings.shape,
            self.scenario.conditions.shape,
        )
        return (
            knobs + conditions + 7 + len(plant.units) + len(self.ageing) + len(plant.flux) + len(self.wearing)
        )

    @property
    def actions(self) -> int:
        """Length K + M of an action: one number per knob, then one per subsystem that wears."""
        return len(self.space.low) + len(self.wearing)

    @property
    def mean_h(self) -> np.ndarray:
        """Mean lives [A] of the ageing processes, h."""
        return np.array([process.mode.mean_h for process in self.plant.processes])[self.ageing]

    def draw(self, runs: int, seed: int, first: int = 0) -> Draws:
        """Draws of runs ``first`` to ``first + runs`` of a seed."""
        return draw(self.facility, runs, *self.max_events, seed, first)

    def initial_age_h(self, last, xp: Any = np):
        """Ages [..., A] at the beginning, h: random up to the mean life for units that wear (assumed), else 0.

        ``last`` [..., P]: the last budget drawn of each process. No valid run uses it, so it can set the age.
        """
        wide = (None,) * (xp.ndim(last) - 1)
        return xp.where(
            np.any(self.wearing_processes, axis=0)[wide],
            self.mean_h[wide] * xp.exp(-last[..., self.ageing]),
            0.0,
        )

    def wanted(self, action, xp: Any = np):
        """Settings [..., K] that an action [..., K + M] in [-1, 1] wants."""
        wide = (None,) * (xp.ndim(action) - 1)
        low, high = self.space.low[wide], self.space.high[wide]
        return low + (xp.clip(action[..., : low.shape[-1]], -1.0, 1.0) + 1.0) / 2.0 * (high - low)

    def check(self, action) -> None:
        """Raises UserError unless an action has the shape [..., K + M]."""
        if np.shape(action)[-1:] != (self.actions,):
            parts = ", ".join([*self.space.names, *(f"urgency of {name}" for name in self.wearing)])
            raise UserError(
                f"an action has shape {np.shape(action)}; it takes {self.actions} numbers: {parts}"
            )

    def move(self, held, action, conditions, hours):
        """Settings [..., K] after ``hours`` of ramping from ``held`` to the settings that an action wants; in JAX.

        The ramp ends where limits, ramp rates or interlocks stop it, or where a promised quantity would cross its bound
        (found by bisection). A knob whose entry in the action is nan stays.
        """
        wanted = self.wanted(action, jnp)
        there = self.space.step(held, jnp.where(jnp.isnan(wanted), held, wanted), hours, jnp)
        if not np.isfinite(self.bounds).any():
            return there
        slack = jnp.maximum(self.beyond(held, conditions), 0.0) + TINY

        def kept(share):
            return self.beyond(held + share[..., None] * (there - held), conditions) <= slack

        share, size = jnp.zeros(held.shape[:-1]), 1.0
        for _ in range(HALVINGS):
            size /= 2.0
            share = jnp.where(kept(share + size), share + size, share)
        return held + jnp.where(kept(jnp.ones_like(share)), 1.0, share)[..., None] * (there - held)

    @property
    def bounds(self) -> np.ndarray:
        """Bounds [2, Q]: the least and the largest promised value of each quantity; infinite where there is none."""
        low, high = zip(*((q.low, q.high) for q in self.facility.quantity), strict=True)
        return np.array(
            [[-np.inf if x is None else x for x in low], [np.inf if x is None else x for x in high]]
        )

    def beyond(self, settings, conditions):
        """The largest violation [...] of a promised bound, in its unit, at settings [..., K]; negative inside."""
        low, high = self.bounds[:, None]
        quantity = _quantities(self.law, settings.reshape(-1, settings.shape[-1]), conditions)
        worst = jnp.max(jnp.maximum(low - quantity, quantity - high), axis=-1)
        return worst.reshape(settings.shape[:-1])

    def allowed(self, settings) -> np.ndarray:
        """Which settings [n, K] keep all interlocks and, under mean conditions, all promised bounds, [n]."""
        beyond = np.asarray(self.beyond(settings, self.scenario.conditions.mean(0)))
        return self.space.inside(settings) & (beyond <= TINY)

    def action(self, settings) -> np.ndarray:
        """The action [K + M] that wants these settings and orders no replacement."""
        return np.concatenate([2.0 * self.space.to_unit(settings) - 1.0, np.full(len(self.wearing), LEAVE)])

    def orders(self, action, observed: Observation, xp: Any = np):
        """(units to be retired now [..., P], open orders [..., M]) from an action [..., K + M] and an observation.

        The action gives an urgency for the oldest working unit of each subsystem: from ``AT_ACCESS`` on its replacement
        is ordered, from ``NOW`` on it is replaced at once. An order stays open until the first shift that begins while
        no beam is wanted. Units of age 0 (new or down) are not replaced.
        """
        wide = (None,) * (xp.ndim(action) - 1)
        urgency = action[..., len(self.space.low) :]
        open_ = observed.ordered | (urgency >= AT_ACCESS)
        due = (urgency >= NOW) | (open_ & ~xp.asarray(observed.wanted)[..., None])
        age = (observed.age_h / self.mean_h[wide])[..., None, :] * self.wearing_processes[wide]
        oldest = xp.argmax(age, -1)[..., None] == xp.arange(len(self.ageing))[(*wide, None)]
        chosen = (oldest & (age > 0.0) & due[..., None]).any(-2)
        process = self.ageing[:, None] == np.arange(len(self.plant.units))[None]
        return (chosen[..., None] & process[wide]).any(-2), open_ & ~due

    def features(self, observed: Observation, xp: Any = np):
        """The observation as a vector [..., O] of numbers of order one."""
        space, facility = self.space, self.facility
        swing = np.array([max(abs(c.daily) + abs(c.yearly), 1e-9) for c in facility.condition])
        mean = np.array([c.value for c in facility.condition])
        scalars = [
            xp.asarray(observed.current, float)
            / max(float(space.high[max(int(self.plant.current_knob), 0)]), 1.0),
            xp.asarray(observed.stored, float),
            xp.asarray(observed.wanted, float),
            xp.asarray(observed.user, float),
            xp.minimum(observed.left_h, FAR_H) / FAR_H,
            xp.asarray(observed.remaining, float),
            xp.exp(-observed.remaining * self.scenario.horizon_h / SOON_H),
        ]
        rows = [
            (observed.held - space.low) / (space.high - space.low) * 2.0 - 1.0,
            (observed.conditions - mean) / swing,
            xp.stack(scalars, -1),
            xp.minimum(observed.down, 2.0),
            xp.minimum(observed.age_h / self.mean_h, LONG),
            xp.tanh(observed.queue / 500.0),
            xp.asarray(observed.ordered, float),
        ]
        return xp.concatenate(rows, -1)


@jax.jit
def _quantities(law: Law, settings, conditions):
    """Quantities [n, Q] of a law at settings [n, K]."""
    return jax.vmap(lambda row: law(row, conditions).quantity)(settings)


def task(
    facility: Facility, horizon_h: float = 336.0, shift_h: float = SHIFT_H, law: Law | None = None
) -> Task:
    """The task of a facility, under its nominal law or a given one."""
    plant, law = build(facility), law or nominal(facility)
    scenario = ahead(facility, horizon_h, shift_h)
    highest = MOST * np.max([rates(plant, row) for row in _hazards(law, facility, scenario)], axis=0)
    weight, sample_h = plant.weight, plant.exchange_h + plant.exposure_h
    failures, experiments = enough(facility, horizon_h, highest)
    ageing = np.flatnonzero((plant.shape != 1.0) & (plant.units == 1))
    owner = np.array([plant.processes[p].subsystem.name for p in ageing])
    ageing_up = plant.shape[ageing] > 1.0
    wearing = tuple(dict.fromkeys(owner[ageing_up].tolist()))
    return Task(
        facility, plant, law, Space.of(facility), scenario, (int(max(failures)), experiments),
        100.0 * weight * sample_h / max(_open_h(scenario) @ weight, 1e-12), ageing,
        wearing, np.reshape([(owner == name) & ageing_up for name in wearing], (len(wearing), len(ageing))),
    )  # fmt: skip


def _hazards(law: Law, facility: Facility, scenario: Scenario) -> list[np.ndarray]:
    """Hazards at the present, lowest and highest settings, and with each knob alone at either limit."""
    space = Space.of(facility)
    ends = [np.where(np.arange(len(space.low)) == k, end, space.present) for k in range(len(space.low))
            for end in (space.low, space.high)]  # fmt: skip
    conditions = scenario.conditions.mean(0)
    return [
        np.asarray(law(settings, conditions).hazard)
        for settings in [space.present, space.low, space.high, *ends]
    ]


def _open_h(scenario: Scenario) -> np.ndarray:
    """Scheduled hours [B] of each beamline up to the horizon."""
    ends = np.minimum(scenario.calendar.end_h, scenario.horizon_h)
    return np.diff(ends, prepend=0.0) @ scenario.calendar.open

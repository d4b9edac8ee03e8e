"""A facility to be operated shift by shift: what a policy sees, what its actions mean and how far they may go."""

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
FAR_H = 168.0  # the end of a block is seen from this far
SOON_H = 24.0  # so long before its end a run is seen as ending
LONG = 3.0  # mean lives: an age beyond is seen as this
MOST = 2.0  # times the highest rates of failure that settings lead to: so many lives are drawn
HALVINGS = 10  # of the way to new settings, to find how far promised quantities allow to go
TINY = 1e-9  # of a quantity's unit: what rounding may do
LEAVE, AT_ACCESS, NOW = -1.0, 0.0, 0.5  # urgencies in an action, the last two from there on


class Seen(NamedTuple):
    """What a policy may know at the beginning of a shift, in the facility's units; with a leading axis R or none."""

    held: Any  # [K] settings
    conditions: Any  # [C] conditions of the coming shift
    current: Any  # [] stored, mA
    stored: Any  # [] beam is stored
    down: Any  # [P] units out of service
    age_h: Any  # [A] of the processes that age; 0 while down
    queue: Any  # [B] samples that wait
    wanted: Any  # [] the block of the calendar wants beam
    user: Any  # [] it is users' time
    left_h: Any  # [] until the block ends
    ahead: Any  # [] share of the horizon that lies ahead
    ordered: Any  # [M] the oldest unit of an ageing subsystem will be replaced at the next access day


@dataclass(frozen=True, eq=False)
class Task:
    """A facility to be operated shift by shift over a horizon, under one law."""

    facility: Facility
    plant: Plant
    law: Law
    space: Space
    scenario: Scenario
    lives: tuple[int, int]  # of each process, and experiments of each beamline, that are drawn
    worth: np.ndarray  # [B] percentage points of useful beam that a sample is worth
    ageing: np.ndarray  # [A] processes whose age matters
    wards: tuple[str, ...]  # [M] subsystems that wear, each with units apart
    ward: np.ndarray  # [M, A] the processes of each that wear

    @property
    def shifts(self) -> int:
        return len(self.scenario.conditions)

    @property
    def size(self) -> int:
        """Numbers in an observation."""
        plant, (_, knobs), (_, conditions) = (
            self.plant,
            self.scenario.settings.shape,
            self.scenario.conditions.shape,
        )
        return (
            knobs + conditions + 7 + len(plant.units) + len(self.ageing) + len(plant.flux) + len(self.wards)
        )

    @property
    def actions(self) -> int:
        """Numbers in an action: one a knob, then one a subsystem that wears."""
        return len(self.space.low) + len(self.wards)

    @property
    def mean_h(self) -> np.ndarray:
        """[A] mean lives."""
        return np.array([process.mode.mean_h for process in self.plant.processes])[self.ageing]

    def draw(self, runs: int, seed: int, first: int = 0) -> Draws:
        """Draws of runs ``first`` to ``first + runs`` of a seed."""
        return draw(self.facility, runs, *self.lives, seed, first)

    def born_h(self, last, xp: Any = np):
        """Ages [..., A] at the beginning, h: of what wears anything up to the mean life (assumed), else new.

        ``last`` [..., P]: the last budget drawn of each process. No run may come to it, so it is free to tell that.
        """
        wide = (None,) * (xp.ndim(last) - 1)
        return xp.where(
            np.any(self.ward, axis=0)[wide], self.mean_h[wide] * xp.exp(-last[..., self.ageing]), 0.0
        )

    def wanted(self, action, xp: Any = np):
        """Settings [..., K] that an action [..., K + M] in [-1, 1] wants."""
        wide = (None,) * (xp.ndim(action) - 1)
        low, high = self.space.low[wide], self.space.high[wide]
        return low + (xp.clip(action[..., : low.shape[-1]], -1.0, 1.0) + 1.0) / 2.0 * (high - low)

    def check(self, action) -> None:
        """Raises UserError unless an action has the shape [..., K + M]."""
        if np.shape(action)[-1:] != (self.actions,):
            parts = ", ".join([*self.space.names, *(f"urgency of {name}" for name in self.wards)])
            raise UserError(
                f"an action has shape {np.shape(action)}; it takes {self.actions} numbers: {parts}"
            )

    def move(self, held, action, conditions, hours):
        """Settings [..., K] after ``hours`` of going from ``held`` where an action points; in JAX.

        As far as limits, ramp rates and interlocks allow, and then as all promised quantities do (by bisection). A
        knob for which an action holds no number stays.
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
        """[2, Q] what each quantity was promised to be at least and at most, else infinite."""
        low, high = zip(*((q.low, q.high) for q in self.facility.quantity), strict=True)
        return np.array(
            [[-np.inf if x is None else x for x in low], [np.inf if x is None else x for x in high]]
        )

    def beyond(self, settings, conditions):
        """How far the worst promised quantity is beyond its bound [...], in its unit, at settings [..., K]."""
        low, high = self.bounds[:, None]
        quantity = _quantities(self.law, settings.reshape(-1, settings.shape[-1]), conditions)
        worst = jnp.max(jnp.maximum(low - quantity, quantity - high), axis=-1)
        return worst.reshape(settings.shape[:-1])

    def allowed(self, settings) -> np.ndarray:
        """Which settings [n, K] keep all interlocks and, in mean weather, all promised quantities, [n]."""
        beyond = np.asarray(self.beyond(settings, self.scenario.conditions.mean(0)))
        return self.space.inside(settings) & (beyond <= TINY)

    def action(self, settings) -> np.ndarray:
        """The action [K + M] that wants these settings and leaves all units."""
        return np.concatenate([2.0 * self.space.to_unit(settings) - 1.0, np.full(len(self.wards), LEAVE)])

    def orders(self, action, seen: Seen, xp: Any = np):
        """(units to be retired now [..., P], orders that stand [..., M]) by an action [..., K + M] and what is seen.

        The urgency of a subsystem's oldest unit that is up: from ``AT_ACCESS`` on it is ordered, from ``NOW`` on it is
        replaced at once. An order stands until the first shift that begins while no beam is wanted. Units of age 0,
        new or down, are left.
        """
        wide = (None,) * (xp.ndim(action) - 1)
        urgency = action[..., len(self.space.low) :]
        stands = seen.ordered | (urgency >= AT_ACCESS)
        due = (urgency >= NOW) | (stands & ~xp.asarray(seen.wanted)[..., None])
        age = (seen.age_h / self.mean_h[wide])[..., None, :] * self.ward[wide]
        oldest = xp.argmax(age, -1)[..., None] == xp.arange(len(self.ageing))[(*wide, None)]
        chosen = (oldest & (age > 0.0) & due[..., None]).any(-2)
        process = self.ageing[:, None] == np.arange(len(self.plant.units))[None]
        return (chosen[..., None] & process[wide]).any(-2), stands & ~due

    def features(self, seen: Seen, xp: Any = np):
        """The observation [..., O]: what is seen, in numbers of order one."""
        space, facility = self.space, self.facility
        swing = np.array([max(abs(c.daily) + abs(c.yearly), 1e-9) for c in facility.condition])
        mean = np.array([c.value for c in facility.condition])
        scalars = [
            xp.asarray(seen.current, float)
            / max(float(space.high[max(int(self.plant.current_knob), 0)]), 1.0),
            xp.asarray(seen.stored, float),
            xp.asarray(seen.wanted, float),
            xp.asarray(seen.user, float),
            xp.minimum(seen.left_h, FAR_H) / FAR_H,
            xp.asarray(seen.ahead, float),
            xp.exp(-seen.ahead * self.scenario.horizon_h / SOON_H),
        ]
        rows = [
            (seen.held - space.low) / (space.high - space.low) * 2.0 - 1.0,
            (seen.conditions - mean) / swing,
            xp.stack(scalars, -1),
            xp.minimum(seen.down, 2.0),
            xp.minimum(seen.age_h / self.mean_h, LONG),
            xp.tanh(seen.queue / 500.0),
            xp.asarray(seen.ordered, float),
        ]
        return xp.concatenate(rows, -1)


@jax.jit
def _quantities(law: Law, settings, conditions):
    """[n, Q] of a law at settings [n, K]."""
    return jax.vmap(lambda row: law(row, conditions).quantity)(settings)


def task(
    facility: Facility, horizon_h: float = 336.0, shift_h: float = SHIFT_H, law: Law | None = None
) -> Task:
    """The task of a facility; the law is its nominal one unless another is given."""
    plant, law = build(facility), law or nominal(facility)
    scenario = ahead(facility, horizon_h, shift_h)
    most = MOST * np.max([rates(plant, row) for row in _hazards(law, facility, scenario)], axis=0)
    weight, sample_h = plant.weight, plant.exchange_h + plant.exposure_h
    lives, experiments = enough(facility, horizon_h, most)
    ageing = np.flatnonzero((plant.shape != 1.0) & (plant.units == 1))
    owner = np.array([plant.processes[p].subsystem.name for p in ageing])
    wears = plant.shape[ageing] > 1.0
    wards = tuple(dict.fromkeys(owner[wears].tolist()))
    return Task(
        facility, plant, law, Space.of(facility), scenario, (int(max(lives)), experiments),
        100.0 * weight * sample_h / max(_open_h(scenario) @ weight, 1e-12), ageing,
        wards, np.reshape([(owner == name) & wears for name in wards], (len(wards), len(ageing))),
    )  # fmt: skip


def _hazards(law: Law, facility: Facility, scenario: Scenario) -> list[np.ndarray]:
    """Hazards at the corners of the space that have one knob at an end."""
    space = Space.of(facility)
    ends = [np.where(np.arange(len(space.low)) == k, end, space.present) for k in range(len(space.low))
            for end in (space.low, space.high)]  # fmt: skip
    conditions = scenario.conditions.mean(0)
    return [
        np.asarray(law(settings, conditions).hazard)
        for settings in [space.present, space.low, space.high, *ends]
    ]


def _open_h(scenario: Scenario) -> np.ndarray:
    """[B] scheduled hours of each beamline up to the horizon."""
    ends = np.minimum(scenario.calendar.end_h, scenario.horizon_h)
    return np.diff(ends, prepend=0.0) @ scenario.calendar.open

"""A Gymnasium environment over the reference engine: each shift an action wants settings and sees the machine."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from twin import Facility, Space, reference
from twin.draws import Draws, draw, enough
from twin.plant import Law, Plant, build, nominal, rates
from twin.scenario import Scenario, ahead

SHIFT_H = 8.0
FAR_H = 168.0  # the end of a block is seen from this far
LONG = 3.0  # mean lives: an age beyond is seen as this


class Seen(NamedTuple):
    """What a policy may know at the beginning of a shift, in the facility's units; with a leading axis R or none."""

    held: Any  # [K] settings
    weather: Any  # [C] conditions of the coming shift
    current: Any  # [] stored, mA
    stored: Any  # [] beam is stored
    down: Any  # [P] units out of service
    age_h: Any  # [A] of the processes that age; 0 while down
    queue: Any  # [B] samples that wait
    wanted: Any  # [] the block of the calendar wants beam
    user: Any  # [] it is users' time
    left_h: Any  # [] until the block ends
    ahead: Any  # [] share of the horizon that lies ahead


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

    @property
    def shifts(self) -> int:
        return len(self.scenario.conditions)

    @property
    def size(self) -> int:
        """Numbers in an observation."""
        plant, (_, knobs), (_, weather) = (
            self.plant,
            self.scenario.settings.shape,
            self.scenario.conditions.shape,
        )
        return knobs + weather + 6 + len(plant.units) + len(self.ageing) + len(plant.flux)

    def draw(self, runs: int, seed: int, first: int = 0) -> Draws:
        """Draws of runs ``first`` to ``first + runs`` of a seed."""
        return draw(self.facility, runs, *self.lives, seed, first)

    def wanted(self, action, xp: Any = np):
        """Settings that an action in [-1, 1]^K wants."""
        low, high = self.space.low, self.space.high
        return low + (xp.clip(action, -1.0, 1.0) + 1.0) / 2.0 * (high - low)

    def action(self, settings) -> np.ndarray:
        """The action that wants these settings."""
        return 2.0 * self.space.to_unit(settings) - 1.0

    def features(self, seen: Seen, xp: Any = np):
        """The observation [..., O]: what is seen, in numbers of order one."""
        space, facility = self.space, self.facility
        swing = np.array([max(abs(c.daily) + abs(c.yearly), 1e-9) for c in facility.condition])
        mean = np.array([c.value for c in facility.condition])
        lives = np.array([process.mode.mean_h for process in self.plant.processes])[self.ageing]
        scalars = [
            xp.asarray(seen.current, float)
            / max(float(space.high[max(int(self.plant.current_knob), 0)]), 1.0),
            xp.asarray(seen.stored, float),
            xp.asarray(seen.wanted, float),
            xp.asarray(seen.user, float),
            xp.minimum(seen.left_h, FAR_H) / FAR_H,
            xp.asarray(seen.ahead, float),
        ]
        rows = [
            (seen.held - space.low) / (space.high - space.low) * 2.0 - 1.0,
            (seen.weather - mean) / swing,
            xp.stack(scalars, -1),
            xp.minimum(seen.down, 2.0),
            xp.minimum(seen.age_h / lives, LONG),
            xp.tanh(seen.queue / 500.0),
        ]
        return xp.concatenate(rows, -1)


def task(
    facility: Facility, horizon_h: float = 336.0, shift_h: float = SHIFT_H, law: Law | None = None
) -> Task:
    """The task of a facility; the law is its nominal one unless another is given."""
    plant, law = build(facility), law or nominal(facility)
    scenario = ahead(facility, horizon_h, shift_h)
    most = 6.0 * np.max([rates(plant, row) for row in _hazards(law, facility, scenario)], axis=0)
    weight, sample_h = plant.weight, plant.exchange_h + plant.exposure_h
    lives, experiments = enough(facility, horizon_h, most)
    ageing = np.flatnonzero((plant.shape != 1.0) & (plant.units == 1))
    return Task(
        facility, plant, law, Space.of(facility), scenario, (int(max(lives)), experiments),
        100.0 * weight * sample_h / max(_open_h(scenario) @ weight, 1e-12), ageing,
    )  # fmt: skip


def _hazards(law: Law, facility: Facility, scenario: Scenario) -> list[np.ndarray]:
    """Hazards at the corners of the space that have one knob at an end."""
    space = Space.of(facility)
    ends = [np.where(np.arange(len(space.low)) == k, end, space.present) for k in range(len(space.low))
            for end in (space.low, space.high)]  # fmt: skip
    weather = scenario.conditions.mean(0)
    return [
        np.asarray(law(settings, weather).hazard)
        for settings in [space.present, space.low, space.high, *ends]
    ]


def _open_h(scenario: Scenario) -> np.ndarray:
    """[B] scheduled hours of each beamline up to the horizon."""
    ends = np.minimum(scenario.calendar.end_h, scenario.horizon_h)
    return np.diff(ends, prepend=0.0) @ scenario.calendar.open


class Operation(gymnasium.Env):
    """One run of the reference engine, shift by shift.

    Action: settings wanted, [-1, 1]^K over the knobs' limits; they are approached as fast as ramp rates allow.
    Reward: samples measured in the shift, in percentage points of useful beam over the whole horizon: an episode's
    rewards add up to its useful beam (``twin.outcome.useful_beam``), less at most the sample in hand.
    """

    metadata = {"render_modes": []}

    def __init__(self, task: Task):
        self.task = task
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (len(task.space.low),), np.float64)
        self.observation_space = gymnasium.spaces.Box(-50.0, 50.0, (task.size,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """A new run on draws of its own, or on ``options["draws"]`` of one run."""
        super().reset(seed=seed, options=options)
        draws = (options or {}).get("draws")
        if draws is None:
            draws = self.task.draw(1, int(self.np_random.integers(2**31))).run(0)
        self.run = reference.Run(self.task.plant, draws, self.task.scenario.calendar, record=False)
        self.held, self.shift = self.task.space.present, 0
        self.done = np.zeros(len(self.task.worth))
        return self.task.features(self.seen()), {}

    def step(self, action):
        task, scenario = self.task, self.task.scenario
        start_h, until_h = scenario.edges_h[self.shift : self.shift + 2]
        self.held = task.space.step(self.held, task.wanted(action), until_h - start_h)
        self.run.advance(task.law, self.held, scenario.conditions[self.shift], float(until_h))
        before, self.done = self.done, np.array([line.done for line in self.run.lines])
        self.shift += 1
        over = self.shift == task.shifts
        info = {"settings": self.held, "exhausted": bool(self.run.exhausted)}
        return task.features(self.seen()), float((self.done - before) @ task.worth), False, over, info

    def seen(self) -> Seen:
        """What can be known of the run now."""
        run, scenario = self.run, self.task.scenario
        lives = [run.lives[p] for p in self.task.ageing]
        return Seen(
            held=self.held,
            weather=scenario.conditions[min(self.shift, self.task.shifts - 1)],
            current=run.beam.now_ma(),
            stored=run.beam.mode == reference.STORED,
            down=np.array(run.book.down, float),
            age_h=np.array([life.clock.now - life.born if life.up else 0.0 for life in lives]),
            queue=np.array([line.demand[line.arrived] - line.done for line in run.lines]),
            wanted=run.wanted,
            user=run.user,
            left_h=scenario.calendar.end_h[run.block] - run.env.now,
            ahead=1.0 - self.shift / self.task.shifts,
        )

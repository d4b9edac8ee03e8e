"""A Gymnasium environment over the reference engine: one step is a shift."""

from typing import Any

import gymnasium
import jax
import numpy as np

from controllers.policies.tasks import Observation, Task
from twin import reference
from twin.beam_states import STORED


class Operation(gymnasium.Env):
    """One run of the reference engine, shift by shift.

    Action, [-1, 1]^(K + M): wanted settings, scaled to the knobs' limits and reached as far as ``Task.move`` allows;
    then for each of M subsystems that wear the urgency to replace its oldest unit (``Task.orders``).
    Reward: samples measured in the shift, in percentage points of useful beam over the whole horizon. The rewards of an
    episode add up to its useful beam (``twin.outcome.useful_beam``), minus at most the sample in exposure at the end.
    """

    metadata = {"render_modes": []}

    def __init__(self, task: Task):
        self.task, self.move = task, jax.jit(task.move)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (task.actions,), np.float64)
        self.observation_space = gymnasium.spaces.Box(-50.0, 50.0, (task.size,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start a new run on new draws, or on ``options["draws"]`` of one run."""
        super().reset(seed=seed, options=options)
        draws = (options or {}).get("draws")
        if draws is None:
            draws = self.task.draw(1, int(self.np_random.integers(2**31))).run(0)
        self.run = reference.Run(self.task.plant, draws, self.task.scenario.calendar, record=False)
        for p, age_h in zip(self.task.ageing, self.task.initial_age_h(draws.budget[:, -1]), strict=True):
            self.run.processes[p].born -= float(age_h)
        self.held, self.shift = self.task.space.present, 0
        self.ordered = np.zeros(len(self.task.wearing), bool)
        self.done = np.zeros(len(self.task.sample_value))
        return self.task.features(self.observation()), {}

    def step(self, action):
        """One shift under an action [K + M]: observation, reward, terminated (never), truncated at the end, info."""
        task, scenario = self.task, self.task.scenario
        task.check(action)
        start_h, until_h = scenario.edges_h[self.shift : self.shift + 2]
        retire, self.ordered = task.orders(action, self.observation())
        conditions = scenario.conditions[self.shift]
        self.held = np.asarray(self.move(self.held, np.asarray(action, float), conditions, until_h - start_h))
        self.run.advance(task.law, self.held, conditions, float(until_h), np.flatnonzero(retire))
        before, self.done = self.done, np.array([line.done for line in self.run.lines])
        self.shift += 1
        over = self.shift == task.shifts
        info = {"settings": self.held, "exhausted": bool(self.run.exhausted)}
        return (
            task.features(self.observation()),
            float((self.done - before) @ task.sample_value),
            False,
            over,
            info,
        )

    def observation(self) -> Observation:
        """What a policy may observe of the run now, in the facility's units."""
        run, scenario = self.run, self.task.scenario
        processes = [run.processes[p] for p in self.task.ageing]
        return Observation(
            held=self.held,
            conditions=scenario.conditions[min(self.shift, self.task.shifts - 1)],
            current=run.beam.now_ma(),
            stored=run.beam.mode == STORED,
            down=np.array(run.accounting.down, float),
            age_h=np.array([life.clock.now - life.born if life.up else 0.0 for life in processes]),
            queue=np.array([line.demand[line.arrived] - line.done for line in run.lines]),
            wanted=run.wanted,
            user=run.user,
            left_h=scenario.calendar.end_h[run.block] - run.env.now,
            remaining=1.0 - self.shift / self.task.shifts,
            ordered=self.ordered,
        )

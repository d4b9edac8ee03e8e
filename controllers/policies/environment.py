"""A Gymnasium environment over the reference engine: each shift an action wants settings and sees the machine."""

from typing import Any

import gymnasium
import jax
import numpy as np

from controllers.policies.tasks import Seen, Task
from twin import reference
from twin.beam_states import STORED


class Operation(gymnasium.Env):
    """One run of the reference engine, shift by shift.

    Action, [-1, 1]^(K + M): settings wanted, over the knobs' limits, which are approached as far as ``Task.move``
    allows; then for each of M subsystems that wear the urgency to replace its oldest unit (``Task.orders``).
    Reward: samples measured in the shift, in percentage points of useful beam over the whole horizon: an episode's
    rewards add up to its useful beam (``twin.outcome.useful_beam``), less at most the sample in hand.
    """

    metadata = {"render_modes": []}

    def __init__(self, task: Task):
        self.task, self.move = task, jax.jit(task.move)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (task.actions,), np.float64)
        self.observation_space = gymnasium.spaces.Box(-50.0, 50.0, (task.size,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """A new run on draws of its own, or on ``options["draws"]`` of one run."""
        super().reset(seed=seed, options=options)
        draws = (options or {}).get("draws")
        if draws is None:
            draws = self.task.draw(1, int(self.np_random.integers(2**31))).run(0)
        self.run = reference.Run(self.task.plant, draws, self.task.scenario.calendar, record=False)
        for p, age_h in zip(self.task.ageing, self.task.born_h(draws.budget[:, -1]), strict=True):
            self.run.processes[p].born -= float(age_h)
        self.held, self.shift = self.task.space.present, 0
        self.ordered = np.zeros(len(self.task.wards), bool)
        self.done = np.zeros(len(self.task.worth))
        return self.task.features(self.seen()), {}

    def step(self, action):
        task, scenario = self.task, self.task.scenario
        task.check(action)
        start_h, until_h = scenario.edges_h[self.shift : self.shift + 2]
        retire, self.ordered = task.orders(action, self.seen())
        conditions = scenario.conditions[self.shift]
        self.held = np.asarray(self.move(self.held, np.asarray(action, float), conditions, until_h - start_h))
        self.run.advance(task.law, self.held, conditions, float(until_h), np.flatnonzero(retire))
        before, self.done = self.done, np.array([line.done for line in self.run.lines])
        self.shift += 1
        over = self.shift == task.shifts
        info = {"settings": self.held, "exhausted": bool(self.run.exhausted)}
        return task.features(self.seen()), float((self.done - before) @ task.worth), False, over, info

    def seen(self) -> Seen:
        """What can be known of the run now."""
        run, scenario = self.run, self.task.scenario
        lives = [run.processes[p] for p in self.task.ageing]
        return Seen(
            held=self.held,
            conditions=scenario.conditions[min(self.shift, self.task.shifts - 1)],
            current=run.beam.now_ma(),
            stored=run.beam.mode == STORED,
            down=np.array(run.accounting.down, float),
            age_h=np.array([life.clock.now - life.born if life.up else 0.0 for life in lives]),
            queue=np.array([line.demand[line.arrived] - line.done for line in run.lines]),
            wanted=run.wanted,
            user=run.user,
            left_h=scenario.calendar.end_h[run.block] - run.env.now,
            ahead=1.0 - self.shift / self.task.shifts,
            ordered=self.ordered,
        )

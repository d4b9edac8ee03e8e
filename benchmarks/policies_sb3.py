"""Stable-Baselines3's PPO on the Gymnasium environment of the reference engine, its policies as ours."""

import time
from collections.abc import Iterator
from importlib import metadata
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from controllers.policies.environment import Operation
from controllers.policies.ppo import Actor, Recipe, actor
from controllers.policies.tasks import Task

NEEDS = "stable-baselines3"


class Snapshot(NamedTuple):
    """A policy after so many shifts of the twin, seconds of processor and seconds by the clock."""

    shifts: int
    cpu_s: float
    wall_s: float
    actor: Actor


def version() -> str | None:
    """The installed version, None where it is not installed."""
    try:
        return metadata.version(NEEDS)
    except metadata.PackageNotFoundError:
        return None


class About(gymnasium.ActionWrapper):
    """Actions count from the one that training begins with, so that an untrained net wants that one."""

    def __init__(self, environment: Operation, first: np.ndarray):
        super().__init__(environment)
        self.first = first
        self.action_space = gymnasium.spaces.Box(-2.0, 2.0, first.shape, np.float64)

    def action(self, action):
        return np.asarray(action, float) + self.first


def trained(
    task: Task, recipe: Recipe, first: np.ndarray, seed: int, shifts: int, every: int
) -> Iterator[Snapshot]:
    """A snapshot after each ``every`` shifts. Net, exploration, discount, trace and clip as in ``recipe``; the rest,
    the number of its updates among it, as the library has it."""
    from stable_baselines3 import PPO

    wall, cpu = time.perf_counter(), time.process_time()
    widths = [recipe.width, recipe.width]
    model = PPO(
        "MlpPolicy", About(Operation(task), first), seed=seed, device="cpu", n_steps=every,
        gamma=recipe.discount, gae_lambda=recipe.trace, clip_range=recipe.clip,
        policy_kwargs={"net_arch": {"pi": widths, "vf": widths}, "log_std_init": float(np.log(recipe.sigma))},
    )  # fmt: skip
    for done in range(every, shifts + 1, every):
        model.learn(every, reset_num_timesteps=done == every)
        spent = time.process_time() - cpu, time.perf_counter() - wall
        yield Snapshot(done, *spent, as_ours(model, task, recipe, first))


def as_ours(model: Any, task: Task, recipe: Recipe, first: np.ndarray) -> Actor:
    """The same mean action as one of our actors."""
    import equinox as eqx

    policy = model.policy
    layers = [policy.mlp_extractor.policy_net[0], policy.mlp_extractor.policy_net[2], policy.action_net]
    pairs = [(x.weight.detach().numpy(), x.bias.detach().numpy()) for x in layers]
    blank = actor(task, recipe, jax.random.key(0), first)

    def places(one: Actor):
        return [leaf for layer in one.net.layers for leaf in (layer.weight, layer.bias)]

    return eqx.tree_at(places, blank, [jnp.asarray(leaf) for pair in pairs for leaf in pair])

"""Proximal policy optimisation on the batched twin: rollouts and updates in one compiled program.

J. Schulman et al., Proximal policy optimization algorithms, arXiv:1707.06347. Most of the variance of a shift's reward
comes from random inputs: an improbable failure, many experiments at once, a long repair. The twin knows these inputs,
and two parts of the critic reduce that variance without changing the mean of the policy gradient. The value function
also uses inputs that are hidden from the policy and independent of its actions (``batched_environment.hidden``). And
control variates subtract the effect of random inputs whose mean is zero under every policy
(``batched_environment.centred_inputs``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from controllers.policies.batched_environment import (
    EnvState,
    centred_inputs,
    cumulative_inputs,
    hidden,
    mixed,
    observe,
    reset,
    step,
)
from controllers.policies.tasks import Task
from twin.batched import RunInputs

URGENCY = -0.5  # initial: exploration then orders a unit now and then, and very rarely replaces one at once


class Actor(eqx.Module):
    """A policy: a normal distribution of actions, its mean the initial action plus the output of a small network."""

    net: eqx.nn.MLP
    start: Any  # [K + M] the initial action
    log_sigma: Any  # [K + M] of the exploration

    def mean(self, observation):
        """Mean action [K + M] for one observation [O]."""
        return lax.stop_gradient(self.start) + self.net(observation.astype(jnp.float32))

    def log_probability(self, observation, action):
        """Log probability density [] of an action, up to a constant."""
        away = (action - self.mean(observation)) * jnp.exp(-self.log_sigma)
        return -jnp.sum(0.5 * away**2 + self.log_sigma)

    def act(self, key, run_inputs, env, observation):
        """The mean action of each run, without exploration, [R, K + M] (a ``rules.Act``)."""
        return jax.vmap(self.mean)(observation)

    def explore(self, key, observation):
        """Random actions [R, K + M] of the policy, as training uses them."""
        mean = jax.vmap(self.mean)(observation)
        return mean + jnp.exp(self.log_sigma)[None] * jax.random.normal(key, mean.shape, jnp.float32)


class Critic(eqx.Module):
    """Value function [shifts at reference flux] and control variates, from observation and hidden inputs [O + H]."""

    net: eqx.nn.MLP

    def value(self, full):
        """Expected discounted sum of the future rewards, []."""
        return self.net(full)[0]

    def coefficients(self, full):
        """Coefficients [L] of the control variates: the effect of each random input of the coming shift on that sum."""
        return self.net(full)[1:]


class Agent(NamedTuple):
    """An actor and its critic."""

    actor: Actor
    critic: Critic


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of the training."""

    updates: int = 300
    runs: int = 128  # whole episodes of a rollout
    epochs: int = 4
    batches: int = 8
    width: int = 32
    rate: float = 2e-3
    discount: float = 0.95
    trace: float = 0.9  # lambda of the generalised advantages
    clip: float = 0.2
    sigma: float = 0.25  # initial standard deviation of the exploration, in [-1, 1]


class Sample(NamedTuple):
    """Transitions, leading axis N."""

    observation: Any
    full: Any  # observation and hidden inputs
    action: Any
    inputs: Any  # centred random inputs of the shift
    log_probability: Any
    td_error: Any  # temporal-difference error, without control variates
    advantage: Any
    target: Any  # of the critic's value


def agent(task: Task, pool: RunInputs, recipe: Recipe, key, first=None) -> Agent:
    """A new agent whose initial action is about ``first`` [K + M], by default the present settings (see ``actor``)."""
    keys = jax.random.split(key)
    (_, full), inputs = jax.eval_shape(
        lambda env: (observe_all(task, pool, env), centred_inputs(cumulative_inputs(pool), pool, env)),
        reset(task, pool),
    )
    critic = eqx.nn.MLP(
        full.shape[1], 1 + inputs.shape[1], recipe.width, 2, jnp.tanh, dtype=jnp.float32, key=keys[1]
    )
    return Agent(actor(task, recipe, keys[0], first), Critic(critic))


def actor(task: Task, recipe: Recipe, key, first=None, eager: float = 0.01) -> Actor:
    """A new actor with the initial action ``first`` [K + M]; ``eager`` scales the last weights of its network."""
    net = eqx.nn.MLP(task.size, task.actions, recipe.width, 2, jnp.tanh, dtype=jnp.float32, key=key)
    last = lambda net: (net.layers[-1].weight, net.layers[-1].bias)  # noqa: E731
    net = eqx.tree_at(
        last,
        net,
        tuple(scale * jnp.asarray(part) for scale, part in zip((eager, 0.0), last(net), strict=True)),
    )
    first = opening(task, task.space.present) if first is None else first
    return Actor(
        net, jnp.asarray(first, jnp.float32), jnp.full(task.actions, np.log(recipe.sigma), jnp.float32)
    )


def opening(task: Task, settings, urgency: float = URGENCY) -> np.ndarray:
    """An initial action [K + M]: settings [K] and one urgency to replace old units."""
    return np.concatenate([task.action(settings)[: len(task.space.low)], np.full(len(task.wearing), urgency)])


def observe_all(task: Task, run_inputs: RunInputs, env: EnvState):
    """(observations [R, O], observations and hidden inputs [R, O + H])."""
    observed = observe(task, run_inputs, env)
    return observed, jnp.concatenate([observed, hidden(run_inputs, env)], axis=1)


def td_errors(recipe: Recipe, rewards, values):
    """Temporal-difference errors [T, R] from rewards and values [T, R]; the value after the last shift is 0."""
    after = jnp.concatenate([values[1:], jnp.zeros_like(values[:1])])
    return rewards + recipe.discount * after - values


def advantages(recipe: Recipe, td_error):
    """Generalised advantages [T, R]: discounted sums of the temporal-difference errors [T, R] from each shift on."""

    def back(following, td_error):
        advantage = td_error + recipe.discount * recipe.trace * following
        return advantage, advantage

    return lax.scan(back, jnp.zeros_like(td_error[0]), td_error, reverse=True)[1]


def episodes(task: Task, run_inputs: RunInputs, actor: Actor, key):
    """Episodes with exploration, leading axes [T, R].

    (Observations, observations with hidden inputs, actions, rewards, centred random inputs of each shift.) The random
    inputs of shifts outside user time are set to 0: their effect is negligible.
    """
    user = jnp.asarray(task.scenario.calendar.user)

    def shift(carry: tuple[EnvState, Any], key):
        env, before = carry
        observed, full = (field.astype(jnp.float32) for field in observe_all(task, run_inputs, env))
        action = actor.explore(key, observed)
        after, reward = step(task, run_inputs, env, action)
        now = centred_inputs(sums, run_inputs, after)
        row = reward * task.shifts / 100.0, (now - before) * user[env.state.block][:, None]
        return (after, now), (observed, full, action, *(field.astype(jnp.float32) for field in row))

    env, sums = reset(task, run_inputs), cumulative_inputs(run_inputs)
    begun = env, centred_inputs(sums, run_inputs, env)
    return lax.scan(shift, begun, jax.random.split(key, task.shifts))[1]


def collect(task: Task, recipe: Recipe, pool: RunInputs, agent: Agent, key) -> tuple[Sample, Any]:
    """(Transitions, mean sum of rewards [%]) of one rollout."""
    mix, explore = jax.random.split(key)
    rollout = episodes(task, mixed(pool, recipe.runs, mix), agent.actor, explore)
    observed, full, action, reward, inputs = rollout
    each = lambda f: jax.vmap(jax.vmap(f))  # noqa: E731
    value = each(agent.critic.value)(full)
    td_error = td_errors(recipe, reward, value)
    found = advantages(recipe, td_error - jnp.sum(each(agent.critic.coefficients)(full) * inputs, -1))
    log_probability = each(agent.actor.log_probability)(observed, action)
    ready = (found - found.mean()) / (found.std() + 1e-8)
    sample = Sample(observed, full, action, inputs, log_probability, td_error, ready, found + value)
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), sample)
    return flat, jnp.mean(jnp.sum(reward, 0)) * 100.0 / task.shifts


def loss(agent: Agent, recipe: Recipe, sample: Sample):
    """The clipped surrogate objective, and the critic's squared errors of value and control variates."""
    ratio = jnp.exp(
        jax.vmap(agent.actor.log_probability)(sample.observation, sample.action) - sample.log_probability
    )
    clipped = jnp.clip(ratio, 1.0 - recipe.clip, 1.0 + recipe.clip)
    gain = jnp.minimum(ratio * sample.advantage, clipped * sample.advantage).mean()
    off = jax.vmap(agent.critic.value)(sample.full) - sample.target
    rest = jnp.sum(jax.vmap(agent.critic.coefficients)(sample.full) * sample.inputs, -1) - sample.td_error
    return 0.5 * jnp.mean(off**2 + rest**2) - gain


def training(
    task: Task, pool: RunInputs, recipe: Recipe = Recipe(), seed: int = 0, first=None
) -> Iterator[tuple[Actor, float]]:
    """(The actor, mean sum of rewards of its rollout [%]) after each update; one seed gives equal bits.

    ``pool``: the runs whose random inputs are mixed again for each rollout. ``first`` [K + M]: the initial action.
    """
    begin, rest = jax.random.split(jax.random.key(seed))
    weights, fixed = eqx.partition(agent(task, pool, recipe, begin, first), eqx.is_inexact_array)
    steps = recipe.updates * recipe.epochs * recipe.batches
    optimiser = optax.chain(
        optax.clip_by_global_norm(0.5),
        optax.adam(optax.linear_schedule(recipe.rate, 0.05 * recipe.rate, steps)),
    )

    def learn(carry, sample):
        weights, moments = carry
        slope = jax.grad(lambda w: loss(eqx.combine(w, fixed), recipe, sample))(weights)
        change, moments = optimiser.update(slope, moments, weights)
        return (optax.apply_updates(weights, change), moments), None

    @jax.jit
    def update(pool, carry, key):
        gather, mix = jax.random.split(key)
        sample, score = collect(task, recipe, pool, eqx.combine(carry[0], fixed), gather)

        def epoch(carry, key):
            order = jax.random.permutation(key, len(sample.target)).reshape(recipe.batches, -1)
            return lax.scan(learn, carry, jax.tree.map(lambda a: a[order], sample))

        return lax.scan(epoch, carry, jax.random.split(mix, recipe.epochs))[0], score

    carry = weights, optimiser.init(weights)
    for key in jax.random.split(rest, recipe.updates):
        carry, score = update(pool, carry, key)
        yield eqx.combine(carry[0], fixed).actor, float(score)


def train(
    task: Task, pool: RunInputs, recipe: Recipe = Recipe(), seed: int = 0, first=None
) -> tuple[Actor, np.ndarray]:
    """(The trained actor, mean sum of rewards of each update's rollout [U], %): ``training`` to its end."""
    actors, scores = zip(*training(task, pool, recipe, seed, first), strict=True)
    return actors[-1], np.array(scores)

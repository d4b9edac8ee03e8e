"""Proximal policy optimisation on the batched twin: rollouts and updates in one compiled program.

J. Schulman et al., Proximal policy optimization algorithms, arXiv:1707.06347. What a shift brings is mostly luck: a
failure that its hazard hardly promised, a rush of experiments, a long repair. The twin knows that luck, and two
parts of the critic take it off what teaches, neither of which shifts a policy's gradient in the mean. It sees what
is hidden from the policy and beyond its reach (``batched_environment.hidden``); and it prices each piece of luck,
whose mean is zero whatever is done (``batched_environment.inputs``).
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

from controllers.policies.batched_environment import Play, hidden, inputs, mixed, observe, reset, step, told
from controllers.policies.tasks import Task
from twin.batched import RunInputs

URGENCY = -0.5  # at first: exploring orders a unit now and then, and hardly ever replaces one at once


class Actor(eqx.Module):
    """A policy: a normal about a mean that a small net gives; at first it wants some settings and leaves all units."""

    net: eqx.nn.MLP
    start: Any  # [K + M] the first action
    log_sigma: Any  # [K + M] of the exploration

    def mean(self, observation):
        """The action wanted [K + M], for one observation [O]."""
        return lax.stop_gradient(self.start) + self.net(observation.astype(jnp.float32))

    def log_chance(self, observation, action):
        """Log density [] of an action, up to a constant."""
        away = (action - self.mean(observation)) * jnp.exp(-self.log_sigma)
        return -jnp.sum(0.5 * away**2 + self.log_sigma)

    def act(self, key, world, play, observation):
        """The mean action of each run, without exploration, [R, K + M] (a ``rules.Act``)."""
        return jax.vmap(self.mean)(observation)

    def explore(self, key, observation):
        """Actions [R, K + M] with exploration."""
        mean = jax.vmap(self.mean)(observation)
        return mean + jnp.exp(self.log_sigma)[None] * jax.random.normal(key, mean.shape, jnp.float32)


class Critic(eqx.Module):
    """What it makes of all that is known [O + H]: the worth of what is to come, in shifts at reference flux."""

    net: eqx.nn.MLP

    def value(self, known):
        """Discounted rewards expected from here on, []."""
        return self.net(known)[0]

    def prices(self, known):
        """What each piece of the coming shift's luck adds to them, [L]."""
        return self.net(known)[1:]


class Agent(NamedTuple):
    """Who acts, and who says what that is worth."""

    actor: Actor
    critic: Critic


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    updates: int = 300
    runs: int = 128  # a rollout: whole episodes
    epochs: int = 4
    batches: int = 8
    width: int = 32
    rate: float = 2e-3
    discount: float = 0.95
    trace: float = 0.9  # lambda of the advantages
    clip: float = 0.2
    sigma: float = 0.25  # exploration at the beginning, in [-1, 1]


class Sample(NamedTuple):
    """Transitions, leading axis N."""

    observation: Any
    known: Any  # the same and what is hidden
    action: Any
    lucky: Any
    log_chance: Any
    surprise: Any  # with luck
    advantage: Any
    goal: Any  # of the critic's value


def agent(task: Task, pool: RunInputs, recipe: Recipe, key, first=None) -> Agent:
    """A new agent whose first action is about ``first`` [K + M], default the present settings: see ``actor``."""
    keys = jax.random.split(key)
    (_, known), lucky = jax.eval_shape(
        lambda play: (look(task, pool, play), inputs(told(pool), pool, play)), reset(task, pool)
    )
    critic = eqx.nn.MLP(
        known.shape[1], 1 + lucky.shape[1], recipe.width, 2, jnp.tanh, dtype=jnp.float32, key=keys[1]
    )
    return Agent(actor(task, recipe, keys[0], first), Critic(critic))


def actor(task: Task, recipe: Recipe, key, first=None, eager: float = 0.01) -> Actor:
    """A new actor that begins about ``first`` [K + M]: the last layer of its net is small, or none at ``eager`` 0."""
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
    """A first action [K + M]: settings [K], and how urgent it is to replace old units."""
    return np.concatenate([task.action(settings)[: len(task.space.low)], np.full(len(task.wards), urgency)])


def look(task: Task, world: RunInputs, play: Play):
    """(observations [R, O], all that is known [R, O + H])."""
    seen = observe(task, world, play)
    return seen, jnp.concatenate([seen, hidden(world, play)], axis=1)


def surprises(recipe: Recipe, rewards, values):
    """What each shift brought and promises from then on, beyond what was expected before, [T, R]; T ends it."""
    after = jnp.concatenate([values[1:], jnp.zeros_like(values[:1])])
    return rewards + recipe.discount * after - values


def advantages(recipe: Recipe, surprise):
    """Generalised advantages [T, R]: discounted sums of surprises [T, R] to come."""

    def back(following, surprise):
        advantage = surprise + recipe.discount * recipe.trace * following
        return advantage, advantage

    return lax.scan(back, jnp.zeros_like(surprise[0]), surprise, reverse=True)[1]


def episodes(task: Task, world: RunInputs, actor: Actor, key):
    """(observations, all that is known, actions, rewards, luck) of episodes with exploration, leading axes [T, R].

    The luck of shifts outside users' time is left out: it costs next to nothing.
    """
    user = jnp.asarray(task.scenario.calendar.user)

    def shift(carry: tuple[Play, Any], key):
        play, before = carry
        seen, known = (field.astype(jnp.float32) for field in look(task, world, play))
        action = actor.explore(key, seen)
        after, reward = step(task, world, play, action)
        now = inputs(sums, world, after)
        row = reward * task.shifts / 100.0, (now - before) * user[play.state.block][:, None]
        return (after, now), (seen, known, action, *(field.astype(jnp.float32) for field in row))

    play, sums = reset(task, world), told(world)
    return lax.scan(shift, (play, inputs(sums, world, play)), jax.random.split(key, task.shifts))[1]


def collect(task: Task, recipe: Recipe, pool: RunInputs, agent: Agent, key) -> tuple[Sample, Any]:
    """(transitions, mean sum of rewards [%]) of one rollout."""
    which, way = jax.random.split(key)
    rollout = episodes(task, mixed(pool, recipe.runs, which), agent.actor, way)
    seen, known, action, reward, lucky = rollout
    each = lambda f: jax.vmap(jax.vmap(f))  # noqa: E731
    value = each(agent.critic.value)(known)
    surprise = surprises(recipe, reward, value)
    found = advantages(recipe, surprise - jnp.sum(each(agent.critic.prices)(known) * lucky, -1))
    chance = each(agent.actor.log_chance)(seen, action)
    ready = (found - found.mean()) / (found.std() + 1e-8)
    sample = Sample(seen, known, action, lucky, chance, surprise, ready, found + value)
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), sample)
    return flat, jnp.mean(jnp.sum(reward, 0)) * 100.0 / task.shifts


def loss(agent: Agent, recipe: Recipe, sample: Sample):
    """The clipped surrogate, and the critic's squared errors of value and prices."""
    ratio = jnp.exp(jax.vmap(agent.actor.log_chance)(sample.observation, sample.action) - sample.log_chance)
    clipped = jnp.clip(ratio, 1.0 - recipe.clip, 1.0 + recipe.clip)
    gain = jnp.minimum(ratio * sample.advantage, clipped * sample.advantage).mean()
    off = jax.vmap(agent.critic.value)(sample.known) - sample.goal
    rest = jnp.sum(jax.vmap(agent.critic.prices)(sample.known) * sample.lucky, -1) - sample.surprise
    return 0.5 * jnp.mean(off**2 + rest**2) - gain


def training(
    task: Task, pool: RunInputs, recipe: Recipe = Recipe(), seed: int = 0, first=None
) -> Iterator[tuple[Actor, float]]:
    """After each update (the actor, mean sum of rewards of its rollout [%]); bit for bit the same from one seed.

    ``pool``: the runs whose luck is mixed anew for each rollout. ``first`` [K + M]: the action to begin with.
    """
    begin, rest = jax.random.split(jax.random.key(seed))
    weights, fixed = eqx.partition(agent(task, pool, recipe, begin, first), eqx.is_inexact_array)
    steps = recipe.updates * recipe.epochs * recipe.batches
    optimiser = optax.chain(
        optax.clip_by_global_norm(0.5),
        optax.adam(optax.linear_schedule(recipe.rate, 0.05 * recipe.rate, steps)),
    )

    def learn(carry, sample):
        weights, memory = carry
        slope = jax.grad(lambda w: loss(eqx.combine(w, fixed), recipe, sample))(weights)
        change, memory = optimiser.update(slope, memory, weights)
        return (optax.apply_updates(weights, change), memory), None

    @jax.jit
    def update(pool, carry, key):
        gather, mix = jax.random.split(key)
        sample, score = collect(task, recipe, pool, eqx.combine(carry[0], fixed), gather)

        def epoch(carry, key):
            order = jax.random.permutation(key, len(sample.goal)).reshape(recipe.batches, -1)
            return lax.scan(learn, carry, jax.tree.map(lambda a: a[order], sample))

        return lax.scan(epoch, carry, jax.random.split(mix, recipe.epochs))[0], score

    carry = weights, optimiser.init(weights)
    for key in jax.random.split(rest, recipe.updates):
        carry, score = update(pool, carry, key)
        yield eqx.combine(carry[0], fixed).actor, float(score)


def train(
    task: Task, pool: RunInputs, recipe: Recipe = Recipe(), seed: int = 0, first=None
) -> tuple[Actor, np.ndarray]:
    """(The trained actor, mean sum of rewards of each update's rollout [U]) at the end of ``training``."""
    actors, scores = zip(*training(task, pool, recipe, seed, first), strict=True)
    return actors[-1], np.array(scores)

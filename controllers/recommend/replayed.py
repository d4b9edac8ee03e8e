"""Replay of the last weeks of the log at the proposed settings with the same random events."""

import jax

from controllers.policy import Policy
from controllers.recommend import reasons
from controllers.recommend.case import Case, Effort
from controllers.recommendation import parts
from replay_data import replay
from replay_data.view import LogView
from twin.types import Progress

METRICS: tuple[parts.ReplayMetric, ...] = ("failures", "lost_h", "useful_beam")
TEXT = "replaying the last weeks"


def replayed(
    this: Case, log: LogView, policy: Policy, effort: Effort, seed: int, progress: Progress
) -> parts.Replay:
    """The counterfactual replay with the settings of ``policy``, beside the factual replay of the record."""
    progress(TEXT, 0.0)
    window = replay.window(log, effort.horizon_h)
    laws = this.law.draws(jax.random.key(seed + 1), effort.replay_laws)
    changed = replay.altered(window, this.named(policy.wanted))
    found = replay.counterfactual(window, changed, laws, effort.replay_laws, effort.replay_runs, seed)
    fact = replay.factual(window, this.law.mean(), seed)
    progress(TEXT, 1.0)
    return parts.Replay(
        metrics=tuple(_metric(name, found) for name in METRICS),
        timeline=parts.Timeline.of(
            window.from_h, window.from_h + window.scenario.horizon_h, fact.outages, found.outages
        ),
        reproduced=parts.Reproduced(failures=fact.failures, at_their_hour=fact.reproduced),
        summary=reasons.same_random_events(window, found),
    )


def _metric(name: parts.ReplayMetric, found: replay.Counterfactual) -> parts.Replayed:
    after = found.after[name]
    low, high = replay.interval(after)
    estimate = parts.Estimate(mean=float(after.mean()), low=float(low), high=float(high))
    return parts.Replayed(metric=name, record=float(found.before[name].mean()), counterfactual=estimate)

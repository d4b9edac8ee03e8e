"""The last weeks of the log at the proposed settings with the same random events."""

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
    """The replay of the record and that with the settings of ``policy``."""
    progress(TEXT, 0.0)
    view = replay.window(log, effort.horizon_h)
    laws = this.law.draws(jax.random.key(seed + 1), effort.replay_laws)
    changed = replay.altered(view, this.named(policy.wanted))
    seen = replay.counterfactual(view, changed, laws, effort.replay_laws, effort.replay_runs, seed)
    fact = replay.factual(view, this.law.mean(), seed)
    progress(TEXT, 1.0)
    return parts.Replay(
        metrics=tuple(_metric(name, seen) for name in METRICS),
        timeline=parts.Timeline.of(
            view.from_h, view.from_h + view.scenario.horizon_h, fact.outages, seen.outages
        ),
        reproduced=parts.Reproduced(failures=fact.failures, at_their_hour=fact.reproduced),
        summary=reasons.same_random_events(view, seen),
    )


def _metric(name: parts.ReplayMetric, seen: replay.Counterfactual) -> parts.Replayed:
    after = seen.after[name]
    low, high = replay.interval(after)
    estimate = parts.Estimate(mean=float(after.mean()), low=float(low), high=float(high))
    return parts.Replayed(metric=name, record=float(seen.before[name].mean()), counterfactual=estimate)

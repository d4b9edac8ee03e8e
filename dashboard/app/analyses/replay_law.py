"""The law of a replay: that of a trained model or, without one, that of the facility file."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from replay_data import replay
from replay_data.record import Log, instant
from replay_data.replay import Counterfactual, Window
from surrogate import registry
from surrogate.registry import Model
from twin import Facility, load
from twin.nominal import nominal

LAWS, EACH = 8, 4  # posterior samples of the law, and runs of each


@dataclass(frozen=True)
class Twin:
    """A facility with a trained model; without a model the law of the facility file is used."""

    facility: Facility
    model: Model | None

    @property
    def law(self) -> Any:
        """The law of a factual replay."""
        return nominal(self.facility) if self.model is None else self.model.law.mean()

    def learned_h(self, log: Log) -> float:
        """The hour of a log up to which the model was trained on its time; 0 if it was not."""
        until = 0.0
        for trained in [] if self.model is None else self.model.entry.card["logs"]:
            late_h = (instant(trained["start"]) - instant(log.start)).total_seconds() / 3600.0
            until = max(until, late_h + trained["hours"]) if late_h < log.hours else until
        return min(until, log.hours)


def twin_of(facility_name: str, model_id: str | None) -> Twin:
    """The model asked for or the one in service; the law of the facility file if none is trained and none asked for."""
    facility = load(facility_name)
    if model_id is None and not registry.entries(facility.name):
        return Twin(facility, None)
    model = registry.load(model_id, facility.name)
    return Twin(model.facility, model)


@jax.jit
def _predicted(law, settings, conditions):
    return jax.vmap(lambda s, c: law.predict(s, c))(settings, conditions)


@jax.jit
def _stated(law, settings, conditions):
    return jax.vmap(lambda s, c: law(s, c).quantity)(settings, conditions)


@jax.jit
def _distances(law, settings, conditions):
    return jax.vmap(lambda s, c: law.support(s, c))(settings, conditions)


def predictor(twin: Twin) -> replay.Predict:
    """The prediction (mean, low, high) of a twin; the law of the facility file states no interval."""
    if twin.model is not None:
        law = twin.model.law
        return lambda s, c: _predicted(law, s, c)

    def stated(settings, conditions):
        mean = np.asarray(_stated(twin.law, settings, conditions))
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)

    return stated


def reach(view: Window, changed: Window, twin: Twin) -> replay.Reach:
    """Where a counterfactual leaves the support of the model's logs; without a model, only that of this record."""
    if twin.model is None:
        return replay.reach(view, changed, lambda s, c: np.zeros(len(s)), np.inf)
    law = twin.model.law
    assert law.seen is not None, "a stored model has its support"
    return replay.reach(view, changed, lambda s, c: _distances(law, s, c), float(np.asarray(law.seen.limit)))


def with_same_random_events(view: Window, changed: Window, twin: Twin, seed: int) -> Counterfactual:
    """A counterfactual replay under posterior samples of the model's law, or under the law of the facility file."""
    if twin.model is None:
        law = jax.tree.map(lambda a: np.asarray(a)[None], twin.law)
        return replay.counterfactual(view, changed, law, 1, LAWS * EACH, seed)
    laws = twin.model.law.draws(jax.random.key(seed), LAWS)
    return replay.counterfactual(view, changed, laws, LAWS, EACH, seed)

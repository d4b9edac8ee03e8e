"""Candidate forms of a hazard, and the posterior of each from stretches of exposure."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from surrogate.exposure import Exposure
from surrogate.loglinear import SHAPES
from surrogate.neural import Hidden, hidden_layer
from twin import Facility
from twin.facility import Mode

EFFECT_SD = 0.3
"""Prior sd of the change of log rate per standard deviation of an input: a factor 1.35 is one sigma."""
STRONG_SD = 1.0
"""Prior sd for the knob of a law of one knob."""
BASE_SD = 1.0
"""Prior sd of the log rate about that of the facility file: worth one observed failure."""
SHAPE_SD = 0.3
"""Prior sd of the log of a Weibull shape about that of the facility file."""


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of the inputs [I]."""

    mean: np.ndarray
    sd: np.ndarray

    def z(self, x: np.ndarray, power: np.ndarray) -> np.ndarray:
        """Standardised inputs [S, I]; the logarithm where ``power``: see ``LogLinear``."""
        ratio = np.maximum(np.where(power, x / np.where(power, self.mean, 1.0), 1.0), 1e-9)
        return np.where(power, self.mean * np.log(ratio), x - self.mean) / self.sd


@dataclass(frozen=True)
class Form:
    """How a log rate depends on the inputs [I], with a prior for each."""

    name: str
    sd: np.ndarray  # [I] prior sd of the change of log rate per standard deviation of the input
    power: np.ndarray  # [I] whether the rate depends on the logarithm of the input
    ages: bool = False  # the Weibull shape is learned
    net: bool = False  # a hidden layer is added


def forms(facility: Facility, single: bool) -> list[Form]:
    """The candidate forms: log-linear first, then those that must be clearly better to replace it.

    ``single``: each process is one unit whose lives are separate, so a Weibull shape can be learned. A law of
    one knob (an exponential, such as that of a cavity in its gradient, or a power) has a wide prior on that
    knob. Every form has all inputs: to leave one out would assume that it has no effect.
    """
    inputs, knobs = len(facility.inputs), facility.knob
    usual, none = np.full(inputs, EFFECT_SD), np.zeros(inputs, bool)
    positive = np.array([i < len(knobs) and knobs[i].low > 0 for i in range(inputs)], bool)
    found = [Form("log-linear", usual, none)]
    for i, knob in enumerate(knobs):
        one = np.arange(inputs) == i
        found.append(Form(f"exponential in {knob.name}", np.where(one, STRONG_SD, usual), none))
        if positive[i]:
            found.append(Form(f"power of {knob.name}", np.where(one, STRONG_SD, usual), one))
    found += [Form("powers of the knobs", usual, positive)] if positive.any() else []
    found += [Form("log-linear, Weibull age", usual, none, ages=True)] if single else []
    return [*found, Form("neural", usual, none, net=True)]


def constant(inputs: int) -> Form:
    """A constant rate: the baseline of every form, never in service."""
    return Form("constant", np.full(inputs, 1e-6), np.zeros(inputs, bool))


def posterior(
    z, spent, events, base: float, shape: float = 1.0, sd: Any = EFFECT_SD, newton_steps: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """MAP [1 + I] and Laplace covariance of w from S stretches: inputs z [S, I], exposure and events [S].

    Maximises sum(events * log h - h * spent) with log h = k (log gamma(1 + 1/k) + w . (1, z)) for Weibull
    shape k, a Poisson likelihood, and Gaussian priors (``base``, BASE_SD) on w0 and (0, ``sd``) on the
    rest. It is concave, so damped Newton converges to the maximum.
    """
    a, lift = np.column_stack([np.ones(len(z)), z]), float(gammaln(1.0 + 1.0 / shape))
    centre = np.concatenate([[base], np.zeros(z.shape[1])])
    precision = np.concatenate([[BASE_SD**-2], np.broadcast_to(sd, z.shape[1]) ** -2.0])

    def parts(w):
        log_h = shape * (lift + a @ w)
        h = np.exp(np.minimum(log_h, 700.0)) * spent
        return events @ log_h - h.sum() - 0.5 * precision @ (w - centre) ** 2, h

    def curvature(h):
        return shape**2 * (a * h[:, None]).T @ a + np.diag(precision)

    w = centre.copy()
    if events.sum():
        w[0] = np.log(events.sum() / max(spent.sum(), 1e-300)) / shape - lift
    value, h = parts(w)
    for _ in range(newton_steps):
        slope = shape * (a.T @ (events - h)) - precision * (w - centre)
        step, share = np.linalg.solve(curvature(h), slope), 1.0
        new, there = parts(w + step)
        while new < value and share > 1e-6:
            share /= 2
            new, there = parts(w + share * step)
        w, value, h = w + share * step, new, there
        if np.abs(share * step).max() < 1e-10:
            break
    return w, np.linalg.inv(curvature(h))


def base_rate(facility: Facility, name: str) -> float:
    """Log failure rate [1/h] of a process of mode ``name`` in the facility file.

    For a law other than Weibull it is the log of the factor on its hazard, 0.
    """
    mode, units = next((m, n) for s, m, n in facility.processes if f"{s.name}.{m.name}" == name)
    return math.log(units * (1.0 - mode.beta) / mode.mean_h) if mode.law == "weibull" else 0.0


@dataclass(frozen=True)
class Fit:
    """The posterior of one mode in one form: w of (1, z [I], hidden [H]), and the shape."""

    form: Form
    mode: Mode
    scale: Scale
    shape: float
    mean: np.ndarray  # [1 + I + H]
    root: np.ndarray  # [1 + I + H + A, R] as ``LogLinear.root``
    hidden: Hidden | None = None

    def log_rate(self, x: np.ndarray) -> np.ndarray:
        """Log rate [S] at inputs [S, I]."""
        return self.mean[0] + _design(self.form, self.scale, x, self.hidden) @ self.mean[1:]

    def log_hazard(self, x: np.ndarray) -> np.ndarray:
        """Log of the hazard [S], 1/h**shape."""
        return self.shape * (float(gammaln(1.0 + 1.0 / self.shape)) + self.log_rate(x))

    def expected(self, exposure: Exposure) -> np.ndarray:
        """Failures expected in each stretch, [S]."""
        return np.exp(np.minimum(self.log_hazard(exposure.x), 700.0)) * exposure.spent(self.mode, self.shape)

    def loss(self, exposure: Exposure) -> np.ndarray:
        """Deviance of each stretch [S] without the terms that all models share: 2 (expected - events log intensity)."""
        log_h = self.log_hazard(exposure.x)
        if self.mode.law == "weibull":
            log_h = log_h + math.log(self.shape) + (self.shape - 1.0) * _log_age(exposure)
        return 2.0 * (self.expected(exposure) - exposure.events * log_h)


def _log_age(exposure: Exposure) -> np.ndarray:
    return np.log(np.maximum(exposure.old_h, 1e-6))


def _design(form: Form, scale: Scale, x: np.ndarray, hidden: Hidden | None) -> np.ndarray:
    z = scale.z(x, form.power)
    return z if hidden is None else np.hstack([z, hidden(z)])


def fit(form: Form, mode: Mode, exposure: Exposure, scale: Scale, base: float, seed: int = 0) -> Fit:
    """The posterior of a form from the exposure of a mode; the shape is that of the file unless it is learned."""
    shape = mode.shape if mode.law == "weibull" else 1.0
    hidden = None
    if form.net:
        spent = exposure.spent(mode, shape)
        start = float(np.log(max(exposure.events.sum(), 0.5) / max(spent.sum(), 1e-300)))
        hidden = hidden_layer(
            _design(form, scale, exposure.x, None), spent, exposure.events, start, EFFECT_SD, seed
        )
    z = _design(form, scale, exposure.x, hidden)
    if not form.ages:
        sd = np.concatenate([form.sd, np.full(z.shape[1] - len(form.sd), EFFECT_SD)])
        w, covariance = posterior(z, exposure.spent(mode, shape), exposure.events, base, shape, sd)
        return Fit(form, mode, scale, shape, w, np.linalg.cholesky(covariance), hidden)
    return _with_shape(form, mode, exposure, scale, base, z)


def _with_shape(form: Form, mode: Mode, exposure: Exposure, scale: Scale, base: float, z) -> Fit:
    """Weibull shape and w together: the shape by its profile, w given the shape by Laplace.

    w = w(log k) + root e, log k = its mode + sd e': the last row and column of ``root`` are those of log k.
    """
    centre = math.log(mode.shape)

    def given(log_k: float) -> tuple[float, np.ndarray, np.ndarray]:
        k = math.exp(log_k)
        w, covariance = posterior(z, exposure.spent(mode, k), exposure.events, base, k, form.sd)
        there = Fit(form, mode, scale, k, w, covariance)
        prior = BASE_SD**-2 * (w[0] - base) ** 2 + ((w[1:] / form.sd) ** 2).sum()
        prior += SHAPE_SD**-2 * (log_k - centre) ** 2
        volume = np.linalg.slogdet(covariance)[1]
        return 0.5 * (there.loss(exposure).sum() + prior - volume), w, covariance

    bounds = max(centre - 1.2, math.log(SHAPES[0])), min(centre + 1.2, math.log(SHAPES[1]))
    found: Any = minimize_scalar(
        lambda s: given(s)[0], bounds=bounds, method="bounded", options={"xatol": 1e-3}
    )
    best = float(found.x)
    step = 0.05
    (low, w_low, _), (mid, w, covariance), (high, w_high, _) = (given(best + s * step) for s in (-1, 0, 1))
    sd = 1.0 / math.sqrt(max((low - 2.0 * mid + high) / step**2, SHAPE_SD**-2))
    root = np.zeros((len(w) + 1, len(w) + 1))
    root[:-1, :-1] = np.linalg.cholesky(covariance)
    root[:-1, -1] = (w_high - w_low) / (2.0 * step) * sd
    root[-1, -1] = sd
    return Fit(form, mode, scale, math.exp(best), w, root)

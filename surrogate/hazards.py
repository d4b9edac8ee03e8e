"""How often what fails, learned from faults: one log-linear hazard per failure mode, with its posterior."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import kstest

from surrogate.baselines import block_bootstrap
from surrogate.exposure import Exposure, History, expose, modes
from twin import Facility, UserError
from twin.tables import Mode

EFFECT_SD = 0.3
"""Prior sd of the change of log hazard per standard deviation of an input: a factor 1.35 is one sigma."""

BASE_SD = 1.0
"""Prior sd of the log hazard about the facility file's own: as much as one observed failure says."""

FEWEST_FOR_KS = 5


@dataclass(frozen=True)
class Hazards:
    """Posteriors of G modes: log h = w . (1, z), with z the standardised inputs."""

    names: list[str]  # G modes, ``subsystem.mode``
    mean: np.ndarray  # [G, 1 + I]
    root: np.ndarray  # [G, 1 + I, 1 + I] a square root of the covariance
    group: np.ndarray  # [P] the mode of each process
    x_mean: np.ndarray  # [I]
    x_scale: np.ndarray  # [I]


def posterior(z, spent, events, base: float, newton_steps: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """MAP [1 + I] and Laplace covariance of w from S stretches: inputs z [S, I], exposure and events [S].

    Maximises sum(events * log h - h * spent) with log h = w . (1, z), a Poisson likelihood, and Gaussian
    priors (``base``, BASE_SD) on w0 and (0, EFFECT_SD) on the rest. It is concave, so damped Newton
    cannot miss.
    """
    a = np.column_stack([np.ones(len(z)), z])
    centre = np.concatenate([[base], np.zeros(z.shape[1])])
    precision = np.concatenate([[BASE_SD**-2], np.full(z.shape[1], EFFECT_SD**-2)])

    def value(w):
        log_h = a @ w
        return events @ log_h - np.exp(np.minimum(log_h, 700.0)) @ spent - 0.5 * precision @ (w - centre) ** 2

    def curvature(w):
        return (a * (np.exp(a @ w) * spent)[:, None]).T @ a + np.diag(precision)

    w = centre.copy()
    w[0] = np.log(max(events.sum(), 0.5) / max(spent.sum(), 1e-300))
    for _ in range(newton_steps):
        slope = a.T @ (events - np.exp(a @ w) * spent) - precision * (w - centre)
        step, share = np.linalg.solve(curvature(w), slope), 1.0
        while value(w + share * step) < value(w) and share > 1e-6:
            share /= 2
        w = w + share * step
        if np.abs(share * step).max() < 1e-10:
            break
    return w, np.linalg.inv(curvature(w))


def base_rate(facility: Facility, name: str) -> float:
    """Log hazard [1/h**shape] that the facility file's mean life gives a process of mode ``name``."""
    mode, units = next((m, n) for s, m, n in facility.processes if f"{s.name}.{m.name}" == name)
    return math.log(units * (math.gamma(1 + 1 / mode.shape) / mode.mean_h) ** mode.shape)


def learn(
    facility: Facility, logs: list[History], x_mean, x_scale, boundary_h: float, seed: int = 0
) -> tuple[Hazards, list[dict]]:
    """Posteriors from the whole logs, and one report a mode, its skill measured after ``boundary_h``."""
    found = modes(facility)
    others = [f"{name} (law = {mode.law!r})" for name, (mode, _) in found.items() if mode.law != "weibull"]
    if others:
        raise UserError(f"hazards are learned for law = 'weibull' only, not yet for: {', '.join(others)}")
    means, roots, reports = [], [], []
    for name, (mode, processes) in found.items():
        seen = expose(facility, logs, mode, processes)
        z, base = (seen.x - x_mean) / x_scale, base_rate(facility, name)
        w, covariance = posterior(z, seen.spent, seen.events, base)
        means.append(w)
        roots.append(np.linalg.cholesky(covariance))
        report = describe(facility, name, mode, seen, w, covariance)
        reports.append(report | _skill(z, seen, base, boundary_h, seed) | {"ks_p": rescaled(z, seen, w)})
    index = {name: i for i, (_, processes) in enumerate(found.values()) for name in processes}
    width = 1 + len(facility.inputs)
    hazards = Hazards(
        list(found), np.array(means).reshape(-1, width), np.array(roots).reshape(-1, width, width),
        np.array([index[name] for name in facility.process_names], int),
        np.asarray(x_mean), np.asarray(x_scale),
    )  # fmt: skip
    return hazards, reports


def describe(facility: Facility, name: str, mode: Mode, seen: Exposure, w, covariance) -> dict:
    """Events, exposure, hazard at the mean inputs, each input's rate ratio per +1 sd; 90 % intervals."""
    sd = np.sqrt(np.diag(covariance))

    def ratio(i):
        return {
            k: float(math.exp(w[i] + s * 1.645 * sd[i])) for k, s in (("mean", 0), ("low", -1), ("high", 1))
        }

    return {
        "mode": name,
        "events": int(seen.events.sum()),
        "hours_at_risk": float(seen.hours.sum()),
        "shape": mode.shape,
        "hazard": ratio(0) | {"unit": "1/h" if mode.shape == 1.0 else f"1/h**{mode.shape:g}"},
        "mean_life_h": {
            k: math.gamma(1 + 1 / mode.shape) * ratio(0)[other] ** (-1 / mode.shape)
            for k, other in (("mean", "mean"), ("low", "high"), ("high", "low"))
        },
        "effects": [{"input": item} | ratio(i + 1) for i, item in enumerate(facility.inputs)],
    }


def rescaled(z, seen: Exposure, w) -> float | None:
    """Kolmogorov-Smirnov p-value of the budgets spent between failures being unit-exponential.

    The processes' spent hazards are laid end to end, which a unit-rate Poisson process allows: so only
    the very last stretch is censored. The rates are fitted to the same failures, so the test is lenient.
    None below 5 events.
    """
    if seen.events.sum() < FEWEST_FOR_KS:
        return None
    spent = np.cumsum(np.exp(w[0] + z @ w[1:]) * seen.spent)[seen.events > 0]
    return float(kstest(np.diff(spent, prepend=0.0), "expon").pvalue)


def _skill(z, seen: Exposure, base: float, boundary_h: float, seed: int) -> dict:
    """Deviance after ``boundary_h`` of model and constant rate, fitted before it; None without events.

    Deviance = 2 sum(h * spent - events * log h), up to what both share; the interval of the difference is
    a block bootstrap over days.
    """
    before, after = seen.time_h <= boundary_h, seen.time_h > boundary_h
    n = int(seen.events[after].sum())
    empty = {"deviance": None, "deviance_constant": None, "low": None, "high": None, "better": False, "n": n}
    if not n or not before.any():
        return empty
    losses = []
    for columns in (z, z[:, :0]):
        w, _ = posterior(columns[before], seen.spent[before], seen.events[before], base)
        log_h = w[0] + columns[after] @ w[1:]
        losses.append(2 * (np.exp(log_h) * seen.spent[after] - seen.events[after] * log_h))
    day = np.floor(seen.time_h[after] / 24.0).astype(int)
    daily = np.bincount(day - day.min(), losses[0] - losses[1])
    low, high = (v * len(daily) for v in block_bootstrap(daily, seed))
    model, constant = float(losses[0].sum()), float(losses[1].sum())
    return {
        "deviance": model, "deviance_constant": constant, "low": low, "high": high,
        "better": model < constant, "n": n,
    }  # fmt: skip

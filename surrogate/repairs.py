"""Repair times learned from the fault table: the law that predicts held-out repairs best, with its posterior."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import minimize

from surrogate.exposure import History, modes
from surrogate.faults import RepairTimes
from twin import Facility
from twin.facility import Mode, Repair

PRIOR_REPAIRS = 3
"""The repair time of the facility file has the weight of this many recorded repairs."""
PRIOR_Z = math.sqrt(1.5) * np.array([-1.0, 0.0, 1.0])
"""Normal scores of these repairs: mean 0 and variance 1, so that without a record the posterior is the file's."""
TAIL_FROM = 0.9
TAIL_PRIOR = math.log(1.5), 0.7
"""Prior mean and sd of log(tail_index - 1) (assumed): the mean repair time exists, its variance may not."""
LAWS = ("lognormal", "gamma", "pareto_tail")
"""Their parameters: (mu, log sigma); (log mean, log shape); (mu, log sigma, log(tail_index - 1))."""
FEWEST_TO_CHOOSE = 30
FOLDS = 5
CLEARLY = 2.0
"""Standard errors of the gain in log likelihood of held-out repairs that another law needs."""


class Times(NamedTuple):
    """Repair times of one mode, h: finished ones, and those still open when the log ended."""

    done: np.ndarray  # [N]
    open: np.ndarray  # [M]


def calibrate(facility: Facility, logs: list[History]) -> tuple[Facility, list[dict], RepairTimes]:
    """The facility with repair times estimated from the logs, one row for each mode for the card, the posterior.

    A mode without a recorded repair keeps the law of the file; so does one with a fixed repair time.
    """
    learned, rows, parts = {}, [], []
    for name, (mode, processes) in modes(facility).items():
        times = recorded(logs, processes)
        law, forms = choose(mode.repair, times)
        mean, root = posterior(law, mode.repair, times)
        parts.append((-1 if mode.repair.law == "fixed" else LAWS.index(law), mean, root))
        kept = mode.repair.law == "fixed" or not times.done.size
        learned[name] = mode.repair if kept else repair(law, mean)
        row = {"mode": name, "repairs": len(times.done), "open": len(times.open), "forms": forms}
        rows.append(row | {"interval": _intervals(law, mean, root)} | learned[name].model_dump())
    counts = {row["mode"]: row["repairs"] for row in rows}

    def calibrated(stem: str, mode: Mode) -> Mode:
        n = counts[f"{stem}.{mode.name}"]
        if not n:
            return mode
        source = f"calibrated on {n} repair{'s' if n > 1 else ''}"
        return mode.model_copy(update={"repair": learned[f"{stem}.{mode.name}"], "source": source})

    subsystems = [
        s.model_copy(update={"mode": [calibrated(s.name, mode) for mode in s.mode]})
        for s in facility.subsystem
    ]
    law, mean, root = zip(*parts, strict=True) if parts else ((), (), ())
    posteriors = RepairTimes(np.array(law, int), np.reshape(mean, (-1, 3)), np.reshape(root, (-1, 3, 3)))
    return facility.model_copy(update={"subsystem": subsystems}), rows, posteriors


def recorded(logs: list[History], processes: list[str]) -> Times:
    """Repair times of some processes from the start of the repair, without the wait for a crew.

    A repair that was open when the log ended is censored there. In a log without any start of a repair,
    repairs begin with the fault.
    """
    done, still = [], []
    for log in logs:
        faults = log.faults
        ours = np.isin(faults["process"], processes)
        start, began, end = (faults[key][ours] for key in ("start_h", "repair_start_h", "end_h"))
        waits = np.isnan(began) & np.isnan(end) & np.isfinite(faults["repair_start_h"]).any()
        began = np.where(np.isnan(began), start, began)
        done.append((end - began)[~np.isnan(end)])
        still.append((log.hours - began)[np.isnan(end) & ~waits])
    finished, unfinished = (np.concatenate([*parts, np.zeros(0)]) for parts in (done, still))
    return Times(*(t[np.isfinite(t) & (t > 0)] for t in (finished, unfinished)))


def choose(prior: Repair, times: Times) -> tuple[str, list[dict]]:
    """The law of a mode's repairs, and one row for each law: its gain in log likelihood of held-out repairs.

    The law of the file stays (lognormal, if it is none of ``LAWS``) unless another is clearly better.
    """
    start = prior.law if prior.law in LAWS else "lognormal"
    if len(times.done) < FEWEST_TO_CHOOSE:
        return start, []
    own = {law: _unseen(law, prior, times) for law in LAWS}
    rows = []
    for law in LAWS:
        gain = own[law] - own[start]
        error = float(np.sqrt(len(gain)) * gain.std())
        clear = bool(gain.sum() > CLEARLY * error)
        rows.append({"law": law, "gain": float(gain.sum()), "error": error, "clearly_better": clear})
    best = max((row for row in rows if row["clearly_better"]), key=lambda row: row["gain"], default=None)
    return (best["law"] if best else start), rows


def _unseen(law: str, prior: Repair, times: Times) -> np.ndarray:
    """Log likelihood [N] of each finished repair under a fit to the other folds."""
    fold, found = np.arange(len(times.done)) % FOLDS, np.zeros(len(times.done))
    for k in range(FOLDS):
        mean, _ = posterior(law, prior, times._replace(done=times.done[fold != k]), spread=False)
        found[fold == k] = log_density(law, mean, times.done[fold == k])[0]
    return found


def posterior(law: str, prior: Repair, times: Times, spread: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """MAP [3] and a square root [3, 3] of the Laplace covariance of a law's parameters, unused ones 0.

    Finished repairs count with their density, open ones with the probability of lasting longer; the law of
    the file adds PRIOR_REPAIRS observations.
    """
    fixed = prior.time.hours(PRIOR_Z) if prior.law != "fixed" else prior.time.hours(0.0) * np.exp(PRIOR_Z)
    done = np.concatenate([fixed, times.done])
    size = 3 if law == "pareto_tail" else 2

    def misfit(p):
        total = log_density(law, p, done)[0].sum() + log_density(law, p, times.open)[1].sum()
        tail = 0.5 * ((p[2] - TAIL_PRIOR[0]) / TAIL_PRIOR[1]) ** 2 if size == 3 else 0.0
        return -total + tail

    mu, sigma = float(np.log(done).mean()), float(max(np.log(done).std(), 0.05))
    first = {
        "lognormal": [mu, math.log(sigma)],
        "gamma": [math.log(done.mean()), -2.0 * math.log(min(max(sigma, 0.1), 3.0))],
        "pareto_tail": [mu, math.log(sigma), TAIL_PRIOR[0]],
    }[law]
    found: Any = minimize(misfit, first, method="BFGS")
    mean, root = np.zeros(3), np.zeros((3, 3))
    mean[:size] = found.x
    if spread:
        root[:size, :size] = np.linalg.cholesky(np.linalg.inv(_curvature(misfit, found.x)))
    return mean, root


def _curvature(value, at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Second derivatives [W, W] by central differences, kept positive definite."""
    axes = step * np.eye(len(at))

    def mixed(a, b):
        return value(at + a + b) - value(at + a - b) - value(at - a + b) + value(at - a - b)

    found = np.array([[mixed(a, b) for b in axes] for a in axes]) / (4.0 * step**2)
    values, vectors = np.linalg.eigh((found + found.T) / 2)
    return (vectors * np.maximum(values, 1e-2)) @ vectors.T


def log_density(law: str, p: np.ndarray, hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log density and log probability of lasting longer, for repair times [N] and parameters ``p``."""
    logs = np.log(hours)
    if law == "gamma":
        mean, shape = np.exp(np.clip(p[:2], -30.0, 30.0))
        x = hours * shape / mean
        density = shape * np.log(x) - x - special.gammaln(shape) - logs
        return density, np.log(np.maximum(special.gammaincc(shape, x), 1e-300))
    sigma = math.exp(min(max(p[1], -10.0), 10.0))
    z = (logs - p[0]) / sigma
    density, longer = -0.5 * z**2 - math.log(sigma * math.sqrt(2 * math.pi)) - logs, special.log_ndtr(-z)
    if law == "lognormal":
        return density, longer
    index, z_tail = 1.0 + math.exp(min(max(p[2], -10.0), 10.0)), special.ndtri(TAIL_FROM)
    beyond = math.log(1.0 - TAIL_FROM) - index * sigma * (z - z_tail)
    tail = z > z_tail
    return np.where(tail, math.log(index) + beyond - logs, density), np.where(tail, beyond, longer)


def repair(law: str, p: np.ndarray) -> Repair:
    """The repair law with these parameters, clipped to the ranges that the twin allows."""
    a, b, c = (float(math.exp(min(max(v, -13.0), 27.0))) for v in p)
    if law == "gamma":
        return Repair(law="gamma", mean_h=a, shape=min(max(b, 0.05), 100.0))
    sigma = min(max(b, 1e-3), 5.0)
    if law == "lognormal":
        return Repair(median_h=a, sigma=sigma)
    index = min(max(1.0 + c, 1.01), 100.0)
    return Repair(law="pareto_tail", median_h=a, sigma=sigma, tail_from=TAIL_FROM, tail_index=index)


def _intervals(law: str, mean: np.ndarray, root: np.ndarray) -> dict[str, list[float]]:
    """90 % intervals of the parameters of a law, by their key in the facility file."""
    sd = np.sqrt((root**2).sum(1))
    low, high = (repair(law, mean + s * 1.645 * sd).model_dump(exclude_none=True) for s in (-1.0, 1.0))
    return {key: [low[key], high[key]] for key in low if key not in ("law", "tail_from")}


def drawn(times: RepairTimes | None, mode: int, rng: np.random.Generator, n: int) -> list[Repair]:
    """``n`` posterior draws of the repair law of a mode; an empty list where none was learned."""
    law = -1 if times is None else int(times.law[mode])
    if times is None or law < 0:
        return []
    p = np.asarray(times.mean)[mode] + rng.normal(size=(n, 3)) @ np.asarray(times.root)[mode].T
    return [repair(LAWS[law], row) for row in p]

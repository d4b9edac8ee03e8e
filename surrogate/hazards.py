"""Hazards learned from faults: one for each failure mode, in the form that predicts later time best."""

import math
from itertools import pairwise

import numpy as np
from jax.numpy import asarray

from surrogate.checks import by_day, deciles, deviance, rescaled
from surrogate.exposure import Exposure, History, expose, modes
from surrogate.faults import Faults, Nets
from surrogate.forms import BASE_SD, Fit, Form, Scale, base_rate, constant, fit, forms
from surrogate.loglinear import LogLinear
from surrogate.pooling import MANY, Population, linear, merged, pool
from twin import Facility
from twin.facility import Mode

FEWEST_TO_CHOOSE = 30
"""Failures in the training time below which the form stays log-linear: too few to show a better one."""
FEWEST_FOR_NET = 100
CLEARLY = 2.5
"""Standard errors of the gain in deviance that another form needs; of ten forms, one wins by chance in 6 %."""
FOLDS = (0.4, 0.6, 0.8, 1.0)
"""Shares of the training time: fitted before each, scored from it to the next."""


def learn(
    facility: Facility, logs: list[History], x_mean, x_scale, boundary_h: float, seed: int = 0
) -> tuple[Faults, list[dict]]:
    """Posteriors from the whole logs, and one report for each mode with its skill after ``boundary_h``.

    The form is chosen on the time before ``boundary_h``. A mode with MANY processes or more (like units, each
    with its own process) has a law for each of them, partially pooled.
    """
    scale = Scale(np.asarray(x_mean), np.asarray(x_scale))
    rows: list[dict] = []
    nets: list[tuple[Fit, int]] = []
    group = np.zeros(len(facility.process_names), int)
    reports = []
    for name, (mode, processes) in modes(facility).items():
        found, population, report = _mode(facility, logs, name, mode, processes, scale, boundary_h, seed)
        reports.append(report)
        nets += [(found, len(rows))] if found.hidden else []
        places = [facility.process_names.index(process) for process in processes]
        group[places] = len(rows) + (np.arange(len(places)) if population else 0)
        rows += _units(found, population, len(rows)) if population else [_row(found)]
    return Faults(_stacked(rows, group, scale), _nets(nets) if nets else None), reports


def _mode(facility, logs, name: str, mode: Mode, processes, scale: Scale, boundary_h: float, seed: int):
    """The posterior of one mode, that of its units if there are MANY or more, and its report."""
    exposure, base = expose(facility, logs, mode, processes), base_rate(facility, name)
    usable = exposure if mode.memoryless else exposure.cut(exposure.known)
    single = _single(facility, name, mode)
    start = _default(facility, mode, single)
    alternatives = _alternatives(forms(facility, single), start, mode, len(processes))
    form, rows = choose(mode, usable, scale, base, (start, *alternatives), boundary_h, seed)
    used = usable.cut(usable.known) if form.ages else usable
    found = fit(form, mode, used, scale, base, seed)
    before, after = used.cut(used.time_h <= boundary_h), used.cut(used.time_h > boundary_h)
    early = fit(form, mode, before, scale, base, seed)
    plain = fit(constant(len(facility.inputs)), mode, before, scale, base)
    report = describe(facility, name, found, exposure, used) | {"forms": rows}
    report |= deviance(early, plain, after, seed) | rescaled(found, used)
    report |= {"ks_p_later": rescaled(early, after)["ks_p"], "deciles": deciles(early, after)}
    if len(processes) < MANY:
        return found, None, report
    z, k = scale.z(used.x, form.power), found.shape
    centre, sd = np.zeros(1 + z.shape[1]), np.append(k * BASE_SD, k * form.sd)
    centre[0] = k * (math.lgamma(1.0 + 1.0 / k) + base)
    z, spent, events, unit = merged(z, used.spent(mode, k), used.events, used.process)
    population = pool(linear(z), spent, events, unit, len(processes), centre, sd)
    return found, population, report | {"units": _unit_report(population, k)}


def _single(facility: Facility, name: str, mode: Mode) -> bool:
    """Whether each process is one unit with separate lives, so that a Weibull shape can be learned."""
    units = next(n for s, m, n in facility.processes if f"{s.name}.{m.name}" == name)
    return mode.law == "weibull" and units == 1 and not mode.minimal_repair and not mode.beta


def _default(facility: Facility, mode: Mode, single: bool) -> Form:
    """The default form: log-linear, with a learned shape where the mode ages in the facility file."""
    plain, *others = forms(facility, single)
    ageing = [form for form in others if form.ages]
    return ageing[0] if ageing and not mode.memoryless else plain


def _alternatives(every: list[Form], start: Form, mode: Mode, processes: int) -> list[Form]:
    """The other forms of a mode; no neural one for a mode that ages or has MANY units or more."""
    return [
        form for form in every
        if form.name != start.name
        and not (form.ages and not mode.memoryless)
        and not (form.net and (not mode.memoryless or processes >= MANY))
    ]  # fmt: skip


def choose(
    mode, usable: Exposure, scale, base, candidates, boundary_h: float, seed: int
) -> tuple[Form, list[dict]]:
    """The form of a mode, and one row for each form: its gain in deviance on later folds of the training time.

    The first candidate stays unless another is clearly better: its prior allows a constant rate or the effect
    of one knob, and its posterior keeps the uncertainty of all other effects.
    """
    past = usable.cut(usable.time_h <= boundary_h)
    start, best, rows = candidates[0], (0.0, candidates[0]), []
    if past.events.sum() < FEWEST_TO_CHOOSE:
        return start, []
    later = past.time_h > FOLDS[0] * boundary_h
    incumbent = _later(start, mode, past, scale, base, boundary_h, seed)
    for form in candidates[1:]:
        if form.net and past.events.sum() < FEWEST_FOR_NET:
            continue
        scored = later & past.known if form.ages else later
        loss = _later(form, mode, past, scale, base, boundary_h, seed)
        gain = by_day((incumbent - loss)[scored], past.cut(scored)) if scored.any() else np.zeros(1)
        error = float(np.sqrt(len(gain)) * gain.std())
        clear = bool(gain.sum() > CLEARLY * error)
        rows.append({"form": form.name, "gain": float(gain.sum()), "error": error, "clearly_better": clear})
        if clear and gain.sum() > best[0]:
            best = float(gain.sum()), form
    first = {"form": start.name, "gain": 0.0, "error": 0.0, "clearly_better": False}
    return best[1], [row | {"chosen": row["form"] == best[1].name} for row in (first, *rows)]


def _later(form: Form, mode, past: Exposure, scale, base, boundary_h: float, seed: int) -> np.ndarray:
    """Deviance [S] of each stretch after the first fold, under a fit to the time before its fold."""
    loss = np.zeros(len(past.time_h))
    for begin, end in pairwise(FOLDS):
        before, now = past.time_h <= begin * boundary_h, (past.time_h > begin * boundary_h)
        now &= past.time_h <= end * boundary_h
        if form.ages:
            before &= past.known
        loss[now] = fit(form, mode, past.cut(before), scale, base, seed).loss(past.cut(now))
    return loss


def describe(facility: Facility, name: str, found: Fit, exposure: Exposure, used: Exposure) -> dict:
    """Events, exposure, hazard at the mean inputs, and rate ratio per +1 sd of each input, with 90 % intervals."""
    w, k, form, mode = found.mean, found.shape, found.form, found.mode
    sd = np.sqrt((found.root**2).sum(1))
    lift = math.lgamma(1.0 + 1.0 / k)

    def interval(middle: float, width: float) -> dict[str, float]:
        ends = zip(("mean", "low", "high"), (0.0, -1.645, 1.645), strict=True)
        return {key: float(math.exp(min(middle + s * width, 700.0))) for key, s in ends}

    life = interval(-w[0], sd[0]) if mode.law == "weibull" else None
    return {
        "mode": name,
        "law": mode.law,
        "form": form.name,
        "events": int(exposure.events.sum()),
        "events_used": int(used.events.sum()),
        "hours_at_risk": float(exposure.hours.sum()),
        "hours_used": float(used.hours.sum()),
        "shape": k,
        "shape_interval": interval(math.log(k), sd[-1]) if form.ages else None,
        "hazard": interval(k * (lift + w[0]), k * sd[0]) | {"unit": _unit(mode, k)},
        "mean_life_h": life,
        "effects": [
            {"input": item, "power": bool(form.power[i])} | interval(k * w[1 + i], k * sd[1 + i])
            for i, item in enumerate(facility.inputs)
        ],
    }


def _unit(mode: Mode, shape: float) -> str:
    if mode.law != "weibull":
        return "times the file's"
    return "1/h" if shape == 1.0 else f"1/h**{shape:.3g}"


def _unit_report(population: Population, shape: float) -> dict:
    """Pooled units: the spread of their log hazards, and the mean life of each with a 90 % interval."""
    sd = np.sqrt(population.covariance()[:, 0, 0]) / shape
    log_life = math.lgamma(1.0 + 1.0 / shape) - population.mean[:, 0] / shape
    low, high = (np.exp(log_life + s * 1.645 * sd) for s in (-1.0, 1.0))
    return {
        "spread": float(math.sqrt(population.spread[0, 0]) / shape),
        "mean_life_h": [
            {"mean": float(m), "low": float(lo), "high": float(hi)}
            for m, lo, hi in zip(np.exp(log_life), low, high, strict=True)
        ],
    }


def _row(found: Fit) -> dict:
    """The posterior of a mode as a row of ``LogLinear``; without spread for a neural form, which ``Nets`` holds."""
    width = 1 + len(found.form.sd)
    root = np.zeros((width + 1, width + 1))
    if found.hidden is None:
        root[: len(found.root), : len(found.root)] = found.root
    return {"mean": found.mean[:width], "root": root, "power": found.form.power, "shape": found.shape}


def _units(found: Fit, population: Population, family: int) -> list[dict]:
    """One row for each unit; all share the uncertainty of the population's centre."""
    k, row, width = found.shape, _row(found), population.mean.shape[1]
    lift = math.lgamma(1.0 + 1.0 / k) * (np.arange(width) == 0)
    own = np.pad(np.linalg.cholesky(population.own), ((0, 0), (0, 1), (0, 1))) / k
    shared = population.follows @ np.linalg.cholesky(population.centre_covariance) / k
    return [
        row | {"mean": u / k - lift, "root": root, "shared": common, "family": family}
        for u, root, common in zip(population.mean, own, shared, strict=True)
    ]


def _stacked(rows: list[dict], group: np.ndarray, scale: Scale) -> LogLinear:
    width = 1 + len(scale.mean)
    apart = {"shared": np.zeros((width, width)), "family": 0}

    def column(key, *shape):
        return asarray(np.array([(apart | row)[key] for row in rows]).reshape(len(rows), *shape))

    pooled = any("family" in row for row in rows)
    return LogLinear(
        column("mean", width), column("root", width + 1, width + 1),
        asarray(scale.mean), asarray(scale.sd), asarray(group),
        column("power", width - 1), column("shape"),
        column("shared", width, width) if pooled else None, column("family") if pooled else None,
    )  # fmt: skip


def _nets(found: list[tuple[Fit, int]]) -> Nets:
    hidden = [fit.hidden for fit, _ in found if fit.hidden]
    weight, bias = (np.stack(part) for part in zip(*hidden, strict=True))
    mean, root = (np.stack([getattr(fit, name) for fit, _ in found]) for name in ("mean", "root"))
    return Nets(*map(asarray, (weight, bias, mean, root, np.array([place for _, place in found]))))

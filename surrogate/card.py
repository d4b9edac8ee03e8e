"""The card of a model: its training data, its skill on later time, and its limits of use."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from replay_data.record import Log, instant
from surrogate import coverage, forms
from surrogate.baselines import Skill
from surrogate.coverage import Trust
from surrogate.exposure import History
from surrogate.selection import Choice
from twin import Facility


@dataclass(frozen=True)
class Report:
    """Skill and coverage of the quantities on later time, and the models that were chosen."""

    skills: dict[str, Skill]
    trust: Trust
    choices: list[Choice]
    refused: dict[str, str]  # models that cannot use these rows, with the reason
    efforts: dict[str, int]  # training effort of the models that stop early
    train_rows: int
    test_rows: int


def describe(
    facility, logs, samples, split_h, report, hazard_rows, repair_rows, seed, past: list[History]
) -> dict:
    """The card as plain JSON values: everything that a person needs to judge the model."""
    usable, reason = _usable(facility, report.skills)
    units = {q.name: q.unit for q in facility.quantity}
    return {
        "schema": "beamtwin/model/1",
        "facility": facility.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "usable": usable,
        "reason": reason,
        "seed": seed,
        "logs": [_evidence(log) for log in logs],
        "rows": {
            "used": len(samples), "left_out": samples.dropped, "filled": samples.filled,
            "sha256": coverage.digest(samples),
        },
        "span": span(logs),
        "split": {
            "by": "time", "train_rows": report.train_rows, "test_rows": report.test_rows,
            "test_from_h": split_h,
        },
        "inputs": facility.inputs,
        "outputs": [q.name for q in facility.quantity],
        "unmeasured": [q for q in units if q not in report.skills],
        "skill": _quantity_rows(units, report) + _hazard_rows(hazard_rows),
        "models": _models(facility, report),
        "coverage": {name: report.trust.covered[name] for name in report.skills},
        "coverage_by_region": report.trust.regions,
        "reference": report.trust.reference,
        "hazards": hazard_rows,
        "repairs": repair_rows,
        "versions": _versions(),
        "limits_of_use": _limits_of_use(past),
    }  # fmt: skip


def _evidence(log: Log) -> dict:
    path, digest = getattr(log, "path", None), getattr(log, "sha256", None)
    return {"path": str(path) if path else None, "sha256": digest, "start": log.start, "hours": log.hours}


def span(logs) -> dict[str, str]:
    """The time that a model was trained on: from the start of the first log to the end of the last."""
    ends = [instant(log.start) + timedelta(hours=log.hours) for log in logs]
    first = min(instant(log.start) for log in logs)
    return {"from": first.isoformat(timespec="seconds"), "to": max(ends).isoformat(timespec="seconds")}


def _usable(facility: Facility, skills: dict[str, Skill]) -> tuple[bool, str]:
    """Whether the model beats every baseline on the quantities of the objective, and the reason if not."""
    carriers = [b.flux for b in facility.beamline]
    if facility.kind == "ring" and facility.beam.lifetime:
        carriers.append(facility.beam.lifetime)
    units, failing = {q.name: q.unit for q in facility.quantity}, []
    for name in dict.fromkeys(carriers):
        found = skills.get(name)
        if found is None:
            failing.append(f"{name} was not measured both before and in the test time")
        elif not found.better:
            theirs = found.baselines[found.best]["mae"]
            failing.append(
                f"{name}: mean error {found.mae:.3g} {units[name]} on later time, {found.best} {theirs:.3g}"
            )
    return not failing, "; ".join(failing)


def _quantity_rows(units: dict[str, str], report: Report) -> list[dict]:
    return [
        {
            "target": name, "unit": units[name], "kind": "quantity", "score_name": "MAE", "model": s.mae,
            "baseline": s.baselines[s.best]["mae"], "baseline_name": s.best, "better": s.better,
            "low": s.low, "high": s.high, "n": s.n, "r2": s.r2, "baselines": s.baselines,
        }
        for name, s in report.skills.items()
    ]  # fmt: skip


def _models(facility: Facility, report: Report) -> dict:
    """The models chosen for each quantity, every candidate's error on later training rows, and the refusals."""
    return {
        "chosen": {
            q.name: {
                "models": list(c.models), "follow": c.follow, "retain": c.retain,
                "scores": {name: score for name, score in c.scores.items() if np.isfinite(score)},
            }
            for q, c in zip(facility.quantity, report.choices, strict=True)
        },
        "refused": report.refused,
        "efforts": report.efforts,
    }  # fmt: skip


def _hazard_rows(rows: list[dict]) -> list[dict]:
    return [
        {
            "target": r["mode"], "unit": "", "kind": "hazard", "score_name": "deviance",
            "model": r["deviance"],
            "baseline": r["deviance_constant"], "baseline_name": "constant rate", "better": r["better"],
            "low": r["low"], "high": r["high"], "n": r["n"],
        }
        for r in rows
        if r["deviance"] is not None
    ]  # fmt: skip


def _versions() -> dict[str, str]:
    found = {}
    for name in ("beamtwin", "jax", "equinox", "optax", "numpy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _limits_of_use(past: list[History]) -> list[str]:
    """The limits of use that a reader must know."""
    lines = [
        "Skill and coverage are those of a law fitted to the first 70 % of the rows and measured on the last 30 %.",
        "The law in service is fitted to all rows; it is itself not measured on later time.",
        "Intervals are calibrated at 90 % for one measurement; under drift they widen a few stretches late.",
        "Effects are associations: the log holds no information on a knob that never moved on its own.",
        "Do not rely on the law beyond the support limit: there it extrapolates without physics.",
        f"Prior sd of an effect on log hazard, per sd of an input: {forms.EFFECT_SD}.",
        f"Prior sd of the log of a mode's rate about the facility file's: {forms.BASE_SD}.",
        "Ages before a log are unknown: for modes that age, only lives after the first recorded repair count.",
    ]
    if not any("beam_state" in log.channels for log in past):
        lines.append(
            "No beam_state was recorded: beam was assumed stored whenever no dumping fault was open."
        )
    if not any(len(log.faults["process"]) for log in past):
        lines.append(
            "No faults were recorded: hazards and repair times are close to those of the facility file."
        )
    return lines

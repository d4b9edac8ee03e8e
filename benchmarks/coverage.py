"""How often intervals cover under drift, and what the monitor says of it: writes the tables of docs/trust.md.

By hand: ``python -m benchmarks.coverage``. Each log is learned from in its first part; its later part is measured as
it is and with drifts put into its quantities, and nothing is trained again. The models are kept under
``work/coverage``: training them takes minutes, a second run less than one.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from replay_data.record import Record
from replay_data.synthesize import synthesize
from replay_data.view import LogView
from surrogate import conformal, coverage, registry
from surrogate.conformal import Errors
from surrogate.monitor import later, monitor
from surrogate.registry import Model
from surrogate.train import train
from twin import Facility, load

ROOT = Path(__file__).parent.parent
DOC, KEPT = ROOT / "docs" / "trust.md", ROOT / "work" / "coverage"
SEEDS = {"storage-ring": range(1, 9), "xfel-linac": range(3, 7)}
DAYS, LEARNED = 400, 240
AFTER = 40.0  # days of the later time before a drift begins
SIZE = 3.0  # of a drift, in half-widths of the interval as calibrated
STUDIED = {"storage-ring": "flux_mx", "xfel-linac": "pulse_energy"}  # what the monitor is shown a drift of


class Case(NamedTuple):
    """One log, learned from and measured."""

    facility: Facility
    seed: int
    record: Record
    model: Model
    errors: Errors  # of the later rows
    hour: np.ndarray  # [N]
    predicted: np.ndarray  # [N, Q]


def main() -> None:
    """Measure, and put the tables where the document has their marks."""
    cases = [case(load(name), seed) for name, seeds in SEEDS.items() for seed in seeds]
    text = DOC.read_text()
    for mark, table in (
        ("coverage", covered(cases)),
        ("regions", by_region(cases)),
        ("monitor", watched(cases)),
    ):
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        head, rest = text.split(begin)
        text = head + begin + table + "\n" + end + rest.split(end)[1]
        print(table, flush=True)
    DOC.write_text(text)


def until(record: Record, hours: float) -> Record:
    """A record as it was at an hour."""
    channels = {name: own.keep(own.time_h < hours) for name, own in record.channels.items()}
    faults = record.tables["faults"]
    kept = faults["start_h"] < hours
    open_ends = ("end_h", "repair_start_h")
    cut = {
        name: np.where(column[kept] > hours, np.nan, column[kept]) if name in open_ends else column[kept]
        for name, column in faults.items()
    }
    return Record(record.facility, record.start, hours, channels, {"faults": cut})


def case(facility: Facility, seed: int) -> Case:
    """A synthetic log of a built-in facility, whose plant drifts slowly by itself, and the model of its first part."""
    record, folder = synthesize(facility, DAYS, seed), KEPT / f"{facility.name}-{seed}"
    if not registry.entries(folder=folder):
        found = train(facility, [until(record, 24.0 * LEARNED)], 0)
        registry.save(found.law, found.card, found.facility, folder)
    model = registry.load(folder=folder)
    rows = later(model, LogView(record, model.facility))
    errors = coverage.errors(model.law.quantities, rows)
    return Case(
        facility,
        seed,
        record,
        model,
        errors,
        rows.time_h,
        model.law.quantities.modelled(rows.y) - errors.error,
    )


def drifts(hour, predicted, seed: int) -> dict[str, np.ndarray]:
    """What is added to errors [N, Q], in half-widths as calibrated, for each kind of drift."""
    days = (hour - 24.0 * LEARNED) / 24.0 - AFTER
    on, part = days > 0, np.clip(days / (DAYS - LEARNED - AFTER), 0.0, 1.0)
    steps = np.random.default_rng(seed).normal(0.0, SIZE / 8, DAYS)
    spread = (predicted - np.nanmean(predicted, 0)) / np.maximum(np.nanstd(predicted, 0), 1e-300)
    return {
        "none": np.zeros((len(hour), 1)),
        "offset": SIZE * on[:, None],
        "ramp": 1.5 * SIZE * part[:, None],
        "slow walk": (np.cumsum(steps)[np.maximum(days, 0.0).astype(int)] * on)[:, None],
        "gain": SIZE * on[:, None] * spread,
    }


def injured(one: Case, kind: str) -> Errors:
    """A case's errors with a drift put in."""
    half = np.asarray(one.model.law.band.half_width(one.errors.spread))
    return one.errors._replace(
        error=one.errors.error + drifts(one.hour, one.predicted, one.seed)[kind] * half
    )


def covered(cases: list[Case]) -> str:
    """One row a facility, output and drift: mean and least share inside over the logs, and the width."""
    lines = [
        "| facility | output | drift | as calibrated | following drift | least of the logs | mean width |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in SEEDS:
        ours = [one for one in cases if one.facility.name == name]
        for q, item in enumerate(ours[0].facility.quantity):
            for kind in drifts(ours[0].hour, ours[0].predicted, 0):
                seen = [injured(one, kind) for one in ours]
                fixed, adapted = (
                    np.array([_share(one, errors, way)[q] for one, errors in zip(ours, seen, strict=True)])
                    for way in (False, True)
                )
                width = np.mean([_width(one, e)[q] for one, e in zip(ours, seen, strict=True)])
                lines.append(
                    f"| {name} | {item.name} | {kind} | {_percent(fixed.mean())} | {_percent(adapted.mean())} | "
                    f"{_percent(adapted.min())} | {width:.2f} |"
                )
    return "\n".join(lines)


def _share(one: Case, errors: Errors, adaptive: bool) -> np.ndarray:
    inside = coverage.inside(one.model.law.band, errors, adaptive)
    return np.nansum(inside, axis=0) / np.maximum(np.isfinite(inside).sum(0), 1)


def _width(one: Case, errors: Errors) -> np.ndarray:
    """Mean width [Q] of the intervals that follow drift, the calibrated ones being 1."""
    return (conformal.factors(one.model.law.band, errors)[:-1] / np.asarray(one.model.law.band.factor)).mean(
        0
    )


def by_region(cases: list[Case]) -> str:
    """Share inside by region over all later time of all logs and outputs, without a drift put in."""
    rows: dict[str, list[np.ndarray]] = {}
    for one in cases:
        later_rows = later(one.model, LogView(one.record, one.model.facility))
        knobs, seen = later_rows.knobs, one.model.law.seen
        assert seen is not None
        where = coverage.regions(seen, later_rows.x[:, :knobs], later_rows.x[:, knobs:])
        ways = [coverage.inside(one.model.law.band, one.errors, way) for way in (False, True)]
        for q in range(ways[0].shape[1]):
            for region, mask in (where | coverage.thirds(one.predicted[:, q])).items():
                known = mask & np.isfinite(ways[0][:, q])
                rows.setdefault(region, []).append(
                    np.array([known.sum(), *(way[known, q].sum() for way in ways)])
                )
    lines = ["| region | measurements | as calibrated | following drift |", "|---|---|---|---|"]
    for region, counts in rows.items():
        n, fixed, adapted = np.sum(counts, axis=0)
        lines.append(f"| {region} | {int(n):,} | {_percent(fixed / n)} | {_percent(adapted / n)} |")
    return "\n".join(lines)


def watched(cases: list[Case]) -> str:
    """How often the monitor says that a model does not hold, how late, and what it says changed."""
    kinds: dict[str, Callable] = {
        "none": lambda value, day, z: value,
        "a gain of 1.1": lambda value, day, z: value * np.where(day > 0, 1.1, 1.0),
        "a ramp to 1.1 in 60 days": lambda value, day, z: value * (1 + 0.1 * np.clip(day / 60.0, 0.0, 1.0)),
        "0.05 of it per sd of a knob": lambda value, day, z: value * np.where(day > 0, 1 + 0.05 * z, 1.0),
    }
    lines = [
        "| facility | put in | does not hold | median delay, days | told as |",
        "|---|---|---|---|---|",
    ]
    for name, target in STUDIED.items():
        ours = [one for one in cases if one.facility.name == name]
        for kind, how in kinds.items():
            said = [monitor(one.model, _changed(one, target, how)) for one in ours]
            lost = [found for found in said if not found["holds"]]
            delays = [_delay(found) for found in lost]
            words = [q["change"]["kind"] for found in lost for q in found["quantities"] if q["change"]]
            told = ", ".join(f"{word} {words.count(word)}" for word in dict.fromkeys(words))
            late = f"{np.median(delays):.0f}" if lost else ""
            lines.append(f"| {name} | {kind} | {len(lost)} of {len(said)} | {late} | {told} |")
    return "\n".join(lines)


def _changed(one: Case, target: str, how: Callable) -> Record:
    own, knob = one.record.channels[target], one.record.channels[one.facility.knob[1].name]
    z = (knob.at(own.time_h) - knob.value.mean()) / knob.value.std()
    value = how(own.value, own.time_h / 24.0 - LEARNED - AFTER, z)
    return replace(one.record, channels=one.record.channels | {target: replace(own, value=value)})


def _delay(found: dict) -> float:
    begun = np.datetime64(found["from"][:16]) + np.timedelta64(int(AFTER), "D")
    return float((np.datetime64(found["evidence"]["reached"][:16]) - begun) / np.timedelta64(1, "D"))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()

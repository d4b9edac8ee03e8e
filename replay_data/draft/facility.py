"""The text of a drafted facility file: values from the data, and placeholders for everything else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np

from replay_data.draft.roles import Guess
from replay_data.draft.source import Column, Source
from replay_data.draft.words import line, lines, plain
from replay_data.formats.names import channel_names

MARGIN = 0.05  # of the observed range, added on both sides
FLUX = ("flux", "intensity", "pulse_energy", "energy", "power", "brightness", "rate", "current", "charge")
HEAD = """\
# A facility drafted from {source}. Each guess is marked with "# guessed: why": correct it, then remove the mark.
# Limits are the observed range and {margin:.0f} % of it on both sides; no log contains the machine's real limits."""
PLACEHOLDER_KNOB = {
    "title": "A setting",
    "pv": "",
    "unit": "1",
    "low": 0,
    "high": 1,
    "value": 0.5,
    "ramp_per_h": 1,
}
PLACEHOLDER_QUANTITY = {"title": "A reading", "pv": "", "unit": "1", "value": 1}


@dataclass(frozen=True)
class Item:
    """A column with its guessed role, and its name in the facility file and in the log."""

    name: str
    guess: Guess

    @property
    def column(self) -> Column:
        return self.guess.column

    @property
    def title(self) -> str:
        text = plain(self.column.title or self.column.name).strip()
        return (text[:1].upper() + text[1:]) or self.name


def text(name: str, source: str, found: Source, items: list[Item]) -> str:
    """The text of the facility file."""
    knobs = [item for item in items if item.guess.role == "setpoint"]
    quantities = [item for item in items if item.guess.role == "quantity"]
    *_, setting, reading = channel_names([*(item.name for item in items), "setting", "reading"])
    flux = _flux(quantities) or reading
    parts = [
        HEAD.format(source=plain(source), margin=100 * MARGIN).splitlines(),
        [line("name", name), line("title", name.replace("-", " ").capitalize(), "from the name"),
         line("kind", "linac", "a ring needs beam.current_knob, beam.lifetime and beam.fill_per_h too")],
        ["[beam]", line("restart_h", 0.1, "not in the data: hours from the repair to beam")],
        *(_knob(item) for item in knobs),
        *([] if knobs else [_placeholder("knob", {"name": setting} | PLACEHOLDER_KNOB, "setting")]),
        *(_condition(item, found.hours) for item in items if item.guess.role == "condition"),
        *(_quantity(item) for item in quantities),
        *([_placeholder("quantity", {"name": reading} | PLACEHOLDER_QUANTITY, "flux")] if flux == reading else []),
        *_subsystems(found),
        *_users(flux),
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _flux(quantities: list[Item]) -> str:
    """The name of the quantity above 0 that most resembles what users receive; empty if none is above 0."""
    positive = [item.name for item in quantities if np.median(item.column.value) > 0]
    likely = [name for word in FLUX for name in positive if word in name]
    return [*likely, *positive, ""][0]


def _named(item: Item) -> list[str]:
    unit_why = item.column.unit_why
    return [line("name", item.name), line("title", item.title), line("pv", plain(item.column.name)),
            line("unit", item.column.unit, unit_why)]  # fmt: skip


def _knob(item: Item) -> list[str]:
    value = item.column.value
    low, high, digits = limits(value)
    keys = {"low": low, "high": high, "value": min(max(float(f"{value[-1]:.10g}"), low), high),
            "ramp_per_h": float(f"{high - low:.4g}"), "precision": digits}  # fmt: skip
    observed = f"observed: {value.min():.6g} ... {value.max():.6g}"
    why = {"low": observed, "high": "the same", "value": "the last observed value",
           "ramp_per_h": "the whole range in an hour", "precision": "a thousandth of the range"}  # fmt: skip
    return [*_role("knob", item), *_named(item), *lines(keys, why)]


def limits(value: np.ndarray) -> tuple[float, float, int]:
    """(low, high, digits): the observed range with a margin, rounded outwards to ``digits`` decimals.

    The low limit of values that were never negative is at least 0.
    """
    least, most = float(value.min()), float(value.max())
    width = (most - least) or abs(most) or 1.0
    digits = max(3 - ceil(log10(width)), 0)
    scale = 10.0**digits
    low, high = floor((least - MARGIN * width) * scale) / scale, ceil((most + MARGIN * width) * scale) / scale
    return max(low, 0.0) if least >= 0 else low, high, min(digits, 9)


def _condition(item: Item, hours: float) -> list[str]:
    value = item.column.value
    daily, why = 0.0, "the log is too short to determine it"
    if hours >= 48.0 and value.size > 16:
        phase = 2.0 * np.pi * item.column.hours / 24.0
        table = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
        daily = float(np.hypot(*np.linalg.lstsq(table, value, rcond=None)[0][:2]))
        why = "half the observed daily swing"
    keys = {"value": float(f"{value.mean():.6g}"), "daily": float(f"{daily:.3g}"), "yearly": 0.0}
    reasons = {"value": "the mean", "daily": why, "yearly": "half the yearly swing is not known"}
    return [*_role("condition", item), *_named(item), *lines(keys, reasons)]


def _quantity(item: Item) -> list[str]:
    value = item.column.value
    promise = f"# low = {np.quantile(value, 0.05):.4g}  {'# what users are promised, if anything'}"
    middle = line("value", float(f"{np.median(value):.6g}"), "the median")
    return [*_role("quantity", item), *_named(item), middle, promise]


def _role(table: str, item: Item) -> list[str]:
    return [line_of for line_of in (f"[[{table}]]", _why(item)) if line_of]


def _why(item: Item) -> str:
    what = {"setpoint": "a knob", "condition": "a condition", "quantity": "a quantity"}[item.guess.role]
    return f"# guessed: {what}, for {plain(item.guess.why)}" if item.guess.why else ""


def _placeholder(table: str, keys: Mapping[str, object], what: str) -> list[str]:
    mark = f"# guessed: no column looks like a {what}; put a real one here"
    return [f"[[{table}]]", mark, *lines(keys)]


def _subsystems(found: Source) -> Iterator[list[str]]:
    """A subsystem for each first part of the process names in the fault table, and a mode for each second part."""
    names = found.faults.get("process", np.zeros(0, str))
    if not len(names) or found.hours <= 0:
        yield [
            "# The data hold no faults. [[subsystem]] tables define what fails, how often and for how long."
        ]
        return
    parts = np.array([".".join(str(n).split(".")[:2]) if "." in str(n) else f"{n}.fault" for n in names])
    start, end = (np.asarray(found.faults[key], float) for key in ("start_h", "end_h"))
    before: set[str] = set()
    for mode in sorted(set(parts.tolist())):
        subsystem, _, failing = mode.partition(".")
        subsystem, failing = channel_names([subsystem])[0], channel_names([failing])[0]
        lasted = (end - start)[(parts == mode) & (end > start)]
        median = float(np.median(lasted)) if lasted.size else 1.0
        if subsystem not in before:
            yield [
                "[[subsystem]]",
                line("name", subsystem),
                line("title", subsystem.replace("_", " ").capitalize()),
            ]
        before.add(subsystem)
        count = int((parts == mode).sum())
        yield [
            "[[subsystem.mode]]", line("name", failing), line("effect", "dump", "the effect is not in the log"),
            line("mtbf_h", float(f"{found.hours / count:.4g}"), f"{count} faults in {found.hours:.4g} h"),
            line("ages", "always", "all hours of the log were counted"),
            line("repair", {"median_h": float(f"{median:.3g}"), "sigma": 0.7}, f"the median of {lasted.size} repairs"),
        ]  # fmt: skip


def _users(flux: str) -> Iterator[list[str]]:
    yield ["[schedule]", line("user_h_per_year", 5000, "not in the data")]
    yield [
        "[[schedule.block]]",
        line("phase", "user", "user time throughout; not in the data"),
        line("hours", 168),
    ]
    keys = {"name": "beamline", "title": "Beamline", "flux": flux, "exchange_min": 2, "exposure_min": 8,
            "experiments_per_week": 10, "samples_per_experiment": 100}  # fmt: skip
    why = dict.fromkeys(list(keys)[3:], "not in the data") | {
        "flux": "the quantity most like beam on a sample"
    }
    yield ["[[beamline]]", *lines(keys, why)]

"""Training rows from logs: inputs and quantities in order of time."""

from dataclasses import dataclass, field, replace

import numpy as np

from twin import Facility, UserError

FEWEST_ROWS = 100
MOST_CODES = 8


@dataclass(frozen=True)
class Samples:
    """N rows in order of time; quantities are NaN where they were not measured."""

    time_h: np.ndarray  # [N] hours since the start of the first log, without the gaps between logs
    x: np.ndarray  # [N, I] inputs: knobs, then conditions, in the facility's units
    y: np.ndarray  # [N, Q]
    knobs: int  # number of knobs: the first columns of x are settings
    dropped: dict[str, int] = field(default_factory=dict)  # rows left out, by reason
    filled: dict[str, int] = field(default_factory=dict)  # rows in which an input was filled, by its name
    last: np.ndarray | None = None  # [N, I + Q] see ``with_last_measured``

    def cut(self, rows) -> "Samples":
        """The rows of a mask or slice."""
        last = None if self.last is None else self.last[rows]
        return Samples(self.time_h[rows], self.x[rows], self.y[rows], self.knobs, last=last)

    @property
    def wide(self) -> np.ndarray:
        """Inputs, followed by the last measurement if it is known: [N, I] or [N, I + I + Q]."""
        return self.x if self.last is None else np.column_stack([self.x, self.last])

    def __len__(self) -> int:
        return len(self.time_h)


def with_last_measured(samples: Samples) -> Samples:
    """The samples with ``last`` [N, I + Q]: the last measurement before the present settings were adopted.

    It holds inputs and quantities, NaN where nothing was measured. An operator knows this much before new
    settings are tried.
    """
    x, y = samples.x, samples.y
    moved = np.r_[True, (np.diff(x[:, : samples.knobs], axis=0) != 0).any(1)]
    adopted = np.maximum.accumulate(np.where(moved, np.arange(len(x)), 0))
    measured = np.vstack([np.full((1, y.shape[1]), np.nan), held(y)])[adopted]
    return replace(samples, last=np.column_stack([x[np.maximum(adopted - 1, 0)], measured]))


def held(y) -> np.ndarray:
    """Columns [N, Q] in which gaps are filled with the last value before them."""
    place = np.where(np.isfinite(y), np.arange(len(y))[:, None], 0)
    return np.take_along_axis(y, np.maximum.accumulate(place), 0)


def gather(facility: Facility, frames) -> Samples:
    """Samples from (offset_h, frame) pairs, without unsteady rows and rows without inputs or quantities.

    Before its first record in a log an input has its first value. A condition that was never recorded has
    the value of the facility file. Such rows are counted as ``filled``.
    """
    time, x, y, steady = [], [], [], []
    names = [q.name for q in facility.quantity]
    for offset_h, frame in frames:
        time.append(np.asarray(frame["time"], float) + offset_h)
        x.append(_columns(frame, facility.inputs))
        y.append(_columns(frame, names))
        steady.append(
            np.asarray(frame["steady"], bool) if "steady" in frame else np.ones(len(time[-1]), bool)
        )
    raw = [np.concatenate(x), np.concatenate([_start_filled(part) for part in x])]
    time, y, steady = map(np.concatenate, (time, y, steady))
    x = raw[1]
    for i, condition in enumerate(facility.condition, len(facility.knob)):
        if not np.isfinite(x[:, i]).any():
            x[:, i] = condition.value
    whole, measured = np.isfinite(x).all(1), np.isfinite(y).any(1)
    dropped = {
        "without a quantity": int((~measured).sum()),
        "without an input": int((measured & ~whole).sum()),
        "settings or beam changed": int((measured & whole & ~steady).sum()),
    }
    keep = whole & measured & steady
    gaps = (~np.isfinite(raw[0]) & keep[:, None]).sum(0)
    filled = {name: int(n) for name, n in zip(facility.inputs, gaps, strict=True) if n}
    if keep.sum() < FEWEST_ROWS:
        lost = ", ".join(f"{n} {reason}" for reason, n in dropped.items())
        never = [
            name for name, column in zip(facility.inputs, x.T, strict=True) if not np.isfinite(column).any()
        ]
        remedy = "add logs"
        if never:
            lost += f"; never recorded: {', '.join(never)}"
            remedy += f", or give their channels the names of facility {facility.name!r}"
        raise UserError(
            f"{int(keep.sum())} usable rows of {len(keep)} in the logs ({lost}); training needs at least "
            f"{FEWEST_ROWS}: {remedy}"
        )
    order = np.argsort(time[keep], kind="stable")
    found = Samples(time[keep][order], x[keep][order], y[keep][order], len(facility.knob), dropped, filled)
    return with_last_measured(found)


def _start_filled(x) -> np.ndarray:
    """Columns [N, I] of one log with leading gaps filled with the first known value."""
    known = np.isfinite(x)
    first = np.where(known.any(0), known.argmax(0), 0)
    return np.where(np.arange(len(x))[:, None] < first, x[first, np.arange(x.shape[1])], x)


def categories(facility: Facility, x) -> dict[int, np.ndarray]:
    """Conditions (by index) that are categories, with their codes: few whole numbers.

    A knob is never a category, nor is a condition with fewer than 3 or more than MOST_CODES values.
    """
    found = {}
    for i in range(len(facility.knob), x.shape[1]):
        codes = np.unique(x[:, i])
        if 2 < len(codes) <= MOST_CODES and (codes == np.round(codes)).all():
            found[i] = codes
    return found


def _columns(frame, names) -> np.ndarray:
    """Columns [N, len(names)] of a frame; a missing one is NaN throughout."""
    rows = frame.sizes["time"]
    columns = [np.asarray(frame[n], float) if n in frame else np.full(rows, np.nan) for n in names]
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))


def boundary_h(samples: Samples, share: float) -> float:
    """The hour from which on the last ``share`` of the rows lie; rows of one time are not separated."""
    return float(samples.time_h[int(np.ceil(len(samples) * (1.0 - share)))])


def input_floor(facility: Facility) -> np.ndarray:
    """The least standard deviation [I] by which an input is standardised.

    It is 2 % of the range of a knob and 1 % of the value of a condition, so that noise of an input that
    hardly moved is not taken for an effect.
    """
    knobs = [0.02 * (k.high - k.low) for k in facility.knob]
    conditions = [max(0.01 * abs(c.value), 1e-6) for c in facility.condition]
    return np.array(knobs + conditions)

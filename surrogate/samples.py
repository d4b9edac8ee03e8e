"""What a log says of the beam: rows of inputs and quantities in order of time."""

from dataclasses import dataclass, field

import numpy as np

from twin import Facility, UserError

FEWEST_ROWS = 100


@dataclass(frozen=True)
class Samples:
    """N rows in order of time; quantities are NaN where they were not measured."""

    time_h: np.ndarray  # [N] hours since the start of the first log, gaps between logs left out
    x: np.ndarray  # [N, I] inputs: knobs, then conditions, in the facility's units
    y: np.ndarray  # [N, Q]
    knobs: int  # the first columns of x that are settings
    dropped: dict[str, int] = field(default_factory=dict)  # rows left out, by reason

    def cut(self, rows) -> "Samples":
        """The rows of a mask or slice."""
        return Samples(self.time_h[rows], self.x[rows], self.y[rows], self.knobs)

    def __len__(self) -> int:
        return len(self.time_h)


def gather(facility: Facility, frames) -> Samples:
    """Samples of (offset_h, frame) pairs, without rows that lack inputs or quantities or are unsteady."""
    time, x, y, steady = [], [], [], []
    names = [q.name for q in facility.quantity]
    for offset_h, frame in frames:
        time.append(np.asarray(frame["time"], float) + offset_h)
        x.append(_columns(frame, facility.inputs))
        y.append(_columns(frame, names))
        steady.append(
            np.asarray(frame["steady"], bool) if "steady" in frame else np.ones(len(time[-1]), bool)
        )
    time, x, y, steady = map(np.concatenate, (time, x, y, steady))
    whole, measured = np.isfinite(x).all(1), np.isfinite(y).any(1)
    dropped = {
        "without a quantity": int((~measured).sum()),
        "without an input": int((measured & ~whole).sum()),
        "settings or beam changed": int((measured & whole & ~steady).sum()),
    }
    keep = whole & measured & steady
    if keep.sum() < FEWEST_ROWS:
        lost = ", ".join(f"{n} {reason}" for reason, n in dropped.items())
        never = [
            name for name, column in zip(facility.inputs, x.T, strict=True) if not np.isfinite(column).any()
        ]
        mend = "add logs"
        if never:
            lost += f"; never recorded: {', '.join(never)}"
            mend += f", or give their channels the names of facility {facility.name!r}"
        raise UserError(
            f"{int(keep.sum())} usable rows of {len(keep)} in the logs ({lost}); training needs at least "
            f"{FEWEST_ROWS}: {mend}"
        )
    order = np.argsort(time[keep], kind="stable")
    return Samples(time[keep][order], x[keep][order], y[keep][order], len(facility.knob), dropped)


def _columns(frame, names) -> np.ndarray:
    """Columns [N, len(names)] of a frame; a missing one is NaN throughout."""
    rows = frame.sizes["time"]
    columns = [np.asarray(frame[n], float) if n in frame else np.full(rows, np.nan) for n in names]
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))


def boundary_h(samples: Samples, share: float) -> float:
    """The hour after which the last ``share`` of the rows lie; rows of one time stay together."""
    return float(samples.time_h[int(np.ceil(len(samples) * (1.0 - share)))])


def input_floor(facility: Facility) -> np.ndarray:
    """The least standard deviation [I] an input is standardised by.

    A knob that hardly moved is scaled by 2 % of its range, a condition by 1 % of its value: noise is no
    lever.
    """
    knobs = [0.02 * (k.high - k.low) for k in facility.knob]
    conditions = [max(0.01 * abs(c.value), 1e-6) for c in facility.condition]
    return np.array(knobs + conditions)

"""Trains: the time of a train from its number, for files without a clock."""

from datetime import datetime

import numpy as np

from replay_data.mapping import Time
from replay_data.record import instant
from twin.errors import UserError


def train_clock(time: Time | None, first: int, path: object) -> tuple[datetime, float]:
    """(time of train ``first``, seconds between trains), from ``[time] unit = "trains"`` of the map."""
    if time is None or time.unit != "trains":
        remedy = 'unit = "trains", start = time of the first train, every_s = 0.1'
        raise UserError(f"{path}: has train numbers but no clock; write [time] in the map: {remedy}")
    assert time.start is not None and time.every_s is not None
    return instant(time.start), time.every_s


def train_stamps(trains: np.ndarray, first: int, every_s: float) -> np.ndarray:
    """Seconds since the first train [N] = (train - first) * every_s."""
    return (trains.astype(np.int64) - first) * every_s

"""Defects of a sensor's values: stuck, saturated, spikes; detected from the channel's own statistics."""

import numpy as np

from replay_data.record import Channel
from twin.lazy import LazyModule

ndimage = LazyModule("scipy.ndimage")

STUCK_RUN = 30  # the least number of equal values in a row that is called stuck
STUCK_FACTOR = 10.0  # and a stuck run is this many times longer than 99 % of the others
RAIL_VISITS = 3  # a saturated sensor returns to its limit; one that stays there once is stuck
RAIL_LEVELS = 20  # a channel with fewer different values is a switch, not a sensor
SPIKE_WINDOW = 11  # samples in the running median
SPIKE_SIGMA = 15.0  # robust standard deviations from it
SPIKE_FACTOR = 3.0  # and this many times farther than 99 % of the samples
SPIKE_LEAST = 50  # samples needed to estimate the noise
SPIKE_SAMPLES = 1 << 13  # samples from which the noise of a long channel is estimated to one per cent
SPIKE_BLOCK = 64  # samples; a window never extends beyond two neighbouring blocks


def sensed(channel: Channel) -> bool:
    """Whether the channel is a sensor, with noise from which defects can be detected."""
    return channel.role in ("quantity", "condition")


def stuck(channel: Channel) -> np.ndarray:
    """Mask [N] of the samples, except the first, of each run of equal values that is too long for this channel.

    Too long: ``STUCK_RUN`` samples or more, and ``STUCK_FACTOR`` times the 99 % quantile of the run lengths
    (without the longest); with noise, this happens by chance less than once in 1e15 runs. Coarsely rounded or
    slow channels therefore pass, and a channel that never changes is not tested. A sensor at a limit to which
    it returns is saturated, not stuck.
    """
    wrong = np.zeros(channel.value.size, bool)
    if not sensed(channel) or not wrong.size:
        return wrong
    starts = _run_starts(channel.value)
    lengths = np.diff(np.append(starts, wrong.size))
    if starts.size < 2 or lengths.max() < STUCK_RUN:
        return wrong
    place = int(0.99 * (starts.size - 2))
    usual = np.partition(lengths, place)[place]
    for i in np.flatnonzero(lengths >= max(STUCK_RUN, STUCK_FACTOR * usual)):
        wrong[starts[i] + 1 : starts[i] + lengths[i]] = True
    if wrong.any():
        wrong &= ~saturated(channel)
    return wrong & ~_resting(channel)


def saturated(channel: Channel) -> np.ndarray:
    """Mask [N] of the samples at the channel's highest or lowest value, if it is a limit of the sensor.

    It is a limit if it has ``STUCK_RUN`` samples or more in ``RAIL_VISITS`` visits or more, and
    ``STUCK_FACTOR`` times as many as 99 % of the channel's other values.
    """
    wrong = np.zeros(channel.value.size, bool)
    if not sensed(channel) or not wrong.size:
        return wrong
    for rail in (channel.value.max(), channel.value.min()):
        at = channel.value == rail
        visits = int(at[0]) + np.count_nonzero(at[1:] & ~at[:-1])
        if np.count_nonzero(at) < STUCK_RUN or visits < RAIL_VISITS:
            continue
        _, counts = np.unique(channel.value[~at], return_counts=True)
        if counts.size >= RAIL_LEVELS:
            usual = np.quantile(counts, 0.99, method="lower")
            wrong |= at & (np.count_nonzero(at) >= STUCK_FACTOR * usual)
    return wrong & ~_resting(channel)


def spikes(channel: Channel) -> np.ndarray:
    """Mask [N] of the samples far away from the running median of their neighbours, by two measures at once.

    First, ``SPIKE_SIGMA`` robust standard deviations: 1.4826 times the median absolute deviation (MAD) or,
    where that is 0 (rounded or smooth values), the median step between unequal neighbours; in long channels
    estimated from ``SPIKE_SAMPLES`` or more evenly spaced samples. Second, ``SPIKE_FACTOR`` times the 99 %
    quantile of the distances (all but 3, if few), for noise that varies in time. A lasting step moves the
    median, so it is not a spike.
    """
    value = channel.value.astype(float, copy=False)
    if not sensed(channel) or value.size < SPIKE_LEAST:
        return np.zeros(value.size, bool)
    limit = SPIKE_SIGMA * _sigma(value)
    if _calm(value, limit):
        return np.zeros(value.size, bool)
    away = np.abs(value - ndimage.median_filter(value, SPIKE_WINDOW, mode="nearest"))
    far = away > limit
    if not far.any():
        return far
    usual = np.quantile(away, 1.0 - max(0.01, 3.0 / value.size), method="lower")
    return far & (away > SPIKE_FACTOR * usual) & ~_resting(channel)


def _sigma(value: np.ndarray) -> float:
    """The robust standard deviation about the running median, from evenly spaced samples."""
    half = SPIKE_WINDOW // 2
    at = np.arange(0, value.size, max(1, value.size // SPIKE_SAMPLES))
    around = np.clip(at[:, None] + np.arange(-half, half + 1), 0, value.size - 1)
    middle = np.partition(value[around], half, axis=1)[:, half]
    sigma = 1.4826 * float(np.median(np.abs(value[at] - middle)))
    if sigma == 0:
        at = at[at > 0]
        steps = np.abs(value[at] - value[at - 1])
        sigma = float(np.median(steps[steps > 0])) if steps.any() else np.inf
    return sigma


def _calm(value: np.ndarray, limit: float) -> bool:
    """Whether no sample can be ``limit`` from its running median: no two neighbouring blocks span more than that."""
    starts = np.arange(0, value.size, SPIKE_BLOCK)
    high, low = np.maximum.reduceat(value, starts), np.minimum.reduceat(value, starts)
    if starts.size > 1:
        high, low = np.maximum(high[1:], high[:-1]), np.minimum(low[1:], low[:-1])
    return bool((high - low <= limit).all())


def _resting(channel: Channel) -> np.ndarray:
    """Mask of exact zeros of a quantity: they mean no beam and are not defects."""
    return (channel.value == 0) & (channel.role == "quantity")


def _run_starts(value: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.concatenate([[True], value[1:] != value[:-1]]))

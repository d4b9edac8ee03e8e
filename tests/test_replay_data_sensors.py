"""The same spikes are found whether calm stretches are skipped or every sample is tested."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_data import sensors
from replay_data.record import Channel


def channel(value: np.ndarray) -> Channel:
    return Channel("pulse", np.arange(value.size) / 3600.0, value, "uJ", "quantity")


def plain(value: np.ndarray) -> np.ndarray:
    """The definition: every sample against the running median of its neighbours."""
    padded = np.pad(value, 5, mode="edge")
    away = np.abs(value - np.median(np.lib.stride_tricks.sliding_window_view(padded, 11), axis=1))
    far = away > sensors.SPIKE_SIGMA * sensors._sigma(value)
    usual = np.quantile(away, 1.0 - max(0.01, 3.0 / value.size), method="lower")
    return far & (away > sensors.SPIKE_FACTOR * usual) & (value != 0)


@given(
    st.integers(0, 10**6),
    st.integers(50, 700),
    st.sampled_from(["noise", "ramp", "step", "rounded"]),
    st.integers(0, 4),
)
@settings(max_examples=80, deadline=None)
def test_calm_stretches_are_passed_over_without_a_difference(seed, size, kind, spikes):
    rng = np.random.default_rng(seed)
    value = 100.0 + rng.normal(0, 1, size)
    if kind == "ramp":
        value = value + np.linspace(0, rng.uniform(0, 500), size)
    if kind == "step":
        value[rng.integers(size) :] += 200.0
    if kind == "rounded":
        value = np.round(value / 5) * 5
    value[rng.integers(0, size, spikes)] += rng.uniform(-60, 60, spikes)
    assert np.array_equal(sensors.spikes(channel(value)), plain(value))


def test_one_spike_among_a_million_samples_is_found_and_nothing_else():
    value = np.random.default_rng(0).normal(500.0, 5.0, 1 << 20)
    assert not sensors.spikes(channel(value)).any()
    value[777_777] += 200.0
    assert np.flatnonzero(sensors.spikes(channel(value))).tolist() == [777_777]


def test_the_noise_of_a_long_channel_is_known_to_two_per_cent_from_few_samples():
    value = np.random.default_rng(0).normal(500.0, 5.0, 1 << 20)
    padded = np.pad(value, 5, mode="edge")
    away = np.abs(value - np.median(np.lib.stride_tricks.sliding_window_view(padded, 11), axis=1))
    assert sensors._sigma(value) == pytest.approx(1.4826 * np.median(away), rel=4 * 1.17 / np.sqrt(2 * 8192))

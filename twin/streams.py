"""Random-number streams by name, equal to those of ``jax.random`` but without compiling for each shape.

A stream is a key; a key is folded from a seed and the name of the stream. The generator is Threefry-2x32 with 20 rounds
(J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11), as JAX has it since 0.5.
"""

from collections.abc import Callable

import numpy as np

from twin.lazy import LazyModule

special = LazyModule("scipy.special")

Key = tuple[np.ndarray, np.ndarray]  # two halves, uint32, both of the shape of the streams

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)
ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
IN_CACHE = 2**15  # numbers at a time
LEAST = float(np.nextafter(-1.0, 0.0))


def of_seed(seed: int) -> Key:
    """The key of a seed, shape [1]."""
    return np.array([seed >> 32 & 0xFFFFFFFF], np.uint32), np.array([seed & 0xFFFFFFFF], np.uint32)


def fold(key: Key, number) -> Key:
    """A key for each number; keys and numbers are broadcast against each other."""
    counter = np.asarray(number, np.uint32)
    return _threefry(key, np.zeros_like(counter), counter)


def uniform(key: Key, size: int) -> np.ndarray:
    """[..., size] numbers from 0 to below 1, the first ones of each key's stream."""
    found = np.empty((key[0].size, size))
    rows = max(1, IN_CACHE // max(size, 1))
    count = np.arange(size, dtype=np.uint32)
    first, second = key[0].reshape(-1, 1), key[1].reshape(-1, 1)
    for i in range(0, len(found), rows):
        high, low = _threefry((first[i : i + rows], second[i : i + rows]), np.zeros_like(count), count)
        bits = high.astype(np.uint64) << np.uint64(32) | low
        found[i : i + rows] = (bits >> np.uint64(12) | ONE).view(np.float64) - 1.0
    return found.reshape(*key[0].shape, size)


def exponential(key: Key, size: int) -> np.ndarray:
    """[..., size] exponential numbers of mean 1, the first ones of each key's stream."""
    return -np.log1p(-uniform(key, size))


def normal(key: Key, size: int) -> np.ndarray:
    """[..., size] normal numbers of mean 0 and standard deviation 1, the first ones of each key's stream."""
    return np.sqrt(2.0) * special.erfinv(np.maximum(LEAST, uniform(key, size) * (1.0 - LEAST) + LEAST))


Sample = Callable[[Key, int], np.ndarray]


def _threefry(key: Key, high: np.ndarray, low: np.ndarray) -> Key:
    """The Threefry function of a key and counters; all arrays of uint32."""
    schedule = (*key, key[0] ^ key[1] ^ PARITY)
    a, b = high + schedule[0], low + schedule[1]
    spilt = np.empty_like(b)
    for turn in range(5):
        for by in ROTATIONS[turn % 2]:
            a += b
            np.right_shift(b, np.uint32(32 - by), out=spilt)
            b <<= np.uint32(by)
            b |= spilt
            b ^= a
        a += schedule[(turn + 1) % 3]
        b += schedule[(turn + 2) % 3] + np.uint32(turn + 1)
    return a, b

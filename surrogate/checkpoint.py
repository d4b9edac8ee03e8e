"""Checkpoints of a training on disk: after a kill it resumes from there, with the same result."""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

EVERY_S = 2.0


class Checkpoint:
    """A folder of training states, each stored under the hash of the inputs it was computed from.

    A state appears whole or not at all. A training with other rows, another seed or another recipe has
    another hash, so it never resumes from this state.
    """

    def __init__(self, folder: str | Path, every_s: float = EVERY_S) -> None:
        self.folder = Path(folder)
        self.every_s = every_s
        self._last = time.monotonic()

    def key(self, *parts: Any) -> str:
        """The hash of arrays, numbers and texts."""
        digest = hashlib.sha256()
        for part in parts:
            value = np.asarray(part)
            digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
        return digest.hexdigest()[:32]

    def due(self) -> bool:
        """Whether the last state was saved at least ``every_s`` seconds ago."""
        return time.monotonic() - self._last >= self.every_s

    def save(self, key: str, arrays: list[np.ndarray]) -> None:
        """Save a state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{key}.{os.getpid()}.npz"
        np.savez(part, *arrays)
        os.replace(part, self.folder / f"{key}.npz")
        self._last = time.monotonic()

    def load(self, key: str) -> list[np.ndarray] | None:
        """The state saved under a key, None if there is none."""
        path = self.folder / f"{key}.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as file:
            return [file[f"arr_{i}"] for i in range(len(file.files))]

    def clear(self) -> None:
        """Delete all states, once the training is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

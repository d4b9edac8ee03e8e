"""A user's policy function in a Python file; its errors are reported with file and line."""

import runpy
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.otherwise import Policy
from twin import UserError


def policy_of(text: str) -> Any:
    """The function NAME of ``FILE.py:NAME``; an error in the file or in the function is a UserError."""
    path, colon, name = text.rpartition(":")
    if not colon:
        raise UserError(
            f"--policy {text!r}: it needs a function, as FILE.py:FUNCTION; write it like --policy night.py:careful"
        )
    if not Path(path).is_file():
        raise UserError(
            f"--policy {text!r}: {path!r} is not a file; write it like --policy night.py:careful, a function of "
            "(hour, settings, conditions) that gives settings"
        )
    try:
        found = runpy.run_path(path).get(name)
    except (Exception, SystemExit) as error:
        raise UserError(f"--policy {text!r}: {_located(path, error)}") from error
    if not callable(found):
        raise UserError(f"--policy {text!r}: {path} has no function {name!r}")
    return _guarded(found, path, text)


def _guarded(policy: Policy, path: str, text: str) -> Policy:
    """A user's function that raises UserError for any error in it."""

    def choose(hour: float, held: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        where = f"--policy {text!r} at hour {hour:g}"
        try:
            chosen = policy(hour, held, conditions)
        except (Exception, SystemExit) as error:
            raise UserError(f"{where}: {_located(path, error)}") from error
        try:
            if chosen is None:
                raise TypeError
            return np.asarray(chosen, float)
        except (TypeError, ValueError):
            raise UserError(
                f"{where}: {path} returned {type(chosen).__name__}, not one number for each knob"
            ) from None

    return choose


def _located(path: str, error: BaseException) -> str:
    """An error in a user's file as one line with file and line number."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    place = f"{path}, line {lines[-1]}" if lines else path
    return f"{place}: {type(error).__name__}: {' '.join(str(error).split())}"

"""An analysis of steps that can end in every way that a real one can."""

import os
import time
from dataclasses import dataclass

from twin.errors import UserError


@dataclass(frozen=True)
class Request:
    """So many steps of so many seconds, and how it ends: well, mistake, defect or exit."""

    steps: int
    wait_s: float = 0.0
    end: str = "well"
    runs: int = 1

    def __post_init__(self):
        if self.steps < 0:
            raise UserError(f"steps = {self.steps} is below 0")


def run(request, progress):
    """Do the steps and come to the end."""
    for step in range(request.steps):
        progress(f"step {step + 1}", step / request.steps)
        time.sleep(request.wait_s)
    if request.end == "mistake":
        raise UserError("the log is empty; give another")
    if request.end == "defect":
        raise IndexError("list index out of range")
    if request.end == "exit":
        os._exit(7)
    return request


def as_json(answer):
    """What was done, with a number that JSON has no word for."""
    return {"steps": answer.steps, "gain": float("nan")}

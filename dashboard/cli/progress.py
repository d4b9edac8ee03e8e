"""The progress of a command: a bar with the time left on a terminal, lines of text otherwise."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.types import Progress

LINE_S = 5.0
"""Without a terminal: least seconds between two lines on the same stage."""
LEAST_S, LEAST_PART = 2.0, 0.02
"""The time left is not estimated before so many seconds have passed and this part is done."""


class Pace:
    """Elapsed time, and an estimate of the time left from the speed of the latest half of the work done.

    The first half is left out because it contains compilation and reading of files.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.began = clock, clock()
        self.part, self.at = 0.0, self.began
        self.marks = [(0.0, self.began)]

    def reached(self, part: float) -> None:
        """Record the part of the work that is done now, 0 ... 1."""
        self.part, self.at = part, self.clock()
        self.marks.append((part, self.at))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the work began."""
        return self.clock() - self.began

    @property
    def left_s(self) -> float | None:
        """Estimated seconds left; None while too little is done to estimate it."""
        if not LEAST_PART <= self.part < 1.0 or self.at - self.began < LEAST_S:
            return None
        part, at = max(m for m in self.marks if m[0] <= self.part / 2 and m[1] <= self.at - LEAST_S)
        left = (self.at - at) * (1.0 - self.part) / (self.part - part)
        return max(left - (self.clock() - self.at), 0.0)


def in_words(seconds: float) -> str:
    """Seconds as text: 40 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A progress callback that draws one bar on a terminal, or prints lines where there is none."""
    if sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield lines(Pace())


def lines(pace: Pace) -> "Progress":
    """A progress callback that prints a line on standard error when a stage begins, and every LINE_S seconds."""
    last_text, last_at = "", 0.0

    def progress(text: str, part: float) -> None:
        nonlocal last_text, last_at
        pace.reached(part)
        new = text != last_text
        if not new and pace.clock() - last_at < LINE_S:
            return
        last_text, last_at = text, pace.clock()
        print(f"  {text}{_so_far(pace)} ...", file=sys.stderr, flush=True)

    return progress


def _so_far(pace: Pace) -> str:
    left = pace.left_s
    done = f": {100 * pace.part:.0f} %" if pace.part > 0 else ""
    return done if left is None else f"{done}, {in_words(left)} left"


@contextmanager
def _bar() -> Iterator["Progress"]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    pace = Pace()

    class Left(ProgressColumn):
        """A column with the time left, counted down between two reports."""

        def render(self, task: Task) -> Text:
            left = pace.left_s
            return Text("" if left is None or task.finished else f"{in_words(left)} left")

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        Left(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=1.0)

        def progress(text: str, part: float) -> None:
            pace.reached(part)
            bars.update(task, description=text, completed=part)

        yield progress

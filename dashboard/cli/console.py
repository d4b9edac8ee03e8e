"""The terminal: tables, lines and progress bars of the command line."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Say = Callable[[str, float], None]

PLAIN_WIDTH = 140
console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def show(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], numeric: Sequence[int] = ()
) -> None:
    """A table with a title; the columns in ``numeric`` are set flush right."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console.print(f"\n{title}", style="bold", markup=False)
    console.print(table)


def say(text: str) -> None:
    """One line to the person."""
    console.print(text, markup=False, soft_wrap=True)


@contextmanager
def bars() -> Iterator[Say]:
    """A bar for each piece of long work; on a pipe, a line when each is done."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def tell(text: str, part: float) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=1.0)
            progress.update(tasks[text], completed=part)

        yield tell


def _lines() -> Say:
    seen: set[str] = set()

    def tell(text: str, part: float) -> None:
        if text not in seen:
            seen.add(text)
            print(f"  {text} ...", file=sys.stderr, flush=True)

    return tell


def explain(names: Iterable[str]) -> None:
    """What the metrics of the table above mean, where their titles do not say it all."""
    from twin.outcome import meanings  # imports JAX, which commands without metrics need not wait for

    for sentence in meanings(names):
        say(sentence)

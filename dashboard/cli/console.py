"""The terminal: tables and lines of text."""

import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 140


@cache
def _console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def show(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], numeric: Sequence[int] = ()
) -> None:
    """Print a table with a title; the columns in ``numeric`` are right-aligned."""
    from rich.table import Table

    table = Table(header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    _console().print(f"\n{title}", style="bold", markup=False)
    _console().print(table)


def print_line(text: str) -> None:
    """Print one line, without markup and without wrapping."""
    _console().print(text, markup=False, soft_wrap=True)


def percent(share: float | None) -> str:
    """A share as per cent; an empty text for None."""
    return "" if share is None else f"{100 * share:.0f} %"


def change(row: dict[str, Any], digits: int) -> str:
    """A change with its interval as text; ``row`` has the keys mean, low and high."""
    return f"{row['mean']:+.{digits}f} ({row['low']:+.{digits}f} ... {row['high']:+.{digits}f})"


def explain(names: Iterable[str]) -> None:
    """Print the definitions of metrics whose titles do not define them fully."""
    from twin.outcome import meanings  # imports JAX, which commands without metrics do not need

    for sentence in meanings(names):
        print_line(sentence)

"""Types that every room shares: plain JSON values, and the function with which long work reports its progress."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
"""A JSON object as Python values."""

Progress = Callable[[str, float], None]
"""Called as ``progress(text, part)``: what is being done, and how much of it is done, 0 ... 1."""


def silent(text: str, part: float) -> None:
    """Ignore the progress."""

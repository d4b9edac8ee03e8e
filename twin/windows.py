"""Hours of the week: a window that opens each day, or on the first days of each week only."""

ON_TIME_H = 1e-9
"""Tolerance [h] at both ends of a window, because clocks are floating point."""


def window(now_h: float, from_h: float, to_h: float, days: int = 7) -> tuple[float, float]:
    """(opens, closes) of the window that is open at ``now_h``, else of the next one, [h].

    It opens at ``from_h`` on the first ``days`` days of each week and closes at ``to_h``, the next day if
    that is not later. Hour 0 is a Monday, 0:00. A window that is open opens at ``now_h``.
    """
    length = (to_h - from_h) % 24.0 or 24.0
    day, hour = divmod(now_h - from_h + ON_TIME_H, 24.0)
    if day % 7 < days and hour < length:
        return now_h, day * 24.0 + from_h + length
    day += 1 if (day + 1) % 7 < days else 7 - day % 7
    return day * 24.0 + from_h, day * 24.0 + from_h + length

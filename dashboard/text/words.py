"""Numbers, intervals and times as text, the same on the page, in the figures and in the report."""

import math
from datetime import UTC, datetime

NONE = "–"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """``value`` with ``digits`` decimals, large values as powers of ten, and a dash for None or NaN."""
    if value is None or not math.isfinite(value):
        return NONE
    if abs(value) >= 1e6:
        exponent = math.floor(math.log10(abs(value)))
        text = f"{value / 10**exponent:{'+' if sign else ''}.2f} × 10{str(exponent).translate(SUPERSCRIPT)}"
    else:
        value = round(value, digits) + 0.0  # no "-0.0"
        text = f"{value:{'+' if sign and value else ''},.{digits}f}".replace(",", "\u202f")
    return text.replace("-", "−")


def amount(value: float | None, unit: str, digits: int = 2, sign: bool = False) -> str:
    """A number with its unit."""
    text = number(value, digits, sign)
    return f"{text}\u00a0{unit}" if unit and text != NONE else text


def interval(low: float | None, high: float | None, digits: int = 2, sign: bool = True) -> str:
    """An interval as 'low … high'."""
    return f"{number(low, digits, sign)} … {number(high, digits, sign)}"


def duration(hours: float | None) -> str:
    """Hours as text: 40 s, 12 min, 3 h 05 min, 2 d 4 h."""
    if hours is None or not math.isfinite(hours):
        return NONE
    if hours < 0:
        return f"−{duration(-hours)}"
    if hours * 3600 < 59.5:
        return f"{hours * 3600:.0f} s"
    minutes = round(hours * 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min" if minutes % 60 else f"{minutes // 60} h"
    days, rest = divmod(round(hours), 24)
    return f"{days} d {rest} h" if rest else f"{days} d"


def moment(given: str | datetime | None) -> datetime | None:
    """A datetime or ISO 8601 text as a datetime in UTC; None if it is missing or invalid."""
    try:
        time = given if isinstance(given, datetime) else datetime.fromisoformat(given or "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one that UTC moves out of the calendar
        return None


def clock(given: str | datetime | None) -> str:
    """A time as '23 Nov 2026 21:11 UTC'."""
    time = moment(given)
    return f"{time:%d %b %Y %H:%M} UTC" if time else NONE


def unit_of(unit: str) -> str:
    """A unit as it is displayed."""
    return {"degC": "°C", "um": "µm", "Ohm": "Ω"}.get(unit, unit)

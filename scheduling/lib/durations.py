"""Read and write durations as people do: 30 min, 1 h 30 min, 60 days."""

import re
from datetime import timedelta

FORMAT_UNITS = [("days", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))]
PART = r"(\d{1,7})(?!\d)\s*([a-z]*)[\s,]*"
UNITS_BY_NAME = {
    **dict.fromkeys(["", "m", "min", "mins", "minute", "minutes"], timedelta(minutes=1)),
    **dict.fromkeys(["h", "hr", "hrs", "hour", "hours"], timedelta(hours=1)),
    **dict.fromkeys(["d", "day", "days"], timedelta(days=1)),
    **dict.fromkeys(["w", "week", "weeks"], timedelta(weeks=1)),
}


def format_duration(duration: timedelta) -> str:
    """Return a duration in whole minutes as text; an empty one is ``0 min``."""
    parts = []
    for name, unit in FORMAT_UNITS:
        number, duration = divmod(duration, unit)
        if number:
            parts.append(f"{number} {'day' if name == 'days' and number == 1 else name}")
    return " ".join(parts) or "0 min"


def parse_duration(text: str) -> timedelta:
    """Return the duration in ``text``, or raise ValueError. A bare number means minutes."""
    text = text.strip().lower()
    if not re.fullmatch(f"({PART})+", text):
        raise ValueError(text)
    try:
        return sum((int(number) * UNITS_BY_NAME[unit] for number, unit in re.findall(PART, text)), timedelta())
    except (KeyError, OverflowError) as error:
        raise ValueError(text) from error

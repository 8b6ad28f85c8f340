"""Lengths of time as people write them: 30 min, 1 h 30 min, 60 days."""

import re
from datetime import timedelta

UNITS = [("days", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))]
PART = r"(\d{1,7})(?!\d)\s*([a-z]*)[\s,]*"
MEANINGS = {
    **dict.fromkeys(["", "m", "min", "mins", "minute", "minutes"], timedelta(minutes=1)),
    **dict.fromkeys(["h", "hr", "hrs", "hour", "hours"], timedelta(hours=1)),
    **dict.fromkeys(["d", "day", "days"], timedelta(days=1)),
    **dict.fromkeys(["w", "week", "weeks"], timedelta(weeks=1)),
}


def format_duration(duration):
    """Return a duration in whole minutes in words; nothing at all is ``0 min``."""
    parts = []
    for name, unit in UNITS:
        number, duration = divmod(duration, unit)
        if number:
            parts.append(f"{number} {'day' if name == 'days' and number == 1 else name}")
    return " ".join(parts) or "0 min"


def parse_duration(text):
    """Return the duration that ``text`` says, a bare number being minutes; raises ValueError."""
    text = text.strip().lower()
    if not re.fullmatch(f"({PART})+", text):
        raise ValueError(text)
    try:
        return sum((int(number) * MEANINGS[unit] for number, unit in re.findall(PART, text)), timedelta())
    except (KeyError, OverflowError) as error:
        raise ValueError(text) from error

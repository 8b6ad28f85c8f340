"""Write moments as wall time in a time zone."""

from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import available_timezones


def format_local(
    moment: datetime, zone: tzinfo, *, unless: tzinfo | str | None = None, pattern: str = "%a %-d %b %Y, %H:%M"
) -> str:
    """Return a moment as wall time in ``zone``, with the zone's abbreviation unless ``zone`` is ``unless``."""
    moment = moment.astimezone(zone)
    return moment.strftime(pattern) + ("" if str(zone) == str(unless) else f" {get_zone_abbreviation(moment)}")


@cache
def list_timezones() -> set[str]:
    """Return the names of all time zones: Python reads a hundred folders for them."""
    return available_timezones()


def get_zone_abbreviation(moment: datetime) -> str:
    """Return the abbreviation of an aware datetime's zone: BST, or UTC+04 where there is none."""
    short = f"{moment:%Z}"
    return f"UTC{short}" if short[0] in "+-" else short

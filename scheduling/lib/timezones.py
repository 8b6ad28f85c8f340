"""Moments as wall time in a zone."""


def format_local(moment, zone, *, unless=None, pattern="%a %-d %b %Y, %H:%M"):
    """Write a moment as wall time in ``zone``, with the zone's short name unless ``zone`` is ``unless``."""
    moment = moment.astimezone(zone)
    return moment.strftime(pattern) + ("" if str(zone) == str(unless) else f" {get_zone_abbreviation(moment)}")


def get_zone_abbreviation(moment):
    """Return the abbreviation of an aware datetime's zone: BST, or UTC+04 where people use none."""
    short = f"{moment:%Z}"
    return f"UTC{short}" if short[0] in "+-" else short

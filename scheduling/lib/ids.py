"""Ids that somebody has sent."""

from typing import Any
from uuid import UUID


def parse_id(value: Any) -> UUID | None:
    """Return the UUID that a value is or spells, or None for any other."""
    try:
        return UUID(str(value))
    except ValueError:
        return None

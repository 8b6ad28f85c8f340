"""How many of something one may have: counted behind a lock, so that many requests at once cannot exceed it."""

from collections.abc import Collection
from datetime import datetime

from scheduling.lib.pipelined_postgresql import write_later


def lock_count(whose: str) -> None:
    """Have the next statement wait until nobody else counts for ``whose``; keep it so until the transaction ends.

    Without this lock, many requests at once would each count before any of them adds one.
    """
    write_later("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [whose])


def lock_counts(*whose: str) -> None:
    """Do what lock_count does for several, in the order that cannot deadlock, in one statement."""
    write_later("SELECT pg_advisory_xact_lock(hashtextextended(unnest(%s::text[]), 0))", [sorted(whose)])


def get_wait(limit: int, ends: Collection[datetime], *, now: datetime) -> int | None:
    """Return the seconds until fewer than ``limit`` count, each until its end, or None if it is so already."""
    return int((min(ends, default=now) - now).total_seconds()) + 1 if len(ends) >= limit else None

"""The event feed: what other systems are told, read again in an order that no late commit can spoil.

An event gets its id before its transaction commits, so a reader may see 8 before 7, and would never see 7 if it
went on after 8. The feed therefore shows an event once no transaction is open that is older than the one that wrote
it, in the order of (transaction, id): nothing can come before what is shown.

A database that was restored into another cluster has events of that cluster's transactions, whose numbers mean
nothing here. They count as the oldest, by id. A position that no longer fits goes on by time, a minute before.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

SCAN_LIMIT = 2_000  # events looked at for one page, wanted or not
OVERLAP = timedelta(minutes=1)


@dataclass(frozen=True)
class Position:
    """A place in the feed, after an event; the default is its beginning. No event older than ``since`` is read."""

    transaction_id: int = 0
    event_id: int = 0
    created_at: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class FeedPage:
    """Events, each as a delivery tells it with its id, and the Position after them.

    ``has_more`` says that reading on shows more, perhaps after pages without events.
    """

    events: list[dict[str, Any]]
    position: Position
    has_more: bool


# Before the parenthesis: what is of another cluster, which only a reader at the beginning or among these can want.
# With OFFSET 0 the planner looks for ``since`` by its index, instead of reading the feed up to it.
READ = """
      WITH scanned AS (
   (SELECT '0'::xid8 AS position, id, created_at, kind FROM booking_event
     WHERE %(transaction_id)s = '0' AND id > %(event_id)s AND created_at >= %(since)s
       AND transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
     ORDER BY id LIMIT %(scan_limit)s)
     UNION ALL
   (SELECT transaction_id, id, created_at, kind FROM {source}
     WHERE (transaction_id, id) > (%(transaction_id)s::xid8, %(event_id)s) AND created_at >= %(since)s
       AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY transaction_id, id LIMIT %(scan_limit)s)
     ORDER BY position, id LIMIT %(scan_limit)s),
           found AS (
    SELECT position, event.id, event.created_at, event.kind, subject_id, sequence, to_status, data, announcement
      FROM scanned JOIN booking_event AS event USING (id)
     WHERE event.kind = ANY(%(kinds)s)
     ORDER BY position, id LIMIT %(limit)s + 1)
    SELECT latest.*, (SELECT count(*) FROM scanned), found.*
      FROM (SELECT position, id, created_at FROM scanned ORDER BY position DESC, id DESC LIMIT 1) AS latest
      LEFT JOIN found ON true
     ORDER BY found.position, found.id
"""
IN_FEED = READ.format(source="booking_event")
SINCE = READ.format(source="(SELECT * FROM booking_event WHERE created_at >= %(since)s OFFSET 0) AS recent")

STILL_FITS = """
    SELECT EXISTS (
    SELECT FROM booking_event
     WHERE id = %(event_id)s AND created_at = %(created_at)s AND %(transaction_id)s::xid8 =
           CASE WHEN transaction_id < pg_snapshot_xmax(pg_current_snapshot()) THEN transaction_id ELSE '0' END)
"""


def read_feed(position: Position, *, kinds: Collection[str], limit: int) -> FeedPage:
    """Return up to ``limit`` events of these kinds after ``position``, in the order of the feed."""
    position = _find_place(position)
    is_beginning = position.since and not position.event_id
    with connection.cursor() as cursor:
        cursor.execute(
            SINCE if is_beginning else IN_FEED,
            {
                "transaction_id": str(position.transaction_id),
                "event_id": position.event_id,
                "since": position.since or "-infinity",
                "kinds": list(kinds),
                "limit": limit,
                "scan_limit": SCAN_LIMIT,
            },
        )
        rows = cursor.fetchall()
    if not rows:
        return FeedPage([], position, has_more=False)
    [*latest, number_scanned] = rows[0][:4]
    found = [row[4:] for row in rows if row[4] is not None]
    has_more = len(found) > limit or number_scanned == SCAN_LIMIT
    if len(found) > limit:
        found = found[:limit]
        latest = found[-1][:3]
    transaction_id, event_id, created_at = latest
    after = Position(int(transaction_id), event_id, created_at, position.since)
    return FeedPage([_write(*row[1:]) for row in found], after, has_more)


def _find_place(position):
    """Return the position, or one by time if its event is gone or was written in another cluster."""
    if not position.event_id:
        return position
    with connection.cursor() as cursor:
        cursor.execute(
            STILL_FITS,
            {
                "transaction_id": str(position.transaction_id),
                "event_id": position.event_id,
                "created_at": position.created_at,
            },
        )
        [[still_fits]] = cursor.fetchall()
    if still_fits:
        return position
    since = position.created_at - OVERLAP
    return Position(since=max(since, position.since or since))


def _write(id, created_at, kind, subject_id, sequence, to_status, data, announcement):
    if announcement:
        told = orjson.loads(announcement)
    else:  # an earlier release wrote it
        told = {"id": str(subject_id), **({"status": to_status} if to_status else {}), **orjson.loads(data)}
    return {
        "id": str(id),
        "type": kind,
        "timestamp": created_at.isoformat(),
        "data": {**told, "sequence": sequence},
    }

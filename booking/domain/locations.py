"""What API clients have of a location beside reading it: how long a hold lives there, and whether anything changed."""

from uuid import UUID

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from booking.domain.audit import record_event
from booking.domain.transitions import lock_row
from booking.models.enums import EventKind
from scheduling.lib.clock import database_now
from scheduling.lib.reading import get_read_connection
from scheduling.models import Location


@transaction.atomic
def change_location(location: Location, *, hold_seconds: int, actor: str) -> None:
    """Set how long holds live that are placed at a location from now on. Idempotent."""
    lock_row(location)
    before = location.hold_seconds
    if hold_seconds == before:
        return
    location.hold_seconds = hold_seconds
    location.save(update_fields=["hold_seconds", "updated_at"])
    change = {"changed": ["hold_seconds"], "from": before, "to": hold_seconds}
    record_event(location, EventKind.LOCATION_UPDATED, actor=actor, at=database_now(), data=change)


# The latest event that no older transaction can still precede, and the number of those after it that can be seen. Both
# together change whenever an event can be seen that could not before, however late it was committed.
VERSIONS = """
    SELECT id, is_active, updated_at, schedule_changed_at,
           (SELECT id FROM booking_event
             WHERE location_id = location.id AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY transaction_id DESC, id DESC LIMIT 1),
           (SELECT count(*) FROM booking_event
             WHERE location_id = location.id AND transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
               AND transaction_id < pg_snapshot_xmax(pg_current_snapshot()))
      FROM scheduling_location AS location
"""
VERSION = f"{VERSIONS} WHERE id = %s"


def get_location_version(location_id: UUID, *, is_active_only: bool = False) -> str:
    """Return a text that changes with whatever is held, booked or moved at a location, and with its free times.

    It may also change without such a reason. What time alone does, such as a hold's running out, is not seen until
    somebody marks it. One statement. Raises Location.DoesNotExist, with ``is_active_only`` also for a closed one.
    """
    with connection.cursor() as cursor:
        cursor.execute(VERSION, [location_id])
        row = cursor.fetchone()
    if row is None or (is_active_only and not row[1]):
        raise Location.DoesNotExist
    # Nobody who asks need learn how many events there are.
    return salted_hmac("location version", f"{row}").hexdigest()


def get_location_versions() -> dict[UUID, tuple]:
    """Return of every location what changes as get_location_version does, for this process alone. One statement.

    Those of a replica go with the times that it has, and with no others: it may be behind.
    """
    with get_read_connection().cursor() as cursor:
        cursor.execute(VERSIONS)
        return {location_id: tuple(version) for location_id, *version in cursor}

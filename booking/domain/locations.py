"""The verb of a location that API clients have: how long a hold lives there."""

from django.db import transaction

from booking.domain.audit import record_event
from booking.models.enums import EventKind
from scheduling.lib.clock import database_now
from scheduling.models import Location


@transaction.atomic
def change_location(location: Location, *, hold_seconds: int, actor: str) -> None:
    """Set how long holds live that are placed at a location from now on. Idempotent."""
    before = Location.objects.select_for_update(no_key=True).get(pk=location.pk).hold_seconds
    location.hold_seconds = hold_seconds
    if hold_seconds == before:
        return
    location.save(update_fields=["hold_seconds", "updated_at"])
    change = {"changed": ["hold_seconds"], "from": before, "to": hold_seconds}
    record_event(location, EventKind.LOCATION_UPDATED, actor=actor, at=database_now(), data=change)

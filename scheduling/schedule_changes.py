"""Note that free times have changed, for pages that show them: what bookings do to them has events of its own."""

from uuid import UUID

from django.db import transaction
from django.db.models import Func, Q

from scheduling.models import Location
from scheduling.models.hours import list_workplaces


@transaction.atomic(savepoint=False)
def mark_schedule_changed(*, clinician_id: UUID | None = None, location_id: UUID | None = None) -> None:
    """Note it of a location, or of all where a clinician works; without either, of all there are.

    Call it in the transaction of the change, last: it locks the locations.
    """
    whose = Q(pk=location_id) if location_id else Q()
    if clinician_id:
        whose = Q(pk__in=list_workplaces("location", clinician=clinician_id))
    Location.objects.filter(pk__in=lock_locations(whose)).update(schedule_changed_at=Func(function="clock_timestamp"))


def lock_locations(whose: Q | None = None) -> list[UUID]:
    """Lock locations, or all, in one order, so that two changes cannot deadlock, and return their primary keys."""
    locked = Location.objects.select_for_update(no_key=True).filter(whose or Q()).order_by("pk")
    return list(locked.values_list("pk", flat=True))

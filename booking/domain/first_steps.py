"""What a new clinic needs before anybody can be booked, one thing after the other."""

from collections.abc import Iterable
from datetime import time

from django.db import transaction
from django.db.models import Exists, OuterRef

from booking.models import Appointment, Branding
from scheduling.models import Clinician, Location, Service, WorkingHours
from scheduling.schedule_changes import mark_schedule_changed

STEPS = ("location", "service", "clinician", "hours", "page")


def list_missing_steps() -> list[str]:
    """Return the STEPS that are still to be made, in their order; none in a clinic that has had an appointment."""
    rows = {
        "location": Location.objects.filter(is_active=True),
        "service": Service.objects.filter(is_active=True),
        "clinician": Clinician.objects.filter(is_active=True),
        "hours": WorkingHours.objects.all(),
        "page": Branding.objects.all(),
    }
    if Appointment.objects.exists():
        return []
    return [name for name in STEPS if not rows[name].exists()]


@transaction.atomic
def add_location(location: Location) -> None:
    """Save a new location, which is validated already."""
    location.save()
    mark_schedule_changed()


@transaction.atomic
def add_clinician(clinician: Clinician) -> None:
    """Save a new clinician, who offers every service that there is."""
    clinician.save()
    clinician.services.set(Service.objects.filter(is_active=True))
    mark_schedule_changed()


@transaction.atomic
def add_service(service: Service) -> None:
    """Save a new service, which every clinician that there is offers."""
    service.save()
    for clinician in Clinician.objects.filter(is_active=True):
        clinician.services.add(service)
    mark_schedule_changed()


@transaction.atomic
def add_week(weekdays: Iterable[int], spells: Iterable[tuple[time, time]]) -> None:
    """Let every clinician without hours work at the first location, on these weekdays, from–to."""
    location = Location.objects.filter(is_active=True).order_by("created_at").first()
    new = Clinician.objects.filter(~Exists(WorkingHours.objects.filter(clinician=OuterRef("pk"))), is_active=True)
    spells = list(spells)
    WorkingHours.objects.bulk_create(
        WorkingHours(clinician=clinician, location=location, weekday=weekday, start_time=start, end_time=end)
        for clinician in new
        for weekday in weekdays
        for start, end in spells
    )
    mark_schedule_changed()

"""Appointments that were given another time, which their provider refuses: somebody has to talk to them."""

from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from booking.domain.approval_sync import ENDS_OF_REFUSAL, REFUSED
from booking.models import Appointment, Event, Provider


def refused(appointments):
    """Narrow appointments to those to come whose provider refuses their time; ``refused_at`` says since when."""
    events = Event.objects.filter(booking_id=OuterRef("pk")).order_by("-sequence")
    refusals = events.filter(kind=REFUSED)
    ends = events.filter(kind__in=ENDS_OF_REFUSAL)
    coming = appointments.filter(
        status__in=Appointment.UPCOMING, ends_at__gt=timezone.now(), provider__kind=Provider.Kind.UPSTREAM
    )
    return coming.annotate(
        refused=Subquery(refusals.values("sequence")[:1]),
        refused_at=Subquery(refusals.values("created_at")[:1]),
        ended=Coalesce(Subquery(ends.values("sequence")[:1]), Value(0)),
    ).filter(refused__gt=F("ended"))


def when_refused(appointment):
    """Return when the appointment's provider refused the time that it has, or None."""
    return refused(Appointment.objects.filter(pk=appointment.pk)).values_list("refused_at", flat=True).first()

"""Rescheduled appointments whose new time the approver refuses: staff must call the approver or the patient."""

from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from booking.domain.approval_sync import ENDS_OF_REFUSAL, REFUSED
from booking.integrations.approvers import list_remote_kinds
from booking.models import Appointment, Event


def filter_refused(appointments):
    """Narrow appointments to upcoming ones whose approver refuses their time, annotated with ``refused_at``."""
    events = Event.objects.filter(subject_id=OuterRef("pk")).order_by("-sequence")
    refusals = events.filter(kind=REFUSED)
    ends = events.filter(kind__in=ENDS_OF_REFUSAL)
    upcoming = appointments.filter(
        status__in=Appointment.UPCOMING, ends_at__gt=timezone.now(), provider__kind__in=list_remote_kinds()
    )
    return upcoming.annotate(
        refused=Subquery(refusals.values("sequence")[:1]),
        refused_at=Subquery(refusals.values("created_at")[:1]),
        ended=Coalesce(Subquery(ends.values("sequence")[:1]), Value(0)),
    ).filter(refused__gt=F("ended"))


def get_refused_at(appointment):
    """Return when the approver refused the appointment's present time, or None."""
    return filter_refused(Appointment.objects.filter(pk=appointment.pk)).values_list("refused_at", flat=True).first()

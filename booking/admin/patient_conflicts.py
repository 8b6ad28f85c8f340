"""What staff see of visits that one patient has at the same time."""

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from booking.access.visibility import visible_to
from booking.admin.appointment_warnings import get_upcoming_appointments
from booking.models import Appointment
from scheduling.lib.timezones import format_local


def annotate_overlaps(appointments):
    """Annotate appointments with ``overlaps``: whether another visit of the patient that stands is at that time."""
    others = find_others(*[OuterRef(name) for name in ("pk", "patient", "starts_at", "ends_at")])
    return appointments.annotate(overlaps=Exists(others))


def find_others(pk, patient, starts_at, ends_at):
    """Return the patient's other visits that stand at the time of an appointment."""
    others = Appointment.objects.filter(
        patient=patient, status__in=Appointment.STANDING, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
    return others.exclude(pk=pk)


def list_overlapping(patient, other):
    """Return the patient's coming visits that are at the time of one of the ``other`` patient's that stands."""
    theirs = find_others(OuterRef("pk"), other, OuterRef("starts_at"), OuterRef("ends_at"))
    return get_upcoming_appointments(patient=patient).filter(Exists(theirs))


def has_overlap(appointment):
    """Return whether an appointment with ``overlaps`` stands, and another visit of the patient at that time."""
    return appointment.overlaps and appointment.status in Appointment.STANDING


def render_links(request, appointments):
    """Return links to those of the appointments that the member of staff may see, with their times."""
    rows = visible_to(request.user, appointments).select_related("location", "clinician")
    return format_html_join(
        ", ",
        '<a href="{}">{}</a> ({} with {})',
        (
            (
                reverse("admin:booking_appointment_change", args=[one.pk]),
                one.reference,
                format_local(one.starts_at, one.location.zone),
                one.clinician,
            )
            for one in rows
        ),
    )


def render_overlap(request, appointment):
    """Return a sentence about the patient's other visits at the time of an appointment that has_overlap."""
    others = find_others(appointment.pk, appointment.patient_id, appointment.starts_at, appointment.ends_at)
    return format_html("It overlaps another visit of the patient. {}", render_links(request, others))


def render_conflict(request, refusal):
    """Return PatientBusy as a sentence for the member of staff."""
    if refusal.conflict.is_overlap:
        sentence = "The patient has another visit then"
    else:
        sentence = "The patient has that service on that day already"
    links = render_links(request, Appointment.objects.filter(pk=refusal.conflict.appointment_id))
    return format_html("{}{}{}. Nothing was changed.", sentence, ": " if links else "", links)

"""Appointments as iCalendar events (RFC 5545). They never name the patient."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urljoin

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from icalendar import Calendar
from icalendar import Event as CalendarEvent

from booking.models import Appointment, Event
from scheduling.calendars.base import make_event_uid


class Entry(NamedTuple):
    """All that a calendar shows of an appointment: equal entries look the same."""

    uid: str
    sequence: int
    status: str
    starts_at: datetime
    ends_at: datetime
    summary: str
    place: str
    about: str
    url: str
    created_at: datetime
    updated_at: datetime


def annotate_sequence(appointments: QuerySet[Appointment]) -> QuerySet[Appointment]:
    """Return the queryset with the rows that entries need, and the latest event's ``sequence``."""
    latest = Event.objects.filter(subject_id=OuterRef("pk")).order_by("-sequence").values("sequence")[:1]
    return appointments.select_related("service", "clinician", "location").annotate(sequence=Subquery(latest))


def make_patient_entry(appointment: Appointment, *, clinic_name: str) -> Entry:
    """Return the Entry for the patient's calendar."""
    location = appointment.location
    about = _list_description_lines(appointment)
    if location.phone:
        about.append(_("To change or cancel: %(phone)s") % {"phone": location.phone})
    summary = _("%(service)s at %(clinic)s") % {"service": appointment.service, "clinic": clinic_name}
    return _make_entry(appointment, f"{appointment.pk}@holdfast", summary, about)


def make_clinician_entry(appointment: Appointment, *, site: str) -> Entry:
    """Return the Entry for the clinician's calendar, with a link to the admin page on ``site`` if known."""
    page = site and urljoin(site, reverse("admin:booking_appointment_change", args=[appointment.pk]))
    about = _list_description_lines(appointment) + ([page] if page else [])
    uid = make_event_uid(appointment.pk, clinician_id=appointment.clinician_id)
    return _make_entry(appointment, uid, str(appointment.service), about, url=page)


def _list_description_lines(appointment):
    lines = [
        _("With %(clinician)s") % {"clinician": appointment.clinician},
        _("Reference %(reference)s") % {"reference": appointment.reference},
    ]
    return [*lines, appointment.meeting_url] if appointment.is_remote and appointment.meeting_url else lines


def _make_entry(appointment, uid, summary, about, url=""):
    location = appointment.location
    status = "TENTATIVE" if appointment.status in appointment.TENTATIVE else "CONFIRMED"
    return Entry(
        uid=uid,
        sequence=appointment.sequence,
        status="CANCELLED" if appointment.status == Appointment.Status.CANCELLED else status,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        summary=summary,
        place=_("Video call") if appointment.is_remote else ", ".join([location.name, *location.address]),
        about="\n".join(about),
        url=url,
        created_at=appointment.created_at,
        updated_at=appointment.updated_at,
    )


def write_calendar(entries: Iterable[Entry], *, method: str = "", name: str = "") -> bytes:
    """Return an iCalendar file with the entries. Pass ``method`` for a published file, ``name`` for a feed."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Holdfast//Booking//EN")
    if method:
        calendar.add("method", method)
    if name:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
    for entry in entries:
        calendar.add_component(_make_event(entry))
    return calendar.to_ical()


def _make_event(entry):
    event = CalendarEvent()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.updated_at)
    event.add("created", entry.created_at)
    event.add("last-modified", entry.updated_at)
    event.add("dtstart", entry.starts_at)
    event.add("dtend", entry.ends_at)
    event.add("summary", entry.summary)
    event.add("location", entry.place)
    event.add("description", entry.about)
    event.add("status", entry.status)
    event.add("transp", "OPAQUE")
    if entry.url:
        event.add("url", entry.url)
    return event

"""An appointment as an event of a calendar (RFC 5545). It never says who comes."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urljoin

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from icalendar import Calendar
from icalendar import Event as CalendarEvent

from booking.models import Appointment, Event
from scheduling.calendars.base import make_event_uid


class Entry(NamedTuple):
    """All that a calendar shows of an appointment: two that are equal look the same there."""

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


def with_sequence(appointments):
    """Return the queryset with what entries are made of; ``sequence`` is that of the latest event."""
    latest = Event.objects.filter(subject_id=OuterRef("pk")).order_by("-sequence").values("sequence")[:1]
    return appointments.select_related("service", "clinician", "location").annotate(sequence=Subquery(latest))


def entry_for_patient(appointment, *, clinic_name):
    """Return the Entry of the patient's own calendar."""
    location = appointment.location
    about = _about(appointment)
    if location.phone:
        about.append(_("To change or cancel: %(phone)s") % {"phone": location.phone})
    summary = _("%(service)s at %(clinic)s") % {"service": appointment.service, "clinic": clinic_name}
    return _entry(appointment, f"{appointment.pk}@holdfast", summary, about)


def entry_for_clinician(appointment, *, site):
    """Return the Entry of the clinician's calendar, which links to staff's page on ``site`` if that is known."""
    page = site and urljoin(site, reverse("admin:booking_appointment_change", args=[appointment.pk]))
    about = _about(appointment) + ([page] if page else [])
    uid = make_event_uid(appointment.pk, clinician_id=appointment.clinician_id)
    return _entry(appointment, uid, str(appointment.service), about, url=page)


def _about(appointment):
    lines = [
        _("With %(clinician)s") % {"clinician": appointment.clinician},
        _("Reference %(reference)s") % {"reference": appointment.reference},
    ]
    return [*lines, appointment.meeting_url] if appointment.is_remote and appointment.meeting_url else lines


def _entry(appointment, uid, summary, about, url=""):
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


def write_calendar(entries, *, method="", name=""):
    """Return a calendar with the entries, as bytes. ``method`` is for one that is read, ``name`` for a feed."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Holdfast//Booking//EN")
    if method:
        calendar.add("method", method)
    if name:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
    for entry in entries:
        calendar.add_component(_event(entry))
    return calendar.to_ical()


def _event(entry):
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

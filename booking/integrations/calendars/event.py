"""Appointments as iCalendar events (RFC 5545). Only an invitation names who comes, to themselves."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urljoin

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, vCalAddress, vDuration
from icalendar import Event as CalendarEvent

from booking.access.patient_links import appointment_token
from booking.integrations.email.sender import get_sender_address
from booking.models import Appointment, Event, get_branding
from booking.templatetags.wording import for_whom, named_for_whom
from scheduling.calendars.base import make_event_uid

# When a patient's calendar reminds of a visit. Outlook takes the first one only.
REMINDERS = (timedelta(days=1), timedelta(hours=2))


class Party(NamedTuple):
    """Who is named in a calendar, and their e-mail address."""

    name: str
    email: str


class Entry(NamedTuple):
    """All that a calendar shows of an appointment: equal entries look the same."""

    uid: str
    sequence: int
    status: str
    starts_at: datetime
    ends_at: datetime
    summary: str
    place: str
    coordinates: tuple[Decimal, Decimal] | None
    about: str
    url: str
    created_at: datetime
    updated_at: datetime
    organizer: Party | None = None
    attendee: Party | None = None
    reminders: tuple[timedelta, ...] = ()


def annotate_sequence(appointments: QuerySet[Appointment]) -> QuerySet[Appointment]:
    """Return the queryset with the rows that entries need, and the latest event's ``sequence``."""
    latest = Event.objects.filter(subject_id=OuterRef("pk")).order_by("-sequence").values("sequence")[:1]
    return appointments.select_related("service", "clinician", "location", "order").annotate(sequence=Subquery(latest))


def make_patient_entry(appointment: Appointment, *, site: str, is_invitation: bool = False) -> Entry:
    """Return the Entry for the patient's calendar, with a link to the visit's page on ``site`` if known.

    An invitation has its attendee, who has accepted. The organizer is whom the mails are from, at every location and in
    every file of an appointment: Google removes an event only for the organizer that it came from.
    """
    is_cancelled = appointment.status == Appointment.Status.CANCELLED
    page = site and urljoin(site, reverse("widget:appointment", args=[appointment_token(appointment)]))
    whom = (named_for_whom if is_invitation else for_whom)(appointment)
    entry = _make_entry(
        appointment,
        f"{appointment.pk}@holdfast",
        write_title(appointment),
        [
            *list_description_lines(appointment),
            *([_("For %(whom)s") % {"whom": whom}] if whom else []),
            *([] if is_cancelled else list_ways_to_change(appointment, page)),
        ],
        home=_("At your home"),
        url=page,
    )
    writer = appointment.contact_name or appointment.attendee_name
    attendee = Party(writer, appointment.attendee_email) if is_invitation else None
    return entry._replace(
        organizer=Party(get_branding().name, get_sender_address()),
        attendee=attendee,
        reminders=() if is_cancelled else REMINDERS,
    )


def write_title(appointment: Appointment) -> str:
    """Return what an appointment is called in its patient's calendar."""
    service = appointment.service.translate("name")
    return _("%(service)s at %(clinic)s") % {"service": service, "clinic": get_branding().name}


def make_clinician_entry(appointment: Appointment, *, site: str) -> Entry:
    """Return the Entry for the clinician's calendar, with a link to the admin page on ``site`` if known."""
    page = site and urljoin(site, reverse("admin:booking_appointment_change", args=[appointment.pk]))
    about = list_description_lines(appointment) + ([page] if page else [])
    uid = make_event_uid(appointment.pk, clinician_id=appointment.clinician_id)
    return _make_entry(appointment, uid, str(appointment.service), about, home=_("At the patient's home"), url=page)


def list_description_lines(appointment: Appointment) -> list[str]:
    """Return what a calendar tells of an appointment, line by line."""
    lines = [
        _("With %(clinician)s") % {"clinician": appointment.clinician},
        _("Reference %(reference)s") % {"reference": appointment.reference},
    ]
    return [*lines, appointment.meeting_url] if appointment.is_remote and appointment.meeting_url else lines


def list_ways_to_change(appointment: Appointment, page: str) -> list[str]:
    """Return how its patient changes an appointment: on its ``page``, if that may be told, or by phone."""
    ways = [each for each in (page, appointment.location.phone) if each]
    lines = [_("To change or cancel: %(way)s") % {"way": each} for each in ways]
    return [*lines, _("Deleting this entry does not cancel the appointment.")]


def _make_entry(appointment, uid, summary, about, *, home, url):
    status = "TENTATIVE" if appointment.status in appointment.TENTATIVE else "CONFIRMED"
    place, coordinates = _describe_place(appointment, home)
    return Entry(
        uid=uid,
        sequence=appointment.sequence,
        status="CANCELLED" if appointment.status == Appointment.Status.CANCELLED else status,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        summary=summary,
        place=place,
        coordinates=coordinates,
        about="\n".join(about),
        url=url,
        created_at=appointment.created_at,
        updated_at=appointment.updated_at,
    )


def _describe_place(appointment, home):
    """Return where an appointment is, and the coordinates of that or None; ``home`` are the words for the patient's."""
    location = appointment.location
    if appointment.is_remote:
        return _("Video call"), None
    if appointment.is_at_home:
        return home, None
    coordinates = location.latitude, location.longitude
    return ", ".join([location.translate("name"), *location.address]), None if None in coordinates else coordinates


def get_invitation_method(entry: Entry) -> str:
    """Return the iTIP method (RFC 5546) that puts an entry into its attendee's calendar, or removes it."""
    return "CANCEL" if entry.status == "CANCELLED" else "REQUEST"


def write_calendar(
    entries: Iterable[Entry], *, method: str = "", name: str = "", refresh_interval: timedelta | None = None
) -> bytes:
    """Return an iCalendar file with the entries.

    Pass ``method`` for what is sent or published; ``name``, and how often to read it, for a feed.
    """
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Holdfast//Booking//EN")
    if method:
        calendar.add("method", method)
    if name:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
    if refresh_interval:
        calendar.add("refresh-interval", refresh_interval, parameters={"value": "DURATION"})
        calendar.add("x-published-ttl", vDuration(refresh_interval))
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
    event.add("transp", "TRANSPARENT" if entry.status == "CANCELLED" else "OPAQUE")
    if entry.coordinates:
        event.add("geo", entry.coordinates)
    if entry.url:
        event.add("url", entry.url)
    if entry.organizer:
        event.add("organizer", vCalAddress.new(entry.organizer.email, cn=entry.organizer.name))
    if entry.attendee:
        # They have accepted by booking. A program that had to ask them would show a button to decline, which would
        # cancel nothing here.
        accepted = {"partstat": "ACCEPTED", "role": "REQ-PARTICIPANT", "rsvp": False}
        event.add("attendee", vCalAddress.new(entry.attendee.email, cn=entry.attendee.name, **accepted))
    for before in entry.reminders:
        event.add_component(_make_alarm(entry, before))
    return event


def _make_alarm(entry, before):
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", entry.summary)
    alarm.add("trigger", -before)
    return alarm

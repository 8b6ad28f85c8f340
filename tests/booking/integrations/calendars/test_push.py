"""Appointments pushed to a clinician's calendar on a real CalDAV server."""

from datetime import UTC, timedelta
from threading import Event as Flag
from threading import Thread

import pytest
from django.db import connection

from booking.domain.appointments import annotate, cancel
from booking.domain.notifications import push_upcoming
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.calendars import caldav
from booking.integrations.calendars.push import push_appointment
from booking.models import Appointment, OutboxMessage
from scheduling.calendars.reading import read_calendar
from scheduling.calendars.scope import Scope
from scheduling.lib.clock import database_now
from scheduling.models import Calendar
from tests.conftest import make_clinician
from tests.ledger import nothing_changes
from tests.receivers import Receiver, answer


@pytest.fixture
def otis(harbour, consultation):
    """Return Otis, who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def list_starts_and_status(events):
    """Return each event's start and status, in order of time."""
    return sorted((event["dtstart"].dt, str(event["status"])) for event in events)


def get_pushes():
    return OutboxMessage.objects.filter(kind="calendar.push")


def move(appointment, harbour, *, clinician, starts_at):
    reschedule(
        appointment,
        OpeningRequest(appointment.service, starts_at, clinician, harbour, is_remote=False),
        actor="staff:1",
    )


# Changes


def test_push_writes_booked_appointment(radicale, danas_calendar, dana, book, at, work, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    appointment = book(at(9))

    assert work() == ["done"]

    [event] = radicale.events("dana")
    page = f"https://booking.clinic.example/admin/booking/appointment/{appointment.pk}/change/"
    told = {name: event[name] for name in ("UID", "SUMMARY", "LOCATION", "STATUS", "TRANSP", "SEQUENCE", "URL")}
    assert told == {
        "UID": f"{appointment.pk}.{dana.pk}@holdfast",
        "SUMMARY": "Consultation",
        "LOCATION": "Harbour Street, 12 Harbour Street, London E1 6AN",
        "STATUS": "CONFIRMED",
        "TRANSP": "OPAQUE",
        "SEQUENCE": 3,
        "URL": page,
    }
    assert event["DESCRIPTION"] == f"With Dana Reed\nReference {appointment.reference}\n{page}"
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (at(9), at(9, 30))
    danas_calendar.refresh_from_db()
    assert danas_calendar.last_error == ""
    assert danas_calendar.last_synced_at


def test_pushed_event_names_no_patient(radicale, danas_calendar, book, at, work):
    Appointment.objects.filter(pk=book(at(9)).pk).update(notes="I use a wheelchair.", attendee_name="Alice Archer")
    work()

    _, body = radicale.ask("GET", "/dana/appointments/", "dana")

    for secret in (b"Alice", b"Archer", b"example.org", b"1985", b"900123", b"wheelchair"):
        assert secret not in body.replace(b"\r\n ", b"")


def test_push_of_rescheduled_appointment_moves_same_event(radicale, danas_calendar, dana, harbour, book, at, work):
    appointment = book(at(9))
    work()
    [before] = radicale.events("dana")

    move(appointment, harbour, clinician=dana, starts_at=at(14))
    assert work() == ["done"]

    [after] = radicale.events("dana")
    assert (after["uid"], after["dtstart"].dt) == (before["uid"], at(14))
    assert after["sequence"] > before["sequence"]


def test_push_of_appointment_given_to_another_clinician_moves_it_between_calendars(
    radicale, danas_calendar, make_calendar, otis, harbour, book, at, work
):
    make_calendar(otis, "otis")
    appointment = book(at(9))
    work()

    move(appointment, harbour, clinician=otis, starts_at=at(10))
    assert work() == ["done", "done"]

    assert radicale.events("dana") == []
    assert list_starts_and_status(radicale.events("otis")) == [(at(10), "CONFIRMED")]


@pytest.mark.parametrize("backwards", [False, True])
def test_appointment_moved_between_clinicians_stays_in_shared_calendar(
    radicale, danas_calendar, make_calendar, otis, harbour, book, at, work, backwards
):
    make_calendar(otis, "dana")
    appointment = book(at(9))
    work()

    move(appointment, harbour, clinician=otis, starts_at=at(10))
    for message in sorted(get_pushes().filter(status="waiting"), key=lambda message: message.pk, reverse=backwards):
        push_appointment(message)

    assert list_starts_and_status(radicale.events("dana")) == [(at(10), "CONFIRMED")]


def test_push_removes_cancelled_appointment(radicale, danas_calendar, book, at, work):
    appointment = book(at(9))
    work()

    cancel(appointment, reason="other", actor="staff:1")

    assert work() == ["done"]
    assert radicale.events("dana") == []


def test_push_of_appointment_cancelled_before_first_push_succeeds(radicale, danas_calendar, book, at, work):
    cancel(book(at(9)), reason="other", actor="staff:1")

    assert work() == ["done", "done"]
    assert radicale.events("dana") == []


def test_push_of_unconfirmed_appointment_is_tentative(radicale, danas_calendar, book, at, work):
    Appointment.objects.filter(pk=book(at(9)).pk).update(status="reserved")

    work()

    assert list_starts_and_status(radicale.events("dana")) == [(at(9), "TENTATIVE")]


def test_push_contains_video_link_added_later_but_no_notes(radicale, danas_calendar, book, at, work):
    appointment = book(at(9))
    Appointment.objects.update(is_remote=True)
    work()
    appointment.refresh_from_db()

    annotate(appointment, actor="staff:1", notes="Needs an interpreter.")
    assert work() == []
    annotate(appointment, actor="staff:1", meeting_url="https://video.example/abc")
    assert work() == ["done"]

    [event] = radicale.events("dana")
    assert "https://video.example/abc" in event["description"]
    assert "interpreter" not in event.to_ical().decode()


def test_booking_without_active_caldav_calendar_writes_no_push(dana, otis, book, at):
    fields = {"url": "https://calendar.example/x", "name": "x"}
    Calendar.objects.create(clinician=dana, kind="icalendar", when_unreachable="offer", **fields)
    Calendar.objects.create(clinician=dana, kind="caldav", is_active=False, **fields)
    Calendar.objects.create(clinician=otis, kind="caldav", **fields)

    book(at(9))

    assert not get_pushes().exists()


# Late, repeated, out of order


def test_late_push_writes_current_state(radicale, danas_calendar, dana, harbour, book, at, work):
    appointment = book(at(9))
    [late] = get_pushes()
    move(appointment, harbour, clinician=dana, starts_at=at(14))
    work()
    cancel(appointment, reason="other", actor="staff:1")
    work()

    push_appointment(late)

    assert radicale.events("dana") == []


@pytest.mark.django_db(transaction=True)
def test_slower_of_concurrent_pushes_does_not_overwrite_newer_state(
    radicale, danas_calendar, dana, harbour, book, at, monkeypatch
):
    """The first push has read the appointment; before it writes, the second writes the new time."""
    appointment = book(at(9))
    [first] = get_pushes()
    has_read, may_write = Flag(), Flag()
    put = caldav.put_resource

    def put_slowly(*arguments):
        has_read.set()
        assert may_write.wait(20)
        put(*arguments)

    def run():
        push_appointment(first)
        connection.close()

    monkeypatch.setattr("booking.integrations.calendars.push.put_resource", put_slowly)
    slower = Thread(target=run)
    slower.start()
    assert has_read.wait(20)
    monkeypatch.setattr("booking.integrations.calendars.push.put_resource", put)
    move(appointment, harbour, clinician=dana, starts_at=at(14))
    push_appointment(get_pushes().exclude(pk=first.pk).get())
    may_write.set()
    slower.join(30)

    assert list_starts_and_status(radicale.events("dana")) == [(at(14), "CONFIRMED")]


# Failures


def test_push_with_wrong_password_fails_visibly(radicale, danas_calendar, book, at, work):
    danas_calendar.password = "wrong"
    danas_calendar.save()
    book(at(9))

    assert work() == ["failed"]

    danas_calendar.refresh_from_db()
    assert danas_calendar.last_error == "It refuses the user name or the password."
    assert danas_calendar.last_synced_at is None
    assert get_pushes().get().last_error == "It refuses the user name or the password."


def test_push_to_foreign_collection_fails(radicale, danas_calendar, book, at, work):
    danas_calendar.url = radicale.url("otis")
    danas_calendar.save()
    book(at(9))

    assert work() == ["failed"]

    danas_calendar.refresh_from_db()
    assert danas_calendar.last_error == "It does not allow this user to do that."
    assert radicale.events("otis") == []


def test_push_to_server_that_is_down_is_retried(radicale, danas_calendar, book, at, work):
    radicale.stop()
    book(at(9))

    assert [work(), work()] == [["waiting"], ["waiting"]]
    danas_calendar.refresh_from_db()
    assert danas_calendar.last_error.startswith("It cannot be reached: ")

    radicale.start()
    assert work() == ["done"]
    danas_calendar.refresh_from_db()
    assert danas_calendar.last_error == ""
    assert list_starts_and_status(radicale.events("dana")) == [(at(9), "CONFIRMED")]


def test_push_to_private_address_fails_without_connection(radicale, danas_calendar, book, at, work, settings):
    settings.PRIVATE_HOSTS = []
    book(at(9))

    assert work() == ["failed"]

    danas_calendar.refresh_from_db()
    assert danas_calendar.last_error == "Its address must be https, on port 443 or 8443, and public."
    assert radicale.events("dana") == []


def test_push_to_inactive_calendar_changes_nothing(radicale, danas_calendar, book, at, work):
    appointment = book(at(9))
    work()
    cancel(appointment, reason="other", actor="staff:1")
    Calendar.objects.update(is_active=False)

    assert work() == ["done"]
    assert len(radicale.events("dana")) == 1


# push_upcoming


def test_push_upcoming_to_new_calendar_writes_upcoming_appointments(
    radicale, make_calendar, dana, otis, book, at, work
):
    book(at(9)), book(at(10))
    cancel(book(at(11)), reason="other", actor="staff:1")
    book(at(9), clinician=otis)
    calendar = make_calendar(dana, "dana")

    assert push_upcoming(calendar) == 2

    assert work() == ["done", "done"]
    assert list_starts_and_status(radicale.events("dana")) == [(at(9), "CONFIRMED"), (at(10), "CONFIRMED")]


@pytest.mark.parametrize("changed", ["consultation", "harbour", "dana"])
def test_push_upcoming_covers_service_location_and_clinician(changed, request, make_calendar, dana, otis, book, at):
    for calendar in (make_calendar(dana, "dana"), make_calendar(otis, "otis")):
        calendar.save()
    book(at(9))
    book(at(10), clinician=otis)
    OutboxMessage.objects.all().delete()

    assert push_upcoming(request.getfixturevalue(changed)) == (1 if changed == "dana" else 2)


def test_read_only_calendar_gets_no_push(dana, book, at):
    book(at(9))
    calendar = Calendar.objects.create(clinician=dana, kind="icalendar", url="https://calendar.example/x", name="x")

    with nothing_changes():
        assert push_upcoming(calendar) == 0


# Connection test


def test_connection_test_of_working_calendar_passes(danas_calendar):
    caldav.check_calendar(danas_calendar)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong"}, "It refuses the user name or the password."),
        ({"path": "otis/appointments/"}, "It does not allow this user to do that."),
        ({"path": "dana/elsewhere/"}, "There is no calendar at its address."),
        ({"path": "dana/"}, "It answers, but its address is not that of a calendar."),
        ({"url": "https://127.0.0.1/dana/"}, "Its address must be https, on port 443 or 8443, and public."),
    ],
)
def test_connection_test_explains_error(radicale, danas_calendar, change, sentence):
    if "path" in change:
        change = {"url": f"http://127.0.0.1:{radicale.port}/{change['path']}"}
    for name, value in change.items():
        setattr(danas_calendar, name, value)

    with pytest.raises(caldav.CalendarRefused) as refusal:
        caldav.check_calendar(danas_calendar)

    assert str(refusal.value) == sentence


# Read back


def test_pushed_appointment_read_back_is_not_busy_time(radicale, danas_calendar, harbour, book, at, work):
    book(at(9))
    work()
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Dana//EN", "BEGIN:VEVENT", "UID:dentist", "SUMMARY:Dentist"]
    lines += [
        f"{name}:{moment:%Y%m%dT%H%M%SZ}"
        for name, moment in (
            ("DTSTAMP", at(8).astimezone(UTC)),
            ("DTSTART", at(15).astimezone(UTC)),
            ("DTEND", at(16).astimezone(UTC)),
        )
    ]
    caldav.put_resource(
        danas_calendar, "dentist.ics", "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""]).encode()
    )
    danas_calendar.kind = "icalendar"

    reading = read_calendar(danas_calendar, Scope(at(0), at(23), at(23), harbour.zone, frozenset()), timeout=20)

    assert len(radicale.events("dana")) == 2
    assert reading.busy == [(at(15).timestamp(), at(16).timestamp())]


# Other answers


@pytest.mark.parametrize("status, asked, seconds", [(429, "90", 90), (503, "90", 90), (503, "1", 5), (500, "90", 5)])
def test_push_to_overloaded_server_waits_for_retry_after(dana, book, at, work, settings, status, asked, seconds):
    with Receiver(answer(status, Retry_After=asked)) as server:
        settings.PRIVATE_HOSTS = [server.netloc]
        fields = {"kind": "caldav", "url": server.url, "username": "dana", "password": "x", "name": "Own"}
        Calendar.objects.create(clinician=dana, **fields)
        book(at(9))
        assert work() == ["waiting"]

    wait = OutboxMessage.objects.get(kind="calendar.push").due_at - database_now()
    assert timedelta(seconds=seconds - 4) < wait <= timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "becomes", "sentence"),
    [
        (409, "waiting", "It answers with status 409."),
        (412, "waiting", "It answers with status 412."),
        (429, "waiting", "It answers with status 429."),
        (503, "waiting", "It answers with status 503."),
        (301, "failed", "It has moved (status 301): its address here must be the one it has now."),
        (405, "failed", "It answers with status 405."),
    ],
)
def test_push_retries_temporary_statuses_and_fails_on_permanent_ones(
    dana, book, at, work, settings, status, becomes, sentence
):
    with Receiver(answer(status, Location="http://127.0.0.1:1/")) as server:
        settings.PRIVATE_HOSTS = [server.netloc]
        fields = {"kind": "caldav", "url": server.url, "username": "dana", "password": "x", "name": "Own"}
        calendar = Calendar.objects.create(clinician=dana, **fields)
        book(at(9))

        assert work() == [becomes]

    calendar.refresh_from_db()
    assert calendar.last_error == sentence
    assert len(server.requests) == 1

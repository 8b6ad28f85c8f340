"""Reminders: when they are due, who is reminded, and that each is sent once."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from booking.access.patient_links import verification_token
from booking.access.phone_numbers import note_confirmed
from booking.domain.appointments import annotate, cancel, confirm, mark_no_show
from booking.domain.confirmation import confirm_hold
from booking.domain.reminders import (
    MAX_QUEUED,
    confirm_attendance,
    enqueue_due_reminders,
    get_due_at,
    is_quiet,
    list_due_times,
    replan_reminders,
    send_reminder,
    stop_reminders,
)
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event, OutboxMessage, Reminder, TextMessage
from booking.outbox.queue import RetryLater
from patients.models import Consent
from scheduling.lib.clock import database_now
from scheduling.models import Service
from tests.ledger import begin, nothing_changes
from tests.outbox import run_what_is_due, start_what_is_due

HOUR, LONDON = timedelta(hours=1), ZoneInfo("Europe/London")
SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)  # London's clocks change in the night before


def local(day, *clock, zone=LONDON):
    return datetime.combine(day, time(*clock), zone)


def list_reminders():
    return set(Reminder.objects.filter(status="waiting").values_list("channel", "due_at"))


def list_due_before(start):
    """Return the reminders of a visit that begins then, in hours and not by the clock, which may change before it."""
    return {("email", start.astimezone(UTC) - hours * HOUR) for hours in (48, 2)}


@pytest.fixture
def opted_in(consultation):
    """A service that reminds everybody."""
    consultation.reminders_need_consent = False
    consultation.save()
    return consultation


@pytest.fixture
def visit(book, at, opted_in, settings):
    """Alice's visit next week, at two o'clock."""
    settings.SITE_URL = "https://booking.clinic.example"
    return book(at(14))


def withdraw(patient):
    Consent.objects.create(patient=patient, purpose="reminders", withdrawn_at=database_now())


def claim(appointment, *, before=2 * HOUR, channel="email"):
    """Hand an appointment's reminder to the outbox, and return its message and the time."""
    now = appointment.starts_at - before
    enqueue_due_reminders(now=now)
    reminder = Reminder.objects.get(appointment=appointment, channel=channel, due_at=now)
    return OutboxMessage.objects.get(pk=reminder.pk), now


# When they are due


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ((AUTUMN, 14), 2, (AUTUMN, 12)),
        ((AUTUMN, 10), 2, (AUTUMN, 8)),
        ((AUTUMN, 9, 59), 2, (AUTUMN - timedelta(1), 20)),
        ((AUTUMN, 22, 59), 2, (AUTUMN, 20, 59)),
        ((AUTUMN, 23), 2, (AUTUMN, 20)),
        ((AUTUMN + timedelta(1), 0, 30), 2, (AUTUMN, 20)),
        # Over a change of the clocks hours are hours, and the evening is a local one.
        ((AUTUMN + timedelta(1), 9), 48, (AUTUMN - timedelta(1), 10)),
        ((SPRING + timedelta(1), 9), 48, (SPRING - timedelta(1), 8)),
        ((SPRING + timedelta(1), 8, 30), 48, (SPRING - timedelta(2), 20)),
        ((SPRING, 9), 2, (SPRING - timedelta(1), 20)),
    ],
)
def test_reminder_in_quiet_hours_is_due_the_evening_before(start, hours, due):
    assert get_due_at(local(*start).astimezone(UTC), hours * HOUR, LONDON) == local(*due)


@given(
    st.integers(0, 2 * 365 * 24 * 60),
    st.integers(15, 28 * 24 * 60),
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]),
)
def test_reminder_is_never_due_in_quiet_hours_nor_late(start, minutes, name):
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    zone, wanted = ZoneInfo(name), start - timedelta(minutes=minutes)

    due_at = get_due_at(start, timedelta(minutes=minutes), zone)

    assert not is_quiet(due_at, zone)
    assert wanted - 15 * HOUR <= due_at <= wanted


# Written when it is confirmed


def test_confirmed_booking_writes_reminders_in_one_statement(hold_time, at, alice, consultation):
    hold = hold_time(at(14))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        confirm_hold(hold, patient=alice, actor="patient")

    assert list_reminders() == list_due_before(at(14))
    assert sum("booking_reminder" in query["sql"] for query in queries) == 1


def test_confirmed_booking_of_service_without_reminders_runs_no_statement_for_them(hold_time, at, alice, consultation):
    consultation.email_reminders = []
    consultation.save()
    hold = hold_time(at(14))

    with CaptureQueriesContext(connection) as queries:
        confirm_hold(hold, patient=alice, actor="patient")

    assert not any("booking_reminder" in query["sql"] for query in queries)


def test_request_has_no_reminders_until_it_is_confirmed(book, at, desk):
    appointment = book(at(14))
    assert list_reminders() == set()

    confirm(appointment, actor="erin")

    assert list_reminders() == list_due_before(at(14))


def test_reminder_that_is_past_due_when_booked_is_not_written(visit):
    now = visit.starts_at - 48 * HOUR

    assert list_due_times(visit, now=now) == {("email", visit.starts_at - 2 * HOUR)}
    assert list_due_times(visit, now=visit.starts_at - HOUR) == set()


def test_reminders_due_at_the_same_time_are_one(visit, at, opted_in):
    visit.service.email_reminders = [3 * HOUR, 2 * HOUR, HOUR]
    visit.starts_at = at(9, 30)

    times = list_due_times(visit, now=at(9) - 100 * HOUR)

    assert times == {("email", at(20) - 24 * HOUR), ("email", at(8, 30))}


def test_reminder_of_video_visit_heeds_the_night_where_its_patient_is(visit, at):
    visit.is_remote, visit.patient_timezone = True, "America/Los_Angeles"  # where it is six in the morning
    evening_before = datetime.combine(at(6).date() - timedelta(1), time(20), ZoneInfo("America/Los_Angeles"))

    assert ("email", evening_before) in list_due_times(visit, now=at(14) - 100 * HOUR)


def test_text_reminders_need_a_gateway_and_a_number(visit, settings):
    visit.service.text_reminders = [2 * HOUR]
    planned = {("sms", visit.starts_at - 2 * HOUR)}
    for backend, phone, expected in [
        ("none", "+447400123456", set()),
        ("console", "", set()),
        ("console", "+4", planned),
    ]:
        settings.SMS_BACKEND, visit.attendee_phone = backend, phone
        assert {each for each in list_due_times(visit, now=database_now()) if each[0] == "sms"} == expected


def test_moved_visit_has_its_reminders_at_the_new_time(visit, dana, harbour, at):
    claim(visit, before=48 * HOUR)
    confirm_attendance(visit, actor="patient")
    opening = OpeningRequest(service=visit.service, clinician=dana, location=harbour, starts_at=at(15), is_remote=False)

    moved = reschedule(visit, opening, actor="erin")

    assert list_reminders() == list_due_before(at(15))
    assert Reminder.objects.count() == 2  # the claimed one of the old time is gone
    assert moved.attendance_confirmed_at is None is Appointment.objects.get().attendance_confirmed_at


def test_visit_that_is_given_an_address_later_has_reminders_too(book, at, alice):
    alice.email = ""
    visit = book(at(14))
    assert list_reminders() == set()

    annotate(visit, actor="erin", attendee_email="alice@example.org")

    assert list_reminders() == list_due_before(at(14))


def test_cancelled_visit_keeps_only_what_was_sent(visit, mailoutbox):
    message, now = claim(visit, before=48 * HOUR)
    send_reminder(message, now=now)

    cancel(visit, reason="other", actor="erin")

    assert [each.status for each in Reminder.objects.all()] == ["sent"]


def test_service_whose_times_change_has_the_reminders_of_visits_to_come_written_anew(visit, consultation):
    consultation.email_reminders = [24 * HOUR]
    consultation.save()

    assert replan_reminders(consultation) == 1

    assert list_reminders() == {("email", visit.starts_at - 24 * HOUR)}


# Handed to the outbox


def test_due_reminder_is_handed_over_once(visit):
    now = visit.starts_at - 2 * HOUR

    assert enqueue_due_reminders(now=now - timedelta(seconds=1)) == 1
    assert enqueue_due_reminders(now=now) == 1
    assert enqueue_due_reminders(now=now) == 0

    messages = OutboxMessage.objects.filter(kind="email.reminder")
    assert set(messages.values_list("pk")) == set(Reminder.objects.values_list("pk"))
    assert {str(each.payload) for each in messages} == {str({"appointment": str(visit.pk)})}


def test_ten_thousand_due_reminders_are_handed_over_in_bounded_batches(visit):
    Reminder.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO booking_reminder (id, appointment_id, channel, due_at)"
            " SELECT gen_random_uuid(), %s, 'email', now() - number * interval '1 second'"
            " FROM generate_series(1, 10000) AS number",
            [visit.pk],
        )
    waiting = OutboxMessage.objects.filter(kind="email.reminder", status="waiting")

    handed_over = []
    while number := enqueue_due_reminders():
        handed_over.append(number)
        assert enqueue_due_reminders() == 0  # there is no room until some are done
        waiting.update(status="done")

    assert handed_over == [MAX_QUEUED] * 50
    assert not Reminder.objects.filter(status="waiting").exists()


def test_reminder_of_worker_that_died_is_sent_by_the_next(visit, harbour, mailoutbox):
    hour = datetime.now(UTC).hour
    harbour.timezone = f"Etc/GMT{hour - 12:+d}"  # where it is about noon
    harbour.save()
    OutboxMessage.objects.all().delete()
    Reminder.objects.filter(due_at=visit.starts_at - 2 * HOUR).update(due_at=database_now())
    enqueue_due_reminders()
    [claimed] = start_what_is_due()
    assert run_what_is_due() == 0

    OutboxMessage.objects.update(due_at=database_now())
    assert run_what_is_due() == 1
    assert run_what_is_due() == 0

    [mail] = mailoutbox
    assert mail.extra_headers["Message-ID"].startswith(f"<{claimed.pk}@")


# Sent


def test_reminder_mail_says_when_and_has_the_links(visit, mailoutbox):
    message, now = claim(visit)

    send_reminder(message, now=now)
    send_reminder(message, now=now)

    [mail] = mailoutbox
    assert mail.to == ["alice@example.org"]
    assert mail.subject.startswith("Reminder: your appointment at Harbour Clinic, ")
    assert "Consultation" not in mail.subject
    for page in ("coming", f"no-reminders?mailed={verification_token(visit)}"):
        assert mail.body.count(f"/{page}\n") == 1
        assert f'/{page}"' in mail.alternatives[0][0]
    reminder = Reminder.objects.get(pk=message.pk)
    assert (reminder.status, reminder.settled_at) == ("sent", now)


def test_reminder_in_quiet_hours_waits_for_the_morning(visit, at, mailoutbox):
    message, _ = claim(visit, before=48 * HOUR)
    for now, hours in [(at(21), 11), (at(2), 6), (at(23, 30), 8.5)]:
        Appointment.objects.update(starts_at=at(14) + 48 * HOUR, ends_at=at(15) + 48 * HOUR)
        Reminder.objects.exclude(pk=message.pk).delete()
        with pytest.raises(RetryLater) as put_off:
            send_reminder(message, now=now)
        assert put_off.value.after == hours * HOUR
    assert mailoutbox == []


REASONS = {
    # What has happened since it was handed over: the hours before the visit at which it would be sent, and why not.
    "no longer confirmed": (lambda visit: Appointment.objects.update(status="no_show"), 48, "not_confirmed"),
    "begun": (begin, 0, "too_late"),
    "a later one is due too": (lambda visit: None, 1, "too_late"),
    "no address": (lambda visit: Appointment.objects.update(attendee_email=""), 48, "no_contact"),
    "withdrawn": (lambda visit: withdraw(visit.patient), 48, "no_consent"),
    "never asked for": (lambda visit: Service.objects.update(reminders_need_consent=True), 48, "no_consent"),
}


@pytest.mark.parametrize("happens", REASONS)
def test_reminder_is_not_sent_if_there_is_a_reason(visit, happens, mailoutbox):
    change, hours, reason = REASONS[happens]
    message, _ = claim(visit, before=48 * HOUR)
    change(visit)

    send_reminder(message, now=visit.starts_at - hours * HOUR)

    reminder = Reminder.objects.get(pk=message.pk)
    assert (reminder.status, reminder.skip_reason, mailoutbox) == ("skipped", reason, [])


def test_who_has_ticked_the_box_is_reminded(hold_time, at, alice, consultation, mailoutbox, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    visit = confirm_hold(hold_time(at(14)), patient=alice, actor="patient", wants_reminders=True)
    message, now = claim(visit)

    send_reminder(message, now=now)

    assert len(mailoutbox) == 1
    assert Consent.objects.get().purpose == "reminders"


def test_text_goes_to_numbers_that_are_proved_or_that_no_visitor_has_typed(visit, settings, capsys):
    settings.SMS_BACKEND, settings.SMS_COUNTRIES = "console", ["GB"]
    visit.service.text_reminders = [2 * HOUR]
    visit.service.save()
    for phone, verification, is_proved, outcome in [
        ("+447400123456", "waived", False, ("skipped", "unverified")),
        ("+447400123456", "waived", True, ("sent", "")),
        ("+447400123457", "", False, ("sent", "")),
        ("+33612345678", "", False, ("skipped", "impossible")),
    ]:
        Appointment.objects.update(attendee_phone=phone, verification=verification)
        Reminder.objects.all().delete()
        replan_reminders(visit.service)
        if is_proved:
            note_confirmed(phone, at=database_now())
        message, now = claim(visit, channel="sms")
        send_reminder(message, now=now)
        reminder = Reminder.objects.get(pk=message.pk)
        assert (reminder.status, reminder.skip_reason) == outcome
        words = capsys.readouterr().out
        assert words.startswith(f"Text message to {phone}:\nHarbour Clinic: your appointment is on ") == (
            outcome[0] == "sent"
        )
        assert len(words) < 240
    assert {(text.purpose, text.status) for text in TextMessage.objects.all()} == {("reminder", "sent")}


def test_strangers_have_few_texts_a_day_sent_to_a_number_that_somebody_else_has_proved(visit, settings):
    settings.SMS_BACKEND, settings.SMS_COUNTRIES = "console", ["GB"]
    visit.service.text_reminders = [2 * HOUR]
    visit.service.save()
    note_confirmed("+447400123456", at=database_now())
    reasons = []
    for verification in ["waived"] * 4 + ["verified"]:
        Appointment.objects.update(attendee_phone="+447400123456", verification=verification)
        Reminder.objects.all().delete()
        replan_reminders(visit.service)
        message, now = claim(visit, channel="sms")
        send_reminder(message, now=now)
        reasons.append(Reminder.objects.get(pk=message.pk).skip_reason)

    assert reasons == ["", "", "", "limit", ""]


# The answer


def test_patient_who_says_they_are_coming_is_noted_once(visit):
    confirm_attendance(visit, actor="patient")
    said_at = Appointment.objects.get().attendance_confirmed_at
    confirm_attendance(visit, actor="patient")

    assert Appointment.objects.get().attendance_confirmed_at == said_at
    event = Event.objects.filter(kind="appointment.updated").get()
    assert (event.actor, event.data) == ("patient", {"changed": ["attendance_confirmed_at"]})


def test_nobody_says_they_are_coming_to_what_has_begun(visit):
    begin(visit)
    with nothing_changes(), pytest.raises(WrongState):
        confirm_attendance(visit, actor="patient")

    mark_no_show(visit, actor="erin")
    with nothing_changes(), pytest.raises(WrongState):
        confirm_attendance(visit, actor="patient")


def test_stopped_reminders_end_for_all_visits_until_they_are_asked_for_anew(visit, book, at, hold_time):
    other = book(at(16), patient=visit.patient)
    stop_reminders(visit)
    assert not Reminder.objects.filter(appointment=visit).exists()
    message, now = claim(other)

    send_reminder(message, now=now)
    assert Reminder.objects.get(pk=message.pk).skip_reason == "no_consent"

    again = confirm_hold(hold_time(at(10)), patient=visit.patient, actor="patient", wants_reminders=True)
    message, now = claim(again)
    send_reminder(message, now=now)
    assert Reminder.objects.get(pk=message.pk).status == "sent"

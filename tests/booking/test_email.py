"""What the patient reads. Times are those on the clock at the location, summer and winter."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking import outbox, tasks
from booking.appointments import cancel
from booking.models import Appointment
from scheduling.models import Service, WorkingHours

DAY = timedelta(days=1)


@pytest.fixture
def mails(mailoutbox):
    """Send what is waiting, and return the mails."""

    def mails():
        for message_id in outbox.claim_due():
            tasks.run_message(str(message_id))
        return mailoutbox

    return mails


def next_change(zone):
    """The last day before the clocks change next in a zone."""
    day = datetime.now(UTC).date() + DAY
    while datetime.combine(day, time(12), zone).utcoffset() == datetime.combine(day + DAY, time(12), zone).utcoffset():
        day += DAY
    return day


def test_a_confirmation_has_all_that_is_needed_to_come(book, at, day, mails):
    appointment = book(at(9))

    [mail] = mails()

    date = f"{day:%A} {day.day} {day:%B %Y}"
    abbreviation = at(9).tzname()
    assert mail.to == ["alice@example.org"]
    assert mail.subject == f"Your appointment: Consultation, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert paragraphs(mail) == [
        "Dear Alice Archer,",
        "your appointment is booked.",
        f"Consultation with Dana Reed\n{date}, 09:00–09:30 {abbreviation}\n"
        "Harbour Street\n12 Harbour Street\nLondon E1 6AN",
        f"Reference: {appointment.reference}",
        "Please bring: Your glasses",
        "Ring the upper bell.",
        "To change or cancel it, call +442079460000.",
        "Harbour Clinic",
    ]


def paragraphs(mail):
    """The paragraphs of a mail, without indentation."""
    lines = [line.strip() for line in mail.body.splitlines()]
    return [text.strip() for text in "\n".join(lines).split("\n\n") if text.strip()]


def test_a_confirmation_of_a_video_call_has_no_address(consultation, dana, harbour, book, at, mails):
    by_video(consultation, dana, harbour)
    book(at(9), is_remote=True)

    [mail] = mails()

    assert "By video: we send you the link before the appointment." in mail.body
    assert "Harbour Street" not in mail.body
    assert "bell" not in mail.body


def test_a_confirmation_of_a_video_call_has_its_link_if_there_is_one(consultation, dana, harbour, book, at, mails):
    by_video(consultation, dana, harbour)
    book(at(9), is_remote=True)
    Appointment.objects.update(meeting_url="https://video.example/alice")

    [mail] = mails()

    assert "By video: https://video.example/alice\n" in mail.body


def by_video(service, clinician, location):
    service.mode = Service.Mode.REMOTE
    service.save()
    WorkingHours.objects.filter(clinician=clinician, location=location).update(is_remote=True)


@pytest.mark.parametrize("name", ["Europe/London", "America/New_York"])
def test_times_are_the_locations_on_both_sides_of_a_clock_change(name, consultation, dana, harbour, book, mails):
    zone = ZoneInfo(name)
    harbour.timezone = name
    harbour.save()
    consultation.horizon = timedelta(days=400)
    before = datetime.combine(next_change(zone), time(9), zone)
    after = before + 2 * DAY
    for start in (before, after):
        book(start)

    bodies = [mail.body for mail in mails()]

    assert before.tzname() != after.tzname()
    assert f"09:00–09:30 {before.tzname()}" in bodies[0]
    assert f"09:00–09:30 {after.tzname()}" in bodies[1]


def test_a_cancellation_says_what_is_off(book, at, day, mails):
    appointment = book(at(9))
    mails().clear()
    cancel(appointment, reason="clinician_unavailable", by="erin", note="Dana is ill.")

    [mail] = mails()

    assert mail.subject == f"Cancelled: Consultation, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert paragraphs(mail) == [
        "Dear Alice Archer,",
        "this appointment has been cancelled:",
        f"Consultation with Dana Reed\n{day:%A} {day.day} {day:%B %Y}, 09:00 {at(9).tzname()}",
        f"Reference: {appointment.reference}",
        "Questions? Call +442079460000.",
        "Harbour Clinic",
    ]


def test_names_are_written_as_they_are(book, at, alice, mails):
    alice.first_name, alice.last_name = "Zoë", "O'Brien & <i>"
    book(at(9))

    [mail] = mails()

    assert mail.body.startswith("Dear Zoë O'Brien & <i>,\n")


def test_a_message_sent_again_can_be_told_from_a_second_one(book, at, mails):
    book(at(9))
    book(at(10))

    identities = [mail.extra_headers["Message-ID"] for mail in mails()]

    assert len(set(identities)) == 2


def test_what_was_cancelled_before_its_confirmation_left_is_only_told_as_cancelled(book, at, mails):
    cancel(book(at(9)), reason="other", by="staff:1")

    assert [mail.subject.partition(":")[0] for mail in mails()] == ["Cancelled"]

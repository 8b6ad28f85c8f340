"""E-mails to patients. Times are the location's wall time, in summer and winter."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking.access.patient_links import appointment_token, order_token
from booking.domain.appointments import cancel, confirm, decline
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import revoke_link, send_link
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Order, OutboxMessage
from scheduling.models import Service, WorkingHours
from tests.conftest import LONDON
from tests.outbox import run_what_is_due

DAY = timedelta(days=1)


@pytest.fixture
def mails(mailoutbox):
    """Return a function that sends waiting mail and returns all mails sent."""

    def mails():
        run_what_is_due()
        return mailoutbox

    return mails


def get_day_before_clock_change(zone):
    """Return the last day before the zone's next clock change."""
    day = datetime.now(UTC).date() + DAY
    while datetime.combine(day, time(12), zone).utcoffset() == datetime.combine(day + DAY, time(12), zone).utcoffset():
        day += DAY
    return day


def test_confirmation_has_time_place_and_directions(book, at, day, mails):
    appointment = book(at(9))

    [mail] = mails()

    date = f"{day:%A} {day.day} {day:%B %Y}"
    abbreviation = at(9).tzname()
    assert mail.to == ["alice@example.org"]
    assert mail.subject == f"Your appointment at Harbour Clinic, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert get_paragraphs(mail) == [
        "Dear Alice Archer,",
        "Your appointment is booked.",
        f"Consultation with Dana Reed\n{date}, 09:00–09:30 {abbreviation}\n"
        "Harbour Street\n12 Harbour Street\nLondon E1 6AN",
        f"Reference: {appointment.reference}",
        "Please bring: Your glasses",
        "How to find us: Ring the upper bell.",
        "To change or cancel it, call +44 20 7946 0000.",
        "Harbour Clinic",
    ]


def get_paragraphs(mail):
    """Return the paragraphs of a mail, without indentation."""
    lines = [line.strip() for line in mail.body.splitlines()]
    return [text.strip() for text in "\n".join(lines).split("\n\n") if text.strip()]


def test_confirmation_of_video_call_has_no_address(consultation, dana, harbour, book, at, mails):
    make_remote(consultation, dana, harbour)
    book(at(9), is_remote=True)

    [mail] = mails()

    assert "The clinic sends you the link to the video call before your time." in mail.body
    assert "Please have at hand: Your glasses" in mail.body
    assert "Harbour Street" not in mail.body
    assert "bell" not in mail.body


def test_confirmation_of_video_call_has_its_link(consultation, dana, harbour, book, at, mails):
    make_remote(consultation, dana, harbour)
    book(at(9), is_remote=True)
    Appointment.objects.update(meeting_url="https://video.example/alice")

    [mail] = mails()

    assert "By video: https://video.example/alice\n" in mail.body


def make_remote(service, clinician, location):
    service.mode = Service.Mode.REMOTE
    service.save()
    WorkingHours.objects.filter(clinician=clinician, location=location).update(is_remote=True)


@pytest.mark.parametrize("name", ["Europe/London", "America/New_York"])
def test_confirmation_has_local_time_on_both_sides_of_clock_change(name, consultation, dana, harbour, book, mails):
    zone = ZoneInfo(name)
    harbour.timezone = name
    harbour.save()
    consultation.horizon = timedelta(days=400)
    before = datetime.combine(get_day_before_clock_change(zone), time(9), zone)
    after = before + 2 * DAY
    for start in (before, after):
        book(start)

    bodies = [mail.body for mail in mails()]

    assert before.tzname() != after.tzname()
    assert f"09:00–09:30 {before.tzname()}" in bodies[0]
    assert f"09:00–09:30 {after.tzname()}" in bodies[1]


def test_cancellation_mail_names_cancelled_appointment(book, at, day, mails):
    appointment = book(at(9))
    mails().clear()
    cancel(appointment, reason="clinician_unavailable", actor="erin", note="Dana is ill.")

    [mail] = mails()

    assert mail.subject == f"Cancelled: your appointment at Harbour Clinic, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert get_paragraphs(mail) == [
        "Dear Alice Archer,",
        "This appointment has been cancelled:",
        f"Consultation with Dana Reed\n{day:%A} {day.day} {day:%B %Y}, 09:00 {at(9).tzname()}",
        f"Reference: {appointment.reference}",
        "Questions? Call +44 20 7946 0000.",
        "Harbour Clinic",
    ]


def test_plain_mail_does_not_escape_names(book, at, alice, mails):
    alice.first_name, alice.last_name = "Zoë", "O'Brien & <i>"
    book(at(9))

    [mail] = mails()

    assert mail.body.startswith("Dear Zoë O'Brien & <i>,\n")


def test_mails_have_distinct_message_ids(book, at, mails):
    book(at(9))
    book(at(10))

    identities = [mail.extra_headers["Message-ID"] for mail in mails()]

    assert len(set(identities)) == 2


def test_appointment_cancelled_before_confirmation_mail_gets_only_cancellation_mail(book, at, mails):
    cancel(book(at(9)), reason="other", actor="staff:1")

    assert [mail.subject.partition(":")[0] for mail in mails()] == ["Cancelled"]


# HTML and calendar file


def get_parts(mail, kind):
    """Return the contents of the mail's parts with this content type."""
    return [part.get_payload(decode=True).decode() for part in mail.message().walk() if part.get_content_type() == kind]


def test_mail_has_html_part_without_external_resources(book, at, mails):
    appointment = book(at(9))
    cancel(appointment, reason="other", actor="erin")
    Appointment.objects.update(cancellation_reason="declined")
    book(at(10))

    for mail in mails():
        [page] = get_parts(mail, "text/html")
        assert "Dear Alice Archer," in page
        assert "Consultation" in page
        assert "<img" not in page and "<link" not in page and "<style" not in page and "src=" not in page
        assert "https://" not in page


def test_html_mail_escapes_names(book, at, alice, mails):
    alice.last_name = "O'Brien & <i>"
    book(at(9))

    [page] = get_parts(mails()[0], "text/html")

    assert "Dear Alice O&#x27;Brien &amp; &lt;i&gt;," in page


def test_confirmation_and_cancellation_attach_calendar_file(book, at, mails):
    appointment = book(at(9))
    confirmed = mails().pop()
    cancel(appointment, reason="other", actor="erin")
    cancelled = mails().pop()

    for mail, status in ((confirmed, "CONFIRMED"), (cancelled, "CANCELLED")):
        [file] = get_parts(mail, "text/calendar")
        assert f"STATUS:{status}\r\n" in file
        assert f"UID:{appointment.pk}@holdfast\r\n" in file
        assert "METHOD:PUBLISH\r\n" in file
        assert "Alice" not in file
        [attached] = [one for one in mail.message().walk() if one.get_content_type() == "text/calendar"]
        assert (attached.get_param("method"), attached.get_filename()) == ("PUBLISH", "appointment.ics")


def test_confirmation_with_site_url_links_to_appointment_page(book, at, mails, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    appointment = book(at(9))

    [mail] = mails()

    page = f"https://booking.clinic.example/appointment/{appointment_token(appointment)}/"
    until = (at(9).astimezone(UTC) - DAY).astimezone(LONDON)
    assert f"To change or cancel it, until {until:%A %-d %B, %H:%M %Z}: {page}\n" in mail.body
    assert f'href="{page}"' in get_parts(mail, "text/html")[0]
    assert appointment_token(appointment) not in str(list(OutboxMessage.objects.values()))


def test_confirmation_after_cutoff_offers_no_online_change(book, at, mails, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    Service.objects.update(cancellation_notice=timedelta(days=30))
    appointment = book(at(9))

    [mail] = mails()

    page = f"https://booking.clinic.example/appointment/{appointment_token(appointment)}/"
    assert f"To see it online: {page}\n" in mail.body
    assert "To change or cancel it, call +44 20 7946 0000." in mail.body
    assert "Change or cancel it" not in get_parts(mail, "text/html")[0]


def test_subject_does_not_reveal_service(book, at, mails):
    appointment = book(at(9))
    mails()
    opening = OpeningRequest(appointment.service, at(10), appointment.clinician, appointment.location, is_remote=False)
    reschedule(appointment, opening, actor="erin")
    mails()
    cancel(appointment, reason="other", actor="erin")

    assert [mail.subject.partition(" at ")[0] for mail in mails()] == [
        "Your appointment",
        "New time: your appointment",
        "Cancelled: your appointment",
    ]
    assert not any("Consultation" in mail.subject for mail in mails())


# Requests


def test_request_mail_has_approver_and_answer_deadline(desk, book, at, day, mails):
    appointment = book(at(9))

    [mail] = mails()

    by = appointment.answer_by.astimezone(appointment.location.zone)
    assert mail.subject == f"Your request at Harbour Clinic, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert get_paragraphs(mail)[1] == (
        "We have asked the clinic for this time, and it is kept for you.\n"
        f"We tell you by {by:%A} {by.day} {by:%B}, {by:%H:%M %Z} whether it is yours."
    )
    assert get_parts(mail, "text/calendar") == []


def test_acknowledged_request_sends_confirmation(desk, book, at, mails):
    confirm(book(at(9)), actor="erin")

    assert [mail.subject.partition(" at ")[0] for mail in mails()] == ["Your appointment"]


@pytest.mark.parametrize(
    "end, sentence",
    [
        (
            lambda asked: decline(asked, actor="erin"),
            "We are sorry: this time cannot be had after all, so nothing is booked.",
        ),
        (
            lambda asked: cancel(asked, reason="not_acknowledged", actor="worker"),
            "We are sorry: nobody could confirm this time in time, so nothing is booked.",
        ),
    ],
)
def test_declined_request_mail_says_what_to_do(desk, book, at, day, mails, settings, end, sentence):
    settings.SITE_URL = "https://booking.clinic.example"
    appointment = book(at(9))
    end(appointment)

    [mail] = mails()

    assert mail.subject == f"Not confirmed: your request at Harbour Clinic, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert get_paragraphs(mail)[1:] == [
        sentence,
        f"Consultation with Dana Reed\n{day:%A} {day.day} {day:%B %Y}, 09:00 {at(9).tzname()}",
        f"Reference: {appointment.reference}",
        "Please choose another time: https://booking.clinic.example/book/consultation/",
        "Or call us: +44 20 7946 0000.",
        "Harbour Clinic",
    ]
    assert get_parts(mail, "text/calendar") == []


# Order links


@pytest.fixture
def site(settings):
    settings.SITE_URL = "https://booking.clinic.example"


def test_order_link_mail_has_link(site, order, mails):
    send_link(order, actor="erin")

    [mail] = mails()

    link = f"https://booking.clinic.example/order/{order_token(order)}/"
    assert (mail.to, mail.subject) == (["alice@example.org"], "Choose your time at Harbour Clinic")
    assert get_paragraphs(mail)[:3] == ["Dear Alice Archer,", "Please choose a time for: Consultation", link]
    assert f'href="{link}"' in get_parts(mail, "text/html")[0]


def test_order_link_that_was_revoked_or_used_is_not_sent(site, order, dana, harbour, at, mails):
    send_link(order, actor="erin")
    revoke_link(order, actor="erin")
    assert mails() == []

    send_link(order, actor="erin")
    book_directly(
        OpeningRequest(order.service, at(9), dana, harbour, is_remote=False),
        patient=order.patient,
        order=order,
        holder=Holder("x"),
        actor="erin",
    )
    assert [mail.subject.partition(" at ")[0] for mail in mails()] == ["Your appointment"]


def test_order_link_without_site_url_fails_visibly(order, mails, settings):
    settings.SITE_URL = ""
    send_link(order, actor="erin")

    assert mails() == []
    assert OutboxMessage.objects.values_list("status", "last_error").get() == ("failed", "SITE_URL is not set.")


def test_home_visit_mail_has_no_clinic_address(site, order, dana, harbour, at, mails):
    Order.objects.update(address_line_1="4 Mill Lane", city="Leeds")
    order.refresh_from_db()
    book_directly(
        OpeningRequest(order.service, at(9), dana, harbour, is_remote=False),
        patient=order.patient,
        order=order,
        holder=Holder("x"),
        actor="erin",
    )

    [mail] = mails()

    for body in (mail.body, get_parts(mail, "text/html")[0]):
        assert "At your home" in body
        assert "Harbour Street" not in body and "bell" not in body

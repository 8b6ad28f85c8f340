"""E-mails to patients. Times are the location's wall time, in summer and winter."""

from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from booking.access.patient_links import appointment_token, order_token
from booking.domain.appointments import cancel, confirm, decline
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import revoke_link, send_link
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.email.appointment_emails import send_appointment_confirmed
from booking.models import Appointment, Order, OutboxMessage
from scheduling.models import Location, Service, WorkingHours
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
        "Deleting or declining it in your calendar does not cancel the appointment.",
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
    assert "Please have ready: Your glasses" in mail.body
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


def test_mail_headers_name_the_sender_and_where_to_reply(book, at, harbour, mails, settings):
    settings.DEFAULT_FROM_EMAIL = "Harbour Clinic <bookings@clinic.example>"
    harbour.email = "desk@harbour.example"
    harbour.save()
    book(at(9))
    message = OutboxMessage.objects.get()

    [mail] = mails()
    send_appointment_confirmed(message)  # again: a worker died before it could say that the mail was sent

    headers = {
        "From": "Harbour Clinic <bookings@clinic.example>",
        "To": "alice@example.org",
        "Reply-To": "desk@harbour.example",
        "Message-ID": f"<{message.pk}@clinic.example>",
        "Auto-Submitted": "auto-generated",
    }
    for sent in (mail, mails()[1]):
        assert {name: sent.message()[name] for name in headers} == headers
        assert parsedate_to_datetime(sent.message()["Date"])


def test_mail_of_location_without_address_has_no_reply_to(book, at, mails):
    book(at(9))

    assert "Reply-To" not in mails()[0].message()


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


# The invitation


@pytest.fixture
def site(settings):
    settings.SITE_URL = "https://booking.clinic.example"
    settings.DEFAULT_FROM_EMAIL = "Harbour Clinic <bookings@clinic.example>"


def read_invitation(mail):
    """Return the method and the event of a mail's invitation, which its two copies and their types agree on."""
    parts = [part for part in mail.message().walk() if part.get_param("method")]
    assert [(part.get_content_type(), part.get_filename()) for part in parts] == [
        ("text/calendar", None),
        ("application/ics", "invite.ics"),
    ]
    inline, attached = (part.get_payload(decode=True) for part in parts)
    assert inline == attached
    calendar = Calendar.from_ical(attached)
    [event] = calendar.events
    assert {part.get_param("method") for part in parts} == {calendar["method"]}
    return str(calendar["method"]), event


def test_confirmation_invites_attendee_who_has_accepted(site, book, at, harbour, mails):
    Location.objects.update(latitude="51.5121", longitude="-0.0613")
    appointment = book(at(9))

    [mail] = mails()

    page = f"https://booking.clinic.example/appointment/{appointment_token(appointment)}/"
    alternative, attachment = mail.message().get_payload()
    assert [part["Content-Type"] for part in alternative.get_payload()] == [
        'text/plain; charset="utf-8"',
        'text/html; charset="utf-8"',
        "text/calendar; method=REQUEST; charset=utf-8",
    ]
    assert attachment["Content-Type"] == "application/ics; method=REQUEST"
    content = attachment.get_payload(decode=True)
    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    assert content.decode().replace("\r\n ", "").split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Holdfast//Booking//EN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        "SUMMARY:Consultation at Harbour Clinic",
        f"DTSTART:{appointment.starts_at:%Y%m%dT%H%M%SZ}",
        f"DTEND:{appointment.ends_at:%Y%m%dT%H%M%SZ}",
        f"DTSTAMP:{appointment.updated_at:%Y%m%dT%H%M%SZ}",
        f"UID:{appointment.pk}@holdfast",
        "SEQUENCE:3",
        'ATTENDEE;CN="Alice Archer";PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT;RSVP=FALSE:mailto:alice@example.org',
        f"CREATED:{appointment.created_at:%Y%m%dT%H%M%SZ}",
        f"DESCRIPTION:With Dana Reed\\nReference {appointment.reference}\\nTo change or cancel: {page}\\n"
        "To change or cancel: +442079460000\\nDeleting this entry does not cancel the appointment.",
        "GEO:51.5121;-0.0613",
        f"LAST-MODIFIED:{appointment.updated_at:%Y%m%dT%H%M%SZ}",
        "LOCATION:Harbour Street\\, 12 Harbour Street\\, London E1 6AN",
        'ORGANIZER;CN="Harbour Clinic":mailto:bookings@clinic.example',
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        f"URL:{page}",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Consultation at Harbour Clinic",
        "TRIGGER:-P1D",
        "END:VALARM",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Consultation at Harbour Clinic",
        "TRIGGER:-PT2H",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    warning = "Deleting or declining it in your calendar does not cancel the appointment. Please use this link instead."
    assert warning in mail.body
    assert warning in get_parts(mail, "text/html")[0]


def test_new_time_and_cancellation_go_on_from_the_invitation(site, book, at, harbour, dana, mails):
    appointment = book(at(9))
    mill = Location.objects.create(name="Mill Lane", city="Leeds", email="desk@mill.example", timezone="Europe/London")
    WorkingHours.objects.filter(clinician=dana, start_time=time(13)).update(location=mill)
    first = read_invitation(mails().pop())
    reschedule(appointment, OpeningRequest(appointment.service, at(14), dana, mill, is_remote=False), actor="erin")
    moved = read_invitation(mails().pop())
    cancel(appointment, reason="other", actor="erin")
    cancelled = read_invitation(mails().pop())

    assert [method for method, _ in (first, moved, cancelled)] == ["REQUEST", "REQUEST", "CANCEL"]
    events = [event for _, event in (first, moved, cancelled)]
    for name in ("uid", "organizer", "attendee"):
        assert len({str(event[name]) for event in events}) == 1
    assert [event["sequence"] for event in events] == [3, 4, 5]
    assert [event.start for event in events] == [at(9), at(14), at(14)]
    assert [(event["status"], event["transp"], len(event.alarms.times)) for event in events] == [
        ("CONFIRMED", "OPAQUE", 2),
        ("CONFIRMED", "OPAQUE", 2),
        ("CANCELLED", "TRANSPARENT", 0),
    ]


def test_invitation_of_odd_name_can_be_read(site, book, at, alice, mails):
    alice.first_name, alice.last_name = 'Zoë "Zo"', "O'Brien; x, y: ^\\"
    book(at(9))

    _, event = read_invitation(mails()[0])

    assert event["attendee"].params["CN"] == 'Zoë "Zo" O\'Brien; x, y: ^\\'
    assert event["attendee"] == "mailto:alice@example.org"


def test_invitation_to_video_call_has_its_link_and_no_place(site, consultation, dana, harbour, book, at, mails):
    Location.objects.update(latitude="51.5121", longitude="-0.0613")
    make_remote(consultation, dana, harbour)
    book(at(9), is_remote=True)
    Appointment.objects.update(meeting_url="https://video.example/alice")

    _, event = read_invitation(mails()[0])

    assert (event["location"], "geo" in event) == ("Video call", False)
    assert event["description"].splitlines()[2] == "https://video.example/alice"


def test_cancellation_of_request_that_was_never_confirmed_has_no_invitation(desk, book, at, mails):
    cancel(book(at(9)), reason="patient_request", actor="patient")

    [mail] = mails()

    assert mail.subject.startswith("Cancelled: ")
    assert get_parts(mail, "text/calendar") == get_parts(mail, "application/ics") == []


def test_confirmed_appointment_that_its_approver_takes_back_leaves_the_calendar(desk, book, at, mails):
    appointment = book(at(9))
    confirm(appointment, actor="erin")
    mails().clear()
    cancel(appointment, reason="declined", actor="provider:desk")

    [mail] = mails()

    assert mail.subject.startswith("Not confirmed: ")
    assert read_invitation(mail)[0] == "CANCEL"


# Requests


def test_request_mail_has_approver_and_answer_deadline(desk, book, at, day, mails):
    appointment = book(at(9))

    [mail] = mails()

    by = appointment.answer_by.astimezone(appointment.location.zone)
    assert mail.subject == f"Your request at Harbour Clinic, {day:%a} {day.day} {day:%B %Y}, 09:00"
    assert get_paragraphs(mail)[1] == (
        "We have asked the clinic for this time and are keeping it for you.\n"
        f"We will let you know by {by:%A} {by.day} {by:%B}, {by:%H:%M %Z}."
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
            "Sorry, this time is not available after all. Nothing is booked.",
        ),
        (
            lambda asked: cancel(asked, reason="not_acknowledged", actor="worker"),
            "Sorry, nobody was able to confirm this time, so nothing is booked.",
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

    for body in (mail.body, get_parts(mail, "text/html")[0], *get_parts(mail, "text/calendar")):
        assert "At your home" in body
        assert "Harbour Street" not in body and "bell" not in body and "Mill Lane" not in body


def test_mails_link_what_the_clinic_must_tell(book, at, mailoutbox, settings):
    settings.PRIVACY_NOTICE_URL = "https://clinic.example/privacy?a=1&b=2"
    book(at(9))

    run_what_is_due()

    [mail] = mailoutbox
    assert mail.body.endswith("Privacy notice: https://clinic.example/privacy?a=1&b=2\n")
    assert 'href="https://clinic.example/privacy?a=1&amp;b=2"' in mail.alternatives[0].content
    assert "Imprint" not in mail.body

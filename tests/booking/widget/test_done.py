"""The last page and the file for the calendar: all about the appointment, nothing about the patient."""

from datetime import timedelta

import pytest

from booking.access.patient_links import appointment_token
from booking.domain.appointments import cancel
from booking.models import Appointment
from scheduling.lib.clock import database_now
from tests.booking.widget.conftest import Page


@pytest.fixture
def done(client, held, booked):
    """Open the last page again."""
    return lambda: client.get(f"/hold/{held.token}/done")


def test_done_page_says_what_the_patient_needs(done, booked):
    page = Page(done())

    assert "You are booked" in page.text
    for sentence in (
        f"Your reference {booked.reference}",
        "Consultation 30 minutes",
        ", 09:00 London time (",
        "With Dana Reed Physiotherapist",
        "Where Harbour Street 12 Harbour Street, London E1 6AN",
        "Price £60",
        "How to find us Ring the upper bell.",
        "What to bring Your glasses",
        "You can change or cancel it here until ",
        ", or call +44 20 7946 0000 and give your reference",
    ):
        assert sentence.replace(" :", ":") in page.text.replace(" :", ":")


def test_done_page_and_calendar_file_say_nothing_about_the_patient(client, held, done):
    for body in (done().content.decode(), client.get(f"/hold/{held.token}/appointment.ics").content.decode()):
        for secret in ("Alice", "Archer", "alice@example.org", "1985", "900123", "wheelchair"):
            assert secret not in body


def test_done_page_says_booked_and_appointment_page_says_confirmed(client, done, booked):
    page = Page(done())
    assert "You are booked A confirmation is on its way to your e-mail address." in page.text

    page = Page(client.get(f"/appointment/{appointment_token(booked)}/"))
    assert "Your appointment is confirmed Your reference" in page.text


def test_done_page_reloaded_shows_the_same(done):
    assert Page(done()).text == Page(done()).text


def test_done_page_of_video_call_has_its_link(done):
    Appointment.objects.update(is_remote=True, meeting_url="https://video.example/abc")

    page = Page(done())

    assert "https://video.example/abc" in page.links
    assert "How to join" in page.text
    assert "How to find us" not in page.text
    assert "What to have ready Your glasses" in page.text


def test_done_page_of_pending_appointment_says_so(done):
    Appointment.objects.update(status="pending", answer_by=database_now() + timedelta(minutes=15))

    assert "Your request is with the clinic" in Page(done()).text


def test_done_page_of_cancelled_appointment_says_so(done, booked):
    cancel(booked, reason="other", actor="staff:1")

    page = Page(done())

    assert "This appointment is cancelled" in page.text
    assert "Add to calendar" not in page.text


def test_done_page_of_unconfirmed_hold_redirects_to_the_hold(client, held):
    for name in ("done", "appointment.ics"):
        assert client.get(f"/hold/{held.token}/{name}")["Location"] == f"/hold/{held.token}/"


def test_calendar_file_has_the_appointment_as_event(client, held, booked, settings):
    settings.DEFAULT_FROM_EMAIL = "Harbour Clinic <bookings@clinic.example>"
    response = client.get(f"/hold/{held.token}/appointment.ics")

    page = f"http://testserver/appointment/{appointment_token(booked)}/"
    lines = response.content.decode().replace("\r\n ", "").split("\r\n")
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert lines == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Holdfast//Booking//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        "SUMMARY:Consultation at Harbour Clinic",
        f"DTSTART:{held.starts_at:%Y%m%dT%H%M%SZ}",
        f"DTEND:{held.starts_at + timedelta(minutes=30):%Y%m%dT%H%M%SZ}",
        f"DTSTAMP:{booked.updated_at:%Y%m%dT%H%M%SZ}",
        f"UID:{booked.pk}@holdfast",
        "SEQUENCE:3",
        f"CREATED:{booked.created_at:%Y%m%dT%H%M%SZ}",
        f"DESCRIPTION:With Dana Reed\\nReference {booked.reference}\\nTo change or cancel: {page}\\n"
        "To change or cancel: +442079460000\\nDeleting this entry does not cancel the appointment.",
        f"LAST-MODIFIED:{booked.updated_at:%Y%m%dT%H%M%SZ}",
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


def test_calendar_file_folds_long_lines(client, held, booked):
    booked.location.address_line_1 = "Größere Straße " * 6
    booked.location.save()

    body = client.get(f"/hold/{held.token}/appointment.ics").content

    assert max(len(line) for line in body.split(b"\r\n")) <= 75
    assert ("Größere Straße " * 6).strip() in body.decode().replace("\r\n ", "")

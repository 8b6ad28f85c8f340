"""A video call goes by the clock of the patient's device, in the page and in the e-mail."""

from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.urls import reverse

from booking.access.patient_links import appointment_token
from booking.models import Appointment
from tests.outbox import run_what_is_due


@pytest.fixture
def book_video(client, consultation, dana, opening, at, typed):
    """Book a video call with Dana at nine, London time, with what a browser says of its zone."""
    consultation.mode = "both"
    consultation.save()
    dana.working_hours.update(is_remote=True)

    def book(**said):
        held = client.post("/book/consultation/hold", {"opening": opening(at(9), is_remote=True)}).url
        assert 'name="timezone" data-timezone' in client.post(f"{held}check", typed).text
        assert client.post(f"{held}confirm", typed | said).status_code == 303
        return Appointment.objects.latest("created_at")

    return book


def test_mail_and_page_of_a_video_call_go_by_the_patients_clock(client, book_video, at, day):
    appointment = book_video(timezone="Asia/Tokyo")
    start = at(9).astimezone(ZoneInfo("Asia/Tokyo"))  # at 17:00 in summer, at 18:00 in winter

    assert appointment.patient_timezone == "Asia/Tokyo"
    run_what_is_due()
    [message] = mail.outbox
    assert f"{day:%A} {day.day} {day:%B %Y}, {start:%H}:00–{start:%H}:30 JST" in message.body
    assert f", {start:%H}:00</bdi>" in message.alternatives[0].content
    assert "Tokyo time (JST)" in message.alternatives[0].content
    page = client.get(reverse("widget:appointment", args=[appointment_token(appointment)])).text
    assert f"{start:%H}:00</strong> <span data-clinic>Tokyo time (JST)</span>" in page
    assert 'data-zone="Asia/Tokyo"' in page


@pytest.mark.parametrize("said", ["", "Europe/London", "Mars/Olympus", "../../etc/passwd", "Europe", "x" * 5_000])
def test_zone_that_is_the_clinics_or_none_is_not_kept(book_video, said):
    appointment = book_video(timezone=said)

    assert appointment.patient_timezone == ""
    assert appointment.patient_start == appointment.local_start


def test_zone_with_the_clinics_time_is_not_named(book_video):
    appointment = book_video(timezone="Europe/Jersey")

    assert appointment.patient_zone == appointment.location.zone


def test_zone_of_a_visit_in_person_is_not_kept(client, held, typed):
    assert "data-timezone" not in client.post(f"/hold/{held.token}/check", typed).text
    client.post(f"/hold/{held.token}/confirm", typed | {"timezone": "Asia/Tokyo"})

    assert Appointment.objects.get().patient_timezone == ""

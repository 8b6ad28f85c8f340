"""The pages that reminders lead to, and the box that asks for reminders."""

import pytest

from booking.access.patient_links import appointment_token, verification_token
from booking.access.phone_numbers import is_confirmed
from booking.access.sms_links import reminder_token
from booking.access.tokens import hash_token
from booking.domain.appointments import revoke_links
from booking.integrations.sms.appointment_texts import write_reminder
from booking.models import Appointment, Reminder
from patients.models import Consent
from scheduling.lib.clock import database_now
from tests.booking.widget.conftest import Page
from tests.ledger import begin, nothing_changes


@pytest.fixture
def page(booked):
    return f"/appointment/{appointment_token(booked)}/coming"


@pytest.fixture
def short(booked, settings):
    """The path of the short link in a text about Alice's visit."""
    settings.SITE_URL = "https://booking.clinic.example"
    reminder = Reminder.objects.create(appointment=booked, channel="sms", due_at=database_now(), status="queued")
    return write_reminder(reminder).rpartition("https://booking.clinic.example")[2]


def test_only_a_press_says_that_the_patient_is_coming(client, booked, page):
    with nothing_changes():
        shown = Page(client.get(page))
    assert "I am coming" in shown.text
    assert "Alice" not in shown.text

    answer = client.post(page)

    assert (answer.status_code, answer["Location"]) == (303, page)
    assert Appointment.objects.get().attendance_confirmed_at
    thanks = Page(client.get(page))
    assert "We have noted that you are coming." in thanks.text
    assert "I am coming" not in thanks.text


def test_page_of_what_has_begun_or_is_cancelled_is_that_of_the_visit(client, booked, page):
    begin(booked)
    visit = page.removesuffix("coming")
    for method in (client.get, client.post):
        answer = method(page)
        assert (answer.status_code in (302, 303), answer["Location"]) == (True, visit)
    assert Appointment.objects.get().attendance_confirmed_at is None


def test_short_link_leads_to_the_page_and_its_press_proves_the_number(client, booked, short, page):
    assert len(short) == 15
    answer = client.get(short)
    assert (answer.status_code, answer["Location"]) == (302, f"{page}?text={short[3:]}")
    typed = Page(client.get(answer["Location"])).inputs
    assert typed == {"text": short[3:]}
    assert not is_confirmed(booked.attendee_phone)

    client.post(page, {"text": "A" * 12})
    assert not is_confirmed(booked.attendee_phone)
    client.post(page, typed)
    assert is_confirmed(booked.attendee_phone)


def test_short_link_ends_with_the_other_links(client, booked, short):
    assert client.get("/r/" + "A" * 12).status_code == 404

    revoke_links(booked, actor="erin")

    assert client.get(short).status_code == 404
    reminder = Reminder.objects.get(channel="sms")
    reminder.link_hash = hash_token(reminder_token(reminder))
    reminder.save()
    assert client.get(f"/r/{reminder_token(reminder)}").status_code == 302


def test_reminders_end_by_a_press(client, booked, page):
    stop = page.replace("/coming", "/no-reminders")
    Appointment.objects.update(verification="waived")
    with nothing_changes():
        shown = Page(client.get(f"{stop}?mailed={verification_token(booked)}"))
        assert "Do not remind me" in shown.text
    assert Reminder.objects.exists()

    assert "We will not remind you" in Page(client.post(stop, shown.inputs)).text

    assert not Reminder.objects.exists()
    assert Consent.objects.filter(purpose="reminders").exclude(withdrawn_at=None).count() == 1


def test_stranger_who_knows_the_patient_ends_the_reminders_of_their_own_booking_only(client, booked, page):
    """The page after a booking has its link, whoever's details were typed."""
    Appointment.objects.update(verification="waived")
    stop = page.replace("/coming", "/no-reminders")

    client.post(stop, {"mailed": "AAAA"})

    assert set(Reminder.objects.values_list("status", flat=True)) == {"skipped"}
    assert not Consent.objects.exclude(withdrawn_at=None).exists()
    Appointment.objects.update(attendee_email="mallory@example.org")  # corrected
    booked.refresh_from_db()
    client.post(stop, {"mailed": verification_token(booked)})
    assert not Consent.objects.exclude(withdrawn_at=None).exists()


# The box


def test_box_is_unticked_stays_as_it_is_left_and_is_written_down(client, held, typed):
    here = f"/hold/{held.token}/"
    assert Page(client.get(here)).inputs["reminders"] is False
    assert Page(client.post(here, typed | {"reminders": "on"})).inputs["reminders"] is True
    checked = Page(client.post(f"{here}check", typed | {"reminders": "on"}))
    assert "Reminders Yes, please" in checked.text

    client.post(f"{here}confirm", checked.inputs)

    assert list(Consent.objects.filter(purpose="reminders").values_list("withdrawn_at", flat=True)) == [None]


def test_without_the_box_there_is_no_consent(booked):
    assert not Consent.objects.filter(purpose="reminders").exists()


def test_service_that_needs_no_consent_or_sends_no_reminders_has_no_box(client, held, consultation):
    for changes in ({"reminders_need_consent": False}, {"email_reminders": []}):
        for name, value in {"reminders_need_consent": True, **changes}.items():
            setattr(consultation, name, value)
        consultation.save()
        assert "reminders" not in Page(client.get(f"/hold/{held.token}/")).inputs

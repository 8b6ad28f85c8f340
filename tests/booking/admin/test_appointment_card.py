"""An appointment's card: what it shows, and to whom, and what staff do from it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.models import Appointment, OutboxMessage, PatientAccess
from patients.models import Needs
from tests.booking.admin.pages import get_text
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

HTMX = {"HX-Request": "true"}


def card(appointment, name="appointment", *more):
    return reverse(f"admin:diary_{name}", args=[appointment.pk, *more])


@pytest.fixture
def begun(book, at):
    """A visit that began five minutes ago."""
    appointment, start = book(at(9)), timezone.now() - timedelta(minutes=5)
    Appointment.objects.filter(pk=appointment.pk).update(starts_at=start, ends_at=start + timedelta(minutes=30))
    appointment.refresh_from_db()
    return appointment


def test_card_shows_patient_at_hand_and_is_recorded(erin, book, at, alice):
    missed, coming = book(at(9)), book(at(11))
    Appointment.objects.filter(pk=missed.pk).update(
        status="no_show", starts_at=at(9) - timedelta(days=60), ends_at=at(9, 30) - timedelta(days=60)
    )
    appointment = book(at(10))
    Appointment.objects.filter(pk=appointment.pk).update(notes="Rings twice")
    Needs.objects.create(patient=appointment.patient, accessibility="A hearing loop")

    response = erin.get(card(appointment), headers=HTMX)

    text = get_text(response)
    for part in ("First visit", "Needs", "Notes", "1 no-show", "A hearing loop", "Rings twice", appointment.reference):
        assert part in text
    assert f"Next visit {coming.local_start:%a %-d %b %Y}, 11:00" in text
    assert "<html" not in response.content.decode()
    seen = PatientAccess.objects.get()
    assert (seen.page, seen.patient_ids) == ("admin:diary_appointment", [appointment.patient_id])


def test_card_without_script_is_whole_page(erin, book, at):
    page = erin.get(card(book(at(10)))).content.decode()

    assert "<html" in page and 'id="dialog"' in page


def test_step_marks_visit_and_tells_diary(erin, begun):
    response = erin.post(card(begun, "step", "arrived"), headers=HTMX)

    begun.refresh_from_db()
    assert begun.status == "in_progress"
    assert response["HX-Trigger"] == "diary:changed"
    assert f"{begun.reference} is in progress." in get_text(response)


def test_steps_are_undone_one_by_one_and_silently(erin, begun):
    OutboxMessage.objects.all().delete()
    for name, undone in [("seen", "seen"), ("undo", None), ("no-show", "no-show"), ("undo", None)]:
        page = erin.post(card(begun, "step", name), headers=HTMX).content.decode()
        assert ("Undo" in page) == bool(undone)

    begun.refresh_from_db()
    assert (begun.status, begun.seen_at, begun.arrived_at) == ("confirmed", None, None)
    assert not OutboxMessage.objects.filter(kind__startswith="email.").exists()


def test_cancellation_is_undone_until_its_mail_has_gone(erin, book, at):
    appointment = book(at(10))
    OutboxMessage.objects.all().delete()
    cancelled = erin.post(card(appointment, "cancel"), {"reason": "other"}, headers=HTMX)
    assert "Undo: let it stand again" in get_text(cancelled)

    response = erin.post(card(appointment, "step", "undo-cancel"), headers=HTMX)

    assert f"{appointment.reference} is confirmed again." in get_text(response)
    assert not OutboxMessage.objects.filter(kind__startswith="email.").exists()


def test_step_without_script_leads_back_to_card(erin, begun):
    response = erin.post(card(begun, "step", "complete"))

    assert (response.status_code, response["Location"]) == (302, card(begun))


def test_cancel_asks_for_reason_then_cancels(erin, book, at):
    appointment = book(at(10))
    with nothing_changes():
        assert "This field is required" in get_text(erin.post(card(appointment, "cancel"), {"reason": ""}))

    response = erin.post(card(appointment, "cancel"), {"reason": "patient_unwell", "note": "Flu"}, headers=HTMX)

    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "patient_unwell")
    assert "the patient is unwell: Flu" in get_text(response)


def test_clinician_sees_own_card_only_and_cannot_decide(danas_browser, book, at, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    own, others = book(at(10)), book(at(11), clinician=otis)

    text = get_text(danas_browser.get(card(own)))

    assert "Move …" not in text and "Cancel …" not in text
    with nothing_changes():
        assert danas_browser.post(card(own, "cancel"), {"reason": "other"}).status_code == 403
        assert danas_browser.post(card(others, "step", "arrived")).status_code == 404
    assert danas_browser.get(card(others)).status_code == 404


@pytest.mark.parametrize("name", ["cancel", "nothing"])
def test_step_that_is_none_is_not_found(erin, book, at, name):
    assert erin.post(card(book(at(10)), "step", name)).status_code == 404


def test_row_of_waiting_room_has_next_step(erin, begun):
    room = reverse("admin:diary_waiting_room")
    for name, following in [("arrived", "seen"), ("seen", "complete")]:
        assert card(begun, "step", name) in erin.get(room).content.decode()

        erin.post(card(begun, "step", name), headers=HTMX)

        assert card(begun, "step", following) in erin.get(room).content.decode()

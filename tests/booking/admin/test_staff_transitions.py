"""Staff make transitions with bulk actions of the list and buttons of the page."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction

from booking.domain.appointments import cancel, complete
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Event, OutboxMessage
from scheduling.models import Slot
from scheduling.slots import lock_clinician
from tests.booking.admin.pages import get_text, list_messages, run_action, url
from tests.conftest import make_clinician
from tests.ledger import begin, nothing_changes
from tests.waiting import somebody_waits_for_us, wait_until

APPOINTMENTS = "booking_appointment"
ANY_DAY = "?day=any"


@pytest.fixture
def pending(book, at):
    """A pending appointment."""
    appointment = book(at(16))
    Appointment.objects.filter(pk=appointment.pk).update(
        status="pending", answer_by=appointment.created_at + timedelta(minutes=15)
    )
    OutboxMessage.objects.all().delete()
    appointment.refresh_from_db()
    return appointment


def test_bulk_transition_reports_result_for_each_appointment(erin, book_today):
    nine, ten = book_today(9), book_today(10)
    cancel(ten, reason="other", actor="patient")

    response = run_action(erin, APPOINTMENTS, "arrived", nine, ten, query=ANY_DAY)

    assert list_messages(response) == [
        f"{nine.reference} is in progress.",
        f"{ten.reference} was not marked arrived: it is cancelled.",
    ]
    assert dict(Appointment.objects.values_list("pk", "status")) == {nine.pk: "in_progress", ten.pk: "cancelled"}
    event = Event.objects.last()
    assert (event.subject_id, event.actor, event.to_status) == (nine.pk, f"staff:{erin.user.pk}", "in_progress")


@pytest.mark.parametrize(
    ("action", "status"), [("arrived", "in_progress"), ("complete", "completed"), ("no-show", "no_show")]
)
def test_mark_works_as_bulk_action_and_as_button(erin, book_today, action, status):
    in_list, on_page = begin(book_today(9)), begin(book_today(10))

    run_action(erin, APPOINTMENTS, action, in_list, query=ANY_DAY)
    response = erin.post(url(APPOINTMENTS, "move", on_page.pk, action))

    assert response["Location"] == url(APPOINTMENTS, "change", on_page.pk)
    assert set(Appointment.objects.values_list("status", flat=True)) == {status}


@pytest.mark.parametrize(
    ("action", "done"),
    [("arrived", "marked arrived"), ("complete", "completed"), ("no-show", "marked as a no-show")],
)
def test_mark_before_appointments_day_is_refused(erin, book, at, action, done):
    appointment, today = book(at(9)), begin(book(at(10)))

    with nothing_changes():
        in_list = list_messages(run_action(erin, APPOINTMENTS, action, appointment, query=ANY_DAY))
        on_page = list_messages(erin.post(url(APPOINTMENTS, "move", appointment.pk, action)))

    sentence = f"{appointment.reference} was not {done}: it begins only on {at(9):%a %-d %b %Y, %H:%M}."
    assert (in_list, on_page) == ([sentence], [sentence, sentence])
    pages = [erin.get(url(APPOINTMENTS, "change", one.pk)).content.decode() for one in (appointment, today)]
    addresses = [url(APPOINTMENTS, "move", one.pk, action) for one in (appointment, today)]
    assert [address in page for address, page in zip(addresses, pages, strict=True)] == [False, True]


def test_confirm_pending_appointment_emails_patient(erin, pending):
    response = erin.post(url(APPOINTMENTS, "move", pending.pk, "confirm"))

    assert list_messages(response) == [f"{pending.reference} is confirmed."]
    pending.refresh_from_db()
    assert pending.status == "confirmed"
    assert list(OutboxMessage.objects.values_list("kind", "payload")) == [
        ("email.appointment_confirmed", {"appointment": str(pending.pk)})
    ]
    event = Event.objects.last()
    assert (event.kind, event.from_status, event.to_status) == ("appointment.updated", "pending", "confirmed")


def test_confirm_twice_emails_patient_once(erin, pending):
    for _ in range(2):
        erin.post(url(APPOINTMENTS, "move", pending.pk, "confirm"))

    assert OutboxMessage.objects.count() == 1
    assert Event.objects.filter(kind="appointment.updated", to_status="confirmed").count() == 1


def test_confirm_completed_appointment_is_refused(erin, book, at):
    appointment = begin(book(at(9)))
    complete(appointment, actor="staff")

    response = erin.post(url(APPOINTMENTS, "move", appointment.pk, "confirm"))

    assert list_messages(response) == [f"{appointment.reference} was not confirmed: it is completed."]
    appointment.refresh_from_db()
    assert appointment.status == "completed"


@pytest.mark.parametrize(
    ("mark", "button", "status"),
    [("no-show", "correct-complete", "completed"), ("complete", "correct-no-show", "no_show")],
)
def test_wrong_mark_is_corrected_with_a_button(erin, book, at, mark, button, status):
    appointment = begin(book(at(9)))
    page, address = url(APPOINTMENTS, "change", appointment.pk), url(APPOINTMENTS, "move", appointment.pk, button)
    assert address not in erin.get(page).content.decode()
    erin.post(url(APPOINTMENTS, "move", appointment.pk, mark))
    assert address in erin.get(page).content.decode()

    response = erin.post(address)

    appointment.refresh_from_db()
    assert appointment.status == status
    assert list_messages(response)[-1] == f"{appointment.reference} is {appointment.get_status_display().lower()}."
    assert Event.objects.last().actor == f"staff:{erin.user.pk}"


def test_transition_button_with_get_changes_nothing(erin, book, at):
    appointment = book(at(9))

    assert erin.get(url(APPOINTMENTS, "move", appointment.pk, "no-show")).status_code == 405
    appointment.refresh_from_db()
    assert appointment.status == "confirmed"


def test_cancel_without_reason_shows_form(erin, book, at):
    appointment = book(at(9))

    asked = erin.get(url(APPOINTMENTS, "move", appointment.pk, "cancel"))
    without_reason = erin.post(url(APPOINTMENTS, "move", appointment.pk, "cancel"), {"reason": "", "note": "?"})

    assert appointment.reference in get_text(asked)
    assert "This field is required." in get_text(without_reason)
    appointment.refresh_from_db()
    assert appointment.status == "confirmed"
    assert Slot.objects.count() == 1


def test_cancel_with_reason_frees_slot(erin, book, at):
    appointment = book(at(9))

    response = erin.post(
        url(APPOINTMENTS, "move", appointment.pk, "cancel"), {"reason": "patient_unwell", "note": "Flu"}
    )

    assert list_messages(response) == [f"{appointment.reference} is cancelled."]
    assert response["Location"] == url(APPOINTMENTS, "change", appointment.pk)
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason, appointment.cancellation_note) == (
        "cancelled",
        "patient_unwell",
        "Flu",
    )
    assert Slot.objects.count() == 0


def test_cancel_in_bulk_uses_one_reason(erin, book, at):
    nine, ten = book(at(9)), book(at(10))
    complete(begin(ten), actor="staff")

    asked = run_action(erin, APPOINTMENTS, "cancel", nine, ten, query=ANY_DAY)
    assert set(Appointment.objects.values_list("status", flat=True)) == {"confirmed", "completed"}
    response = run_action(erin, APPOINTMENTS, "cancel", nine, ten, query=ANY_DAY, reason="clinic_closed", note="")

    assert nine.reference in get_text(asked)
    assert list_messages(response) == [
        f"{ten.reference} was not cancelled: it is completed.",
        f"{nine.reference} is cancelled.",
    ]
    assert dict(Appointment.objects.values_list("pk", "status")) == {nine.pk: "cancelled", ten.pk: "completed"}


@pytest.mark.parametrize("note", ["\u202egnissim", "x" * 501, "a\x00b"])
def test_cancel_with_unprintable_note_changes_nothing(erin, book, at, note):
    appointment = book(at(9))

    response = erin.post(url(APPOINTMENTS, "move", appointment.pk, "cancel"), {"reason": "other", "note": note})

    assert response.status_code == 200
    appointment.refresh_from_db()
    assert appointment.status == "confirmed"


def test_note_saved_during_concurrent_reschedule_reports_conflict(
    transactional_db, elsewhere, erin, book, at, dana, harbour, consultation
):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    appointment = book(at(9))
    page = url(APPOINTMENTS, "change", appointment.pk)
    with transaction.atomic():
        lock_clinician(dana.pk)
        who = {"attendee_name": appointment.attendee_name, "attendee_email": appointment.attendee_email}
        who |= {"attendee_phone": appointment.attendee_phone}
        saving = elsewhere(erin.post, page, who | {"notes": "Rang at nine", "meeting_url": ""})
        wait_until(somebody_waits_for_us)
        reschedule(
            appointment, OpeningRequest(appointment.service, at(9), otis, harbour, is_remote=False), actor="morgan"
        )

    response = saving.result()

    assert list_messages(response) == ["It has been given another time just now. Nothing was saved."]
    assert response["Location"] == page
    appointment.refresh_from_db()
    assert appointment.notes == ""
    assert not LogEntry.objects.exists()

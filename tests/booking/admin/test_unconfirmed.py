"""The queue of appointments that staff confirm or decline."""

import re
from datetime import date, timedelta

import pytest

from booking.domain.appointments import confirm
from booking.domain.confirmation import confirm_with_approval
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, OutboxMessage, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, run_action, url
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

QUEUE = "booking_unconfirmed"


@pytest.fixture
def ask(desk, book):
    """Return a function that books a time which staff must approve: ``ask(at(9))``."""

    def ask(starts_at, answer_in=timedelta(minutes=15), name="Alice Archer"):
        first, last = name.split()
        patient = Patient(
            first_name=first, last_name=last, date_of_birth=date(1990, 1, 1), email=f"{first}@example.org".lower()
        )
        appointment = book(starts_at, patient=patient)
        Appointment.objects.filter(pk=appointment.pk).update(answer_by=database_now() + answer_in)
        appointment.refresh_from_db()
        return appointment

    return ask


def decide(browser, appointment, name, **fields):
    return browser.post(url(QUEUE, "decide", appointment.pk, name), fields)


def test_queue_is_ordered_by_deadline(erin, ask, at, day):
    later = ask(at(9), timedelta(hours=3), "Bob Brown")
    first = ask(at(10), timedelta(minutes=8, seconds=30))

    page = erin.get(url(QUEUE))

    assert "2 appointments to confirm" in get_text(page)
    by = first.answer_by.astimezone(first.location.zone)
    place = "Consultation with Dana Reed, Harbour Street ·"
    assert [row[:3] for row in get_rows(page)] == [
        [f"8 minutes by {by:%a %H:%M}", "Alice Archer", f"{day:%a %-d %b}, 10:00 {place} {first.reference}"],
        [get_rows(page)[1][0], "Bob Brown", f"{day:%a %-d %b}, 09:00 {place} {later.reference}"],
    ]
    assert get_rows(page)[1][0].startswith("2 hours by ")
    assert "left soon" in page.content.decode()


def test_queue_shows_patients_notes(erin, ask, at):
    ask(at(9))
    Appointment.objects.update(notes="My knee hurts on stairs.\nSince May")

    [row] = get_rows(erin.get(url(QUEUE)))

    assert row[1] == "Alice Archer My knee hurts on stairs."


def test_queue_search_without_result_shows_no_count(erin, ask, at):
    ask(at(9))

    page = get_text(erin.get(url(QUEUE), {"q": "nobody"}))

    assert "Appointments to confirm" in page and "1 appointment to confirm" not in page


def test_queue_confirm_button_confirms(erin, ask, at):
    appointment = ask(at(9))

    response = decide(erin, appointment, "confirm")

    assert (response.status_code, response["Location"]) == (302, url(QUEUE))
    assert list_messages(response) == [f"{appointment.reference} is confirmed."]
    appointment.refresh_from_db()
    assert appointment.status == "confirmed"
    assert "Nothing to confirm" in get_text(erin.get(url(QUEUE)))
    assert OutboxMessage.objects.filter(kind="email.appointment_confirmed").exists()


def test_queue_decline_button_stores_note(erin, ask, at):
    appointment = ask(at(9))

    response = decide(erin, appointment, "decline", **{f"note-{appointment.pk}": "No room that day"})

    assert list_messages(response) == [f"{appointment.reference} is declined."]
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason, appointment.cancellation_note) == (
        "cancelled",
        "declined",
        "No room that day",
    )
    assert not Slot.objects.exists()


def test_queue_decline_with_unprintable_note_changes_nothing(erin, ask, at):
    appointment, note = ask(at(9)), "\u202egnissim"

    with nothing_changes():
        responses = [
            decide(erin, appointment, "decline", **{f"note-{appointment.pk}": note}),
            run_action(erin, QUEUE, "decline", appointment, note=note),
        ]

    for response in responses:
        assert list_messages(response)[-1].startswith(f"{appointment.reference} was not declined. ")


@pytest.mark.parametrize("action, status, note", [("confirm", "confirmed", ""), ("decline", "cancelled", "Flood")])
def test_queue_bulk_action_decides_all_selected(erin, ask, at, action, status, note):
    chosen = [ask(at(9)), ask(at(10))]
    left = ask(at(11))

    run_action(erin, QUEUE, action, *chosen, note=note)

    found = Appointment.objects.filter(pk__in=[one.pk for one in chosen]).values_list("status", "cancellation_note")
    assert list(found) == [(status, note)] * 2
    left.refresh_from_db()
    assert left.status == "pending"


def test_queue_decision_after_colleagues_is_refused(erin, ask, at):
    confirmed, lapsed = ask(at(9)), ask(at(10))
    confirm(confirmed, actor="staff:7")
    Appointment.objects.filter(pk=lapsed.pk).update(answer_by=database_now() - timedelta(seconds=1))

    responses = [decide(erin, confirmed, "decline"), decide(erin, lapsed, "confirm")]

    assert list_messages(responses[0]) == [f"{confirmed.reference} was not declined: it is confirmed."]
    assert f"{lapsed.reference} was not confirmed: it is cancelled." in list_messages(responses[1])


def test_admin_pages_show_queue_length_to_deciding_staff(erin, danas_browser, ask, at):
    ask(at(9))
    ask(at(10))

    for address in (url(QUEUE), url("booking_appointment"), "/admin/"):
        assert "2 to confirm" in get_text(erin.get(address))
    assert "to confirm" not in get_text(danas_browser.get(url("booking_appointment")))


def test_queue_excludes_appointments_asked_of_upstream(erin, ask, at, desk):
    ask(at(9))
    Provider.objects.update(kind="upstream")

    assert get_rows(erin.get(url(QUEUE))) == []
    assert "to confirm" not in get_text(erin.get("/admin/")).replace("Appointments to confirm", "")


def test_queue_refuses_clinicians(danas_browser, ask, at):
    appointment = ask(at(9))

    with nothing_changes():
        assert danas_browser.get(url(QUEUE)).status_code == 403
        for name in ("confirm", "decline"):
            assert decide(danas_browser, appointment, name).status_code == 403
        run_action(danas_browser, QUEUE, "confirm", appointment)


def test_queue_decide_with_get_changes_nothing(erin, ask, at):
    appointment = ask(at(9))

    with nothing_changes():
        assert erin.get(url(QUEUE, "decide", appointment.pk, "confirm")).status_code == 405
        assert decide(erin, appointment, "cancel").status_code == 403
        assert erin.get(url(QUEUE, "change", appointment.pk))["Location"] == url(
            "booking_appointment", "change", appointment.pk
        )
        assert erin.get(url(QUEUE, "add")).status_code == 403


def test_queue_query_count_is_constant(erin, ask, at):
    ask(at(9))
    for_one = count_queries(erin, url(QUEUE))
    for number in range(4):
        ask(at(13) + timedelta(minutes=30 * number), name=f"Pat Number{number}")

    assert count_queries(erin, url(QUEUE)) == for_one


def test_appointment_page_shows_approver_and_deadline(erin, ask, at):
    appointment = ask(at(9))
    Appointment.objects.update(provider_reference="D-17")

    response = erin.get(url("booking_appointment", "change", appointment.pk))

    assert "The front desk (staff, who approve each in admin)" in get_text(response)
    assert "D-17" in get_text(response)
    assert [move.name for move in response.context["transitions"]] == ["confirm", "decline", "cancel"]


def test_queue_news_counts_new_requests(erin, ask, at):
    ask(at(9))
    page = erin.get(url(QUEUE))
    news = re.search('hx-get="([^"]*)"', page.content.decode())[1]
    assert get_text(erin.get(news)) == ""

    ask(at(10), name="Bob Brown")
    assert get_text(erin.get(news)) == "1 more request: show it"
    ask(at(11), name="Erin Eaton")
    assert get_text(erin.get(news)) == "2 more requests: show them"


@pytest.mark.parametrize("since", ["", "?since=yesterday", "?since=2026-13-45T00:00"])
def test_queue_news_with_invalid_since_is_empty(erin, ask, at, since):
    ask(at(9))

    assert get_text(erin.get(url(QUEUE, "news") + since)) == ""


def test_queue_news_refuses_staff_who_may_not_decide(client, danas_browser):
    for browser in (client, danas_browser):
        assert browser.get(url(QUEUE, "news")).status_code == 403


@pytest.fixture
def refused(lab, hold_time, at, dana, harbour, alice):
    """Alice's appointment, rescheduled to a time that the lab refuses."""
    appointment = confirm_with_approval(hold_time(at(9)), patient=alice, actor="patient")
    lab.behaviour = "refuses"
    reschedule(appointment, OpeningRequest(appointment.service, at(10), dana, harbour, is_remote=False), actor="erin")
    run_what_is_due()
    return appointment


def test_refused_new_time_is_shown_until_rescheduled(refused, erin, lab, at, dana, harbour):
    page = get_text(erin.get(url(QUEUE)))
    assert "Refused by the approver" in page
    assert refused.reference in page
    alone = url("booking_appointment", "change", refused.pk)
    assert "The lab refuses this time, said on " in get_text(erin.get(alone))

    lab.behaviour = "answers"
    reschedule(refused, OpeningRequest(refused.service, at(11), dana, harbour, is_remote=False), actor="erin")

    assert refused.reference not in get_text(erin.get(url(QUEUE)))
    assert "refuses this time" not in get_text(erin.get(alone))

"""The queue at reception: what waits for a yes or a no, the one that is lost first on top."""

import re
from datetime import date, timedelta

import pytest

from booking.domain.appointments import confirm
from booking.domain.holds import confirm_with_approval
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, OutboxMessage, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.booking.admin.pages import act, queries, rows, said, shown, url
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

QUEUE = "booking_unconfirmed"


@pytest.fixture
def ask(desk, book):
    """Book a time for which staff must be asked: ``ask(at(9))``."""

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


def test_what_must_be_answered_first_is_on_top(erin, ask, at, day):
    later = ask(at(9), timedelta(hours=3), "Bob Brown")
    first = ask(at(10), timedelta(minutes=8, seconds=30))

    page = erin.get(url(QUEUE))

    assert "2 appointments to confirm" in shown(page)
    by = first.answer_by.astimezone(first.location.zone)
    place = "Consultation with Dana Reed, Harbour Street ·"
    assert [row[:3] for row in rows(page)] == [
        [f"8 minutes by {by:%a %H:%M}", "Alice Archer", f"{day:%a %-d %b}, 10:00 {place} {first.reference}"],
        [rows(page)[1][0], "Bob Brown", f"{day:%a %-d %b}, 09:00 {place} {later.reference}"],
    ]
    assert rows(page)[1][0].startswith("2 hours by ")
    assert "left soon" in page.content.decode()


def test_what_the_patient_wrote_is_seen_in_the_queue(erin, ask, at):
    ask(at(9))
    Appointment.objects.update(notes="My knee hurts on stairs.\nSince May")

    [row] = rows(erin.get(url(QUEUE)))

    assert row[1] == "Alice Archer My knee hurts on stairs."


def test_a_search_that_finds_nothing_does_not_count_the_others(erin, ask, at):
    ask(at(9))

    page = shown(erin.get(url(QUEUE), {"q": "nobody"}))

    assert "Appointments to confirm" in page and "1 appointment to confirm" not in page


def test_one_press_confirms(erin, ask, at):
    appointment = ask(at(9))

    response = decide(erin, appointment, "confirm")

    assert (response.status_code, response["Location"]) == (302, url(QUEUE))
    assert said(response) == [f"{appointment.reference} is confirmed."]
    appointment.refresh_from_db()
    assert appointment.status == "confirmed"
    assert "Nothing to confirm" in shown(erin.get(url(QUEUE)))
    assert OutboxMessage.objects.filter(kind="email.appointment_confirmed").exists()


def test_one_press_declines_and_keeps_why(erin, ask, at):
    appointment = ask(at(9))

    response = decide(erin, appointment, "decline", **{f"note-{appointment.pk}": "No room that day"})

    assert said(response) == [f"{appointment.reference} is declined."]
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason, appointment.cancellation_note) == (
        "cancelled",
        "declined",
        "No room that day",
    )
    assert not Slot.objects.exists()


def test_who_declines_with_an_unreadable_note_is_told_and_nothing_is_declined(erin, ask, at):
    appointment, note = ask(at(9)), "\u202egnissim"

    with nothing_changes():
        responses = [
            decide(erin, appointment, "decline", **{f"note-{appointment.pk}": note}),
            act(erin, QUEUE, "decline", appointment, note=note),
        ]

    for response in responses:
        assert said(response)[-1].startswith(f"{appointment.reference} was not declined. ")


@pytest.mark.parametrize("action, status, note", [("confirm", "confirmed", ""), ("decline", "cancelled", "Flood")])
def test_many_are_decided_at_once(erin, ask, at, action, status, note):
    chosen = [ask(at(9)), ask(at(10))]
    left = ask(at(11))

    act(erin, QUEUE, action, *chosen, note=note)

    found = Appointment.objects.filter(pk__in=[one.pk for one in chosen]).values_list("status", "cancellation_note")
    assert list(found) == [(status, note)] * 2
    left.refresh_from_db()
    assert left.status == "pending"


def test_who_is_too_late_is_told(erin, ask, at):
    confirmed, lapsed = ask(at(9)), ask(at(10))
    confirm(confirmed, actor="staff:7")
    Appointment.objects.filter(pk=lapsed.pk).update(answer_by=database_now() - timedelta(seconds=1))

    responses = [decide(erin, confirmed, "decline"), decide(erin, lapsed, "confirm")]

    assert said(responses[0]) == [f"{confirmed.reference} was not declined: it is confirmed."]
    assert f"{lapsed.reference} was not confirmed: it is cancelled." in said(responses[1])


def test_every_page_says_how_many_wait_to_whoever_may_decide(erin, danas_browser, ask, at):
    ask(at(9))
    ask(at(10))

    for address in (url(QUEUE), url("booking_appointment"), "/admin/"):
        assert "2 to confirm" in shown(erin.get(address))
    assert "to confirm" not in shown(danas_browser.get(url("booking_appointment")))


def test_what_another_system_is_asked_for_is_not_in_the_queue(erin, ask, at, desk):
    ask(at(9))
    Provider.objects.update(kind="upstream")

    assert rows(erin.get(url(QUEUE))) == []
    assert "to confirm" not in shown(erin.get("/admin/")).replace("Appointments to confirm", "")


def test_a_clinician_has_no_queue_and_decides_nothing(danas_browser, ask, at):
    appointment = ask(at(9))

    with nothing_changes():
        assert danas_browser.get(url(QUEUE)).status_code == 403
        for name in ("confirm", "decline"):
            assert decide(danas_browser, appointment, name).status_code == 403
        act(danas_browser, QUEUE, "confirm", appointment)


def test_only_a_press_decides(erin, ask, at):
    appointment = ask(at(9))

    with nothing_changes():
        assert erin.get(url(QUEUE, "decide", appointment.pk, "confirm")).status_code == 405
        assert decide(erin, appointment, "cancel").status_code == 403
        assert erin.get(url(QUEUE, "change", appointment.pk))["Location"] == url(
            "booking_appointment", "change", appointment.pk
        )
        assert erin.get(url(QUEUE, "add")).status_code == 403


def test_a_longer_queue_takes_no_more_queries(erin, ask, at):
    ask(at(9))
    for_one = queries(erin, url(QUEUE))
    for number in range(4):
        ask(at(13) + timedelta(minutes=30 * number), name=f"Pat Number{number}")

    assert queries(erin, url(QUEUE)) == for_one


def test_the_page_of_an_appointment_says_who_was_asked_and_until_when(erin, ask, at):
    appointment = ask(at(9))
    Appointment.objects.update(provider_reference="D-17")

    response = erin.get(url("booking_appointment", "change", appointment.pk))

    assert "The front desk (staff, who approve each in admin)" in shown(response)
    assert "D-17" in shown(response)
    assert [move.name for move in response.context["transitions"]] == ["confirm", "decline", "cancel"]


def test_the_open_page_says_what_has_come_since(erin, ask, at):
    ask(at(9))
    page = erin.get(url(QUEUE))
    news = re.search('hx-get="([^"]*)"', page.content.decode())[1]
    assert shown(erin.get(news)) == ""

    ask(at(10), name="Bob Brown")
    assert shown(erin.get(news)) == "1 more request: show it"
    ask(at(11), name="Erin Eaton")
    assert shown(erin.get(news)) == "2 more requests: show them"


@pytest.mark.parametrize("since", ["", "?since=yesterday", "?since=2026-13-45T00:00"])
def test_nonsense_asked_for_is_no_news(erin, ask, at, since):
    ask(at(9))

    assert shown(erin.get(url(QUEUE, "news") + since)) == ""


def test_news_is_for_whoever_may_decide(client, danas_browser):
    for browser in (client, danas_browser):
        assert browser.get(url(QUEUE, "news")).status_code == 403


@pytest.fixture
def refused(lab, hold_time, at, dana, harbour, alice):
    """Alice's appointment, given another time that the lab refuses."""
    appointment = confirm_with_approval(hold_time(at(9)), patient=alice, actor="patient")
    lab.behaviour = "refuses"
    reschedule(appointment, OpeningRequest(appointment.service, at(10), dana, harbour, is_remote=False), actor="erin")
    run_what_is_due()
    return appointment


def test_a_refused_new_time_is_shown_until_it_has_another(refused, erin, lab, at, dana, harbour):
    page = shown(erin.get(url(QUEUE)))
    assert "Refused by the approver" in page
    assert refused.reference in page
    alone = url("booking_appointment", "change", refused.pk)
    assert "The lab refuses this time, said on " in shown(erin.get(alone))

    lab.behaviour = "answers"
    reschedule(refused, OpeningRequest(refused.service, at(11), dana, harbour, is_remote=False), actor="erin")

    assert refused.reference not in shown(erin.get(url(QUEUE)))
    assert "refuses this time" not in shown(erin.get(alone))

"""What a provider answers later, and that its system is kept in line with ours."""

import json
import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat
from django.test import Client

from booking.access import signatures
from booking.admin.approver_refusals import get_refused_at
from booking.domain import approval_sync
from booking.domain.appointments import acknowledge, annotate, cancel, complete, decline
from booking.domain.appointments import confirm as confirm_by_staff
from booking.domain.approvals import ApprovalTimeouts
from booking.domain.audit import get_latest_sequence
from booking.domain.expiry import cancel_unanswered
from booking.domain.holds import confirm_with_approval
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event, OutboxMessage, Provider
from booking.outbox.queue import RetryLater
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Location, Slot, WorkingHours
from tests.ledger import nothing_changes, rows
from tests.outbox import run_what_is_due
from tests.waiting import somebody_waits_for_us, wait_until

BRIEFLY = ApprovalTimeouts(sync=timedelta(seconds=0.2), is_async=True)


@pytest.fixture
def book(hold_time, lab):
    """Book a time with Dana for Alice, who is asked for: ``book(at(9))``."""

    def book(starts_at, timeouts=BRIEFLY):
        alice = Patient(
            first_name="Alice",
            last_name="Archer",
            date_of_birth="1985-04-12",
            email="alice@example.org",
            phone="+447700900123",
        )
        return confirm_with_approval(
            hold_time(starts_at, limit=None), patient=alice, actor="patient", timeouts=timeouts
        )

    return book


@pytest.fixture
def pending(book, lab, at):
    """Nine o'clock: the lab was down, and is still."""
    lab.behaviour = "down"
    return book(at(9))


@pytest.fixture
def say(lab):
    """Have the lab say something by itself: ``say(appointment, "confirmed")``; returns the response."""

    def say(appointment, status, *, secret=None, at=None, provider=None, body=None, message_id="m1", **content):
        content = {"appointment_id": str(getattr(appointment, "pk", appointment)), "status": status, **content}
        body = json.dumps(content).encode() if body is None else body
        headers = signatures.sign([secret or lab.secret], message_id=message_id, at=at or database_now(), body=body)
        address = f"/api/providers/{(provider or lab.provider).pk}/answers"
        return Client().post(address, body, "application/json", headers=headers)

    return say


def run_until_done():
    """Run what is due and what would be due later."""
    for _ in range(5):
        OutboxMessage.objects.filter(status="waiting").update(due_at=database_now())
        run_what_is_due()


def messages(kind):
    found = OutboxMessage.objects.filter(kind=kind).order_by("created_at")
    return [(message.status, message.last_error) for message in found]


def reaches(appointment):
    """Its present state and why, from the database."""
    appointment.refresh_from_db()
    return appointment.status, appointment.cancellation_reason


# Asking again


def wait_after(attempts):
    """How long it will be before the message is run again, after so many attempts."""
    message = OutboxMessage.objects.get(kind="provider.sync")
    message.attempts = attempts
    with pytest.raises(RetryLater) as again:
        approval_sync.sync(message)
    return again.value.after


def test_it_is_asked_again_with_growing_pauses_until_it_answers(pending, lab):
    waits = [wait_after(attempts).total_seconds() for attempts in range(1, 8)]
    assert waits == [1, 2, 5, 10, 30, 60, 60]
    run_until_done()
    assert messages("provider.sync") == [("waiting", "HTTP 503")]

    lab.behaviour = "answers"
    run_until_done()

    assert reaches(pending) == ("confirmed", "")
    assert messages("provider.sync") == [("done", "")]
    assert lab.bookings[str(pending.pk)]["times_booked"] == 1


def test_it_is_asked_once_more_just_before_the_time_is_over(pending):
    Appointment.objects.update(answer_by=database_now() + timedelta(seconds=50))
    assert timedelta(seconds=20) < wait_after(6) <= timedelta(seconds=45)

    Appointment.objects.update(answer_by=database_now() + timedelta(seconds=4))
    run_until_done()
    assert messages("provider.sync") == [("done", "")]  # the rest is for lapse_unanswered


def test_a_refusal_on_being_asked_again_cancels_it(pending, lab):
    lab.behaviour = "refuses"

    run_until_done()

    assert reaches(pending) == ("cancelled", "declined")
    assert Slot.objects.count() == 0
    assert "email.appointment_cancelled" in OutboxMessage.objects.values_list("kind", flat=True)


def test_an_answer_to_what_has_changed_meanwhile_counts_for_nothing(pending, lab, dana, harbour, at):
    asked, put = [], lab.put
    lab.behaviour = "refuses"

    def refuse_one_and_have_the_next(id, wanted):
        asked.append(wanted["start_time"])
        lab.behaviour = "refuses" if len(asked) == 1 else "answers"
        return put(id, wanted)

    lab.put = refuse_one_and_have_the_next
    message = OutboxMessage.objects.get(kind="provider.sync")
    message.attempts = 1
    stale = Appointment.objects.select_related("provider", "location", "patient").get()
    reschedule(pending, OpeningRequest(pending.service, at(10), dana, harbour, is_remote=False), actor="erin")

    with pytest.raises(RetryLater):
        approval_sync._ask_again(message, stale, version=4)
    run_until_done()

    assert asked[:2] == [at(9).isoformat(), at(10).isoformat()]
    assert reaches(pending) == ("confirmed", "")


# The deadline


def let_the_time_be_over(appointment):
    Appointment.objects.filter(pk=appointment.pk).update(answer_by=database_now())


def test_what_nobody_acknowledges_in_time_is_cancelled_and_its_time_free(pending, lab, hold_time, at):
    assert cancel_unanswered() == 0
    let_the_time_be_over(pending)

    assert cancel_unanswered() == 1

    assert reaches(pending) == ("cancelled", "not_acknowledged")
    event = Event.objects.filter(subject_id=pending.pk).last()
    assert (event.kind, event.actor, event.data) == ("appointment.cancelled", "worker", {"reason": "not_acknowledged"})
    hold_time(at(9))
    assert cancel_unanswered() == 0


def test_the_lab_is_told_that_it_is_too_late(book, lab, at):
    lab.behaviour = "forgets to answer"
    appointment = book(at(9))
    assert lab.live().keys() == {str(appointment.pk)}
    let_the_time_be_over(appointment)

    cancel_unanswered()
    lab.behaviour = "answers"
    run_until_done()

    assert lab.live() == {}
    assert reaches(appointment) == ("cancelled", "not_acknowledged")


def test_a_late_yes_is_not_accepted_and_cancelled_there(pending, lab, say):
    let_the_time_be_over(pending)

    assert say(pending, "confirmed").json()["data"] == {"appointment_id": str(pending.pk), "status": "cancelled"}

    assert reaches(pending) == ("cancelled", "not_acknowledged")
    lab.behaviour = "answers"
    lab.bookings[str(pending.pk)] = {"status": "confirmed", "version": 3, "times_booked": 1}
    run_until_done()
    assert lab.live() == {}


def test_a_yes_to_what_is_long_cancelled_gets_its_cancellation_again(pending, lab, say):
    cancel(pending, reason="other", actor="patient")
    run_until_done()
    OutboxMessage.objects.all().delete()
    lab.behaviour = "answers"
    lab.bookings[str(pending.pk)] = {"status": "confirmed", "version": 3, "times_booked": 1}

    assert say(pending, "confirmed").json()["data"]["status"] == "cancelled"

    run_until_done()
    assert lab.live() == {}


def test_staff_who_are_too_late_are_told_so(pending):
    let_the_time_be_over(pending)

    with pytest.raises(WrongState) as refusal:
        confirm_by_staff(pending, actor="staff:1")

    assert refusal.value.state == "cancelled"
    assert reaches(pending) == ("cancelled", "not_acknowledged")


# What it says by itself


def test_it_confirms_by_itself(pending, lab, say):
    response = say(pending, "confirmed", provider_id="UP-7")

    assert (response.status_code, response.json()["data"]["status"]) == (200, "confirmed")
    pending.refresh_from_db()
    assert (pending.status, pending.provider_reference) == ("confirmed", "UP-7")
    event = Event.objects.filter(subject_id=pending.pk).last()
    assert (event.kind, event.actor, event.from_status, event.to_status) == (
        "appointment.updated",
        "provider:lab",
        "pending",
        "confirmed",
    )


def test_saying_it_twice_is_saying_it_once(pending, say):
    say(pending, "confirmed")
    with nothing_changes():
        for message_id in ("m1", "m2"):
            assert say(pending, "confirmed", message_id=message_id).status_code == 200


def test_it_reserves_first_and_confirms_later(pending, say):
    for status in ("reserved", "confirmed", "reserved"):
        assert say(pending, status).status_code == 200

    story = Event.objects.filter(subject_id=pending.pk, actor="provider:lab").values_list("from_status", "to_status")
    assert list(story) == [("pending", "reserved"), ("reserved", "confirmed")]
    mails = OutboxMessage.objects.filter(kind__startswith="email.").order_by("created_at")
    assert list(mails.values_list("kind", flat=True)) == ["email.appointment_requested", "email.appointment_confirmed"]


def test_it_declines(pending, say, lab):
    assert say(pending, "refused").json()["data"]["status"] == "cancelled"

    assert reaches(pending) == ("cancelled", "declined")
    with nothing_changes():
        say(pending, "refused")


def test_it_tells_of_the_visit(pending, say):
    statuses = [say(pending, status).json()["data"]["status"] for status in ("confirmed", "in_progress", "completed")]

    assert statuses == ["confirmed", "in_progress", "completed"]


def test_what_comes_in_the_wrong_order_moves_nothing_back(pending, say):
    assert say(pending, "in_progress").json()["data"]["status"] == "in_progress"
    with nothing_changes():
        for status in ("confirmed", "reserved", "refused"):
            assert say(pending, status).json()["data"]["status"] == "in_progress"
    say(pending, "completed")
    with nothing_changes():
        for status in ("in_progress", "confirmed", "cancelled"):
            assert say(pending, status).json()["data"]["status"] == "completed"


def test_it_cancels_what_it_had_confirmed(pending, say):
    say(pending, "confirmed")

    assert say(pending, "cancelled").json()["data"]["status"] == "cancelled"
    assert reaches(pending) == ("cancelled", "declined")
    assert Slot.objects.count() == 0


def test_an_answer_to_an_earlier_time_counts_for_nothing(pending, say, dana, harbour, at):
    asked = Event.objects.filter(subject_id=pending.pk).count()
    reschedule(pending, OpeningRequest(pending.service, at(10), dana, harbour, is_remote=False), actor="erin")

    with nothing_changes():
        assert say(pending, "confirmed", version=asked).json()["data"]["status"] == "pending"
    assert say(pending, "confirmed", version=asked + 1).json()["data"]["status"] == "confirmed"


def test_not_even_when_the_new_time_is_being_written_just_then(elsewhere, book, lab, dana, harbour, at):
    lab.behaviour = "down"
    pending = book(at(9))
    asked, seen = get_latest_sequence(pending.pk), Appointment.objects.select_related("provider").get()

    with transaction.atomic():
        reschedule(pending, OpeningRequest(pending.service, at(10), dana, harbour, is_remote=False), actor="erin")
        answered = elsewhere(approval_sync.apply_decision, seen, "confirmed", version=asked)
        wait_until(somebody_waits_for_us)

    answered.result(30)
    assert reaches(pending) == ("pending", "")


def test_what_is_not_signed_by_the_lab_changes_nothing(pending, say, lab):
    other = Provider.objects.create(name="Other", slug="other", kind="upstream", secret=signatures.make_secret())
    stranger = Provider(id=uuid4())
    without = Provider.objects.create(name="Staff", slug="staff", kind="staff")
    minutes = timedelta(minutes=6)
    with nothing_changes():
        for forgery in (
            {"secret": signatures.make_secret()},
            {"at": database_now() - minutes},
            {"at": database_now() + minutes},
            {"provider": other},
            {"provider": stranger},
            {"provider": without},
        ):
            response = say(pending, "confirmed", **forgery)
            assert (response.status_code, response.json()["code"]) == (401, "bad-signature")
        address = f"/api/providers/{lab.provider.pk}/answers"
        body = {"appointment_id": str(pending.pk), "status": "confirmed"}
        assert Client().post(address, body, "application/json").status_code == 401
        headers = signatures.sign([lab.secret], message_id="m1", at=database_now(), body=b"{}")
        assert Client().post(address, body, "application/json", headers=headers).status_code == 401
        # Signed well, but another's.
        assert say(pending, "confirmed", provider=other, secret=other.secret).status_code == 404
        assert say(uuid4(), "confirmed").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"nonsense", b'{"status": "confirmed"}', b'{"appointment_id": "1", "status": "confirmed"}'],
)
def test_what_cannot_be_understood_is_refused(body, say, lab):
    with nothing_changes():
        response = say(None, None, body=body)
    assert (response.status_code, response.json()["code"]) in [(400, "validation"), (400, "malformed")]


def test_unknown_statuses_are_refused(pending, say):
    with nothing_changes():
        assert say(pending, "pending").status_code == 400
        assert say(pending, "confirmed", surprise=1).status_code == 400


# What the lab is told


@pytest.fixture
def confirmed(book, at):
    """Nine o'clock: the lab has agreed."""
    appointment = book(at(9))
    assert appointment.status == "confirmed"
    return appointment


def test_what_it_has_agreed_to_it_need_not_be_told(confirmed):
    assert messages("provider.sync") == []


def test_a_cancellation_is_told(confirmed, lab):
    cancel(confirmed, reason="patient_unwell", actor="patient")
    run_until_done()

    assert lab.bookings[str(confirmed.pk)]["status"] == "cancelled"


def test_another_time_is_told(confirmed, lab, dana, harbour, at):
    reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, harbour, is_remote=False), actor="erin")
    run_until_done()

    [booking] = lab.live().values()
    assert booking["start_time"] == at(10).isoformat()
    assert reaches(confirmed) == ("confirmed", "")


def test_a_refused_new_time_stands_and_is_told_to_staff(
    confirmed, lab, say, dana, harbour, at, erin, danas_browser, mailoutbox
):
    User.objects.update(email=Concat("username", Value("@clinic.example")))
    mailoutbox.clear()
    lab.behaviour = "refuses"
    reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, harbour, is_remote=False), actor="erin")
    run_until_done()

    assert reaches(confirmed) == ("confirmed", "")
    assert confirmed.starts_at == at(10)
    assert messages("provider.sync") == [("failed", "The provider refuses what we have: somebody has to talk to them.")]
    assert Event.objects.filter(subject_id=confirmed.pk).last().kind == "provider.refused"
    mail = mailoutbox[-1]
    assert (mail.to, mail.subject) == (
        ["erin@clinic.example"],
        f"The lab refuses the new time of {confirmed.reference}",
    )
    assert f"{at(10):%-d %B %Y, %H:%M}" in mail.body
    assert f"/admin/booking/appointment/{confirmed.pk}/change/" in mail.body
    assert "Alice" not in mail.body

    annotate(confirmed, notes="Call the lab.", actor="erin")
    with nothing_changes():
        say(confirmed, "refused")

    assert get_refused_at(confirmed)
    say(confirmed, "confirmed")
    assert not get_refused_at(confirmed)
    with nothing_changes():
        say(confirmed, "confirmed")


def test_what_is_told_late_does_not_undo_what_was_told_since(confirmed, lab, dana, harbour, at):
    reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, harbour, is_remote=False), actor="erin")
    lab.behaviour = "down"
    run_until_done()
    cancel(confirmed, reason="other", actor="patient")
    lab.behaviour = "answers"
    run_until_done()

    assert lab.live() == {}
    assert lab.put(str(confirmed.pk), {"version": 4})[1] == 409


def test_a_cancellation_that_does_not_arrive_is_tried_for_two_days(confirmed, lab):
    lab.behaviour = "down"
    cancel(confirmed, reason="other", actor="patient")
    run_until_done()
    run_until_done()

    assert messages("provider.sync") == [("failed", "HTTP 503")]


def test_staff_who_confirm_in_its_place_have_it_told(pending, lab):
    lab.behaviour = "answers"
    confirm_by_staff(pending, actor="staff:1")
    run_until_done()

    assert lab.live().keys() == {str(pending.pk)}
    assert reaches(pending) == ("confirmed", "")


def test_a_note_is_not_its_business(confirmed, lab):
    annotate(confirmed, actor="staff:1", notes="Brings her daughter.")
    assert messages("provider.sync") == []


def test_a_place_where_another_must_agree_is_another_booking(confirmed, dana, consultation, at):
    mill_lane = Location.objects.create(name="Mill Lane", timezone="Europe/London", city="London")
    for hours in WorkingHours.objects.all():
        hours.pk, hours.location, hours._state.adding = None, mill_lane, True
        hours.save()
    with nothing_changes(), pytest.raises(NotOffered):
        reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, mill_lane, is_remote=False), actor="erin")


def test_a_pending_one_moved_forward_is_answered_before_it_starts(pending, dana, harbour, at):
    Appointment.objects.update(answer_by=pending.starts_at)
    pending.refresh_from_db()
    earlier = at(9) - timedelta(days=1)

    reschedule(pending, OpeningRequest(pending.service, earlier, dana, harbour, is_remote=False), actor="erin")

    assert Appointment.objects.get().answer_by == earlier


# The verbs


@pytest.mark.parametrize("verb", [decline, confirm_by_staff])
def test_nobody_decides_twice(verb, pending):
    acknowledge(pending, "confirmed", actor="staff:1")
    complete(pending, actor="dana")

    with nothing_changes(), pytest.raises(WrongState):
        verb(pending, actor="staff:1")


# Privacy


def test_no_name_gets_into_messages_events_or_logs(book, lab, at, say, caplog):
    caplog.set_level(logging.DEBUG)
    lab.behaviour = "down"
    appointment = book(at(9))
    run_until_done()
    say(appointment, "confirmed")
    cancel(appointment, reason="other", actor="patient")
    run_until_done()

    written = str(rows(OutboxMessage)) + str(rows(Event)) + caplog.text
    assert "503" in written
    for value in ("Alice", "Archer", "alice@", "7700900123", "1985", lab.url, lab.secret):
        assert value not in written

"""An upstream approver's later decisions, and keeping its system in sync with ours."""

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
from booking.domain.confirmation import confirm_with_approval
from booking.domain.expiry import cancel_unanswered
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event, OutboxMessage, Provider, StaffMember
from booking.outbox.queue import RetryLater
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Location, Slot, WorkingHours
from tests.ledger import begin, nothing_changes, rows
from tests.outbox import run_what_is_due
from tests.waiting import somebody_waits_for_us, wait_until

BRIEFLY = ApprovalTimeouts(sync=timedelta(seconds=0.2), is_async=True)


@pytest.fixture
def book(hold_time, lab):
    """Book a time with Dana for Alice, subject to the lab's approval: ``book(at(9))``."""

    def book(starts_at, timeouts=BRIEFLY):
        alice = Patient(
            first_name="Alice",
            last_name="Archer",
            date_of_birth="1985-04-12",
            email="alice@example.org",
            phone="+442079460123",
        )
        return confirm_with_approval(
            hold_time(starts_at, limit=None), patient=alice, actor="patient", timeouts=timeouts
        )

    return book


@pytest.fixture
def pending(book, lab, at):
    """Alice's appointment at nine, requested while the lab is down."""
    lab.behaviour = "down"
    return book(at(9))


@pytest.fixture
def send_answer(lab):
    """Post a signed answer of the lab and return the response: ``send_answer(appointment, "confirmed")``."""

    def send_answer(appointment, status, *, secret=None, at=None, provider=None, body=None, message_id="m1", **content):
        content = {"appointment_id": str(getattr(appointment, "pk", appointment)), "status": status, **content}
        body = json.dumps(content).encode() if body is None else body
        headers = signatures.sign([secret or lab.secret], message_id=message_id, at=at or database_now(), body=body)
        address = f"/api/providers/{(provider or lab.provider).pk}/answers"
        return Client().post(address, body, "application/json", headers=headers)

    return send_answer


def run_until_done():
    """Run all waiting messages, however late they are due."""
    for _ in range(5):
        OutboxMessage.objects.filter(status="waiting").update(due_at=database_now())
        run_what_is_due()


def list_messages(kind):
    found = OutboxMessage.objects.filter(kind=kind).order_by("created_at")
    return [(message.status, message.last_error) for message in found]


def reload_status(appointment):
    """Return the appointment's status and cancellation reason from the database."""
    appointment.refresh_from_db()
    return appointment.status, appointment.cancellation_reason


# Requesting again


def sync_and_get_delay(attempts):
    """Sync after ``attempts`` attempts and return the delay before the next one."""
    message = OutboxMessage.objects.get(kind="provider.sync")
    message.attempts = attempts
    with pytest.raises(RetryLater) as again:
        approval_sync.sync(message)
    return again.value.after


def test_sync_backs_off_until_approver_answers(pending, lab):
    waits = [sync_and_get_delay(attempts).total_seconds() for attempts in range(1, 8)]
    assert waits == [1, 2, 5, 10, 30, 60, 60]
    run_until_done()
    assert list_messages("provider.sync") == [("waiting", "HTTP 503")]

    lab.behaviour = "answers"
    run_until_done()

    assert reload_status(pending) == ("confirmed", "")
    assert list_messages("provider.sync") == [("done", "")]
    assert lab.bookings[str(pending.pk)]["times_booked"] == 1


def test_sync_near_deadline_asks_once_more_before_it(pending):
    Appointment.objects.update(answer_by=database_now() + timedelta(seconds=50))
    assert timedelta(seconds=20) < sync_and_get_delay(6) <= timedelta(seconds=45)

    Appointment.objects.update(answer_by=database_now() + timedelta(seconds=4))
    run_until_done()
    assert list_messages("provider.sync") == [("done", "")]  # cancel_unanswered does the rest


def test_sync_refused_by_approver_cancels_appointment(pending, lab):
    lab.behaviour = "refuses"

    run_until_done()

    assert reload_status(pending) == ("cancelled", "declined")
    assert Slot.objects.count() == 0
    assert "email.appointment_cancelled" in OutboxMessage.objects.values_list("kind", flat=True)


def test_sync_refused_for_time_before_reschedule_is_ignored(pending, lab, dana, harbour, at):
    asked, put = [], lab.put
    lab.behaviour = "refuses"

    def refuse_first_and_accept_next(id, wanted):
        asked.append(wanted["start_time"])
        lab.behaviour = "refuses" if len(asked) == 1 else "answers"
        return put(id, wanted)

    lab.put = refuse_first_and_accept_next
    message = OutboxMessage.objects.get(kind="provider.sync")
    message.attempts = 1
    stale = Appointment.objects.select_related("provider", "location", "patient").get()
    reschedule(pending, OpeningRequest(pending.service, at(10), dana, harbour, is_remote=False), actor="erin")

    with pytest.raises(RetryLater):
        approval_sync._ask_again(message, stale, version=4)
    run_until_done()

    assert asked[:2] == [at(9).isoformat(), at(10).isoformat()]
    assert reload_status(pending) == ("confirmed", "")


# The deadline


def pass_deadline(appointment):
    Appointment.objects.filter(pk=appointment.pk).update(answer_by=database_now())


def test_cancel_unanswered_after_deadline_cancels_appointment_and_frees_slot(pending, lab, hold_time, at):
    assert cancel_unanswered() == 0
    pass_deadline(pending)

    assert cancel_unanswered() == 1

    assert reload_status(pending) == ("cancelled", "not_acknowledged")
    event = Event.objects.filter(subject_id=pending.pk).last()
    assert (event.kind, event.actor, event.data) == ("appointment.cancelled", "worker", {"reason": "not_acknowledged"})
    hold_time(at(9))
    assert cancel_unanswered() == 0


def test_cancel_unanswered_withdraws_booking_from_approver(book, lab, at):
    lab.behaviour = "forgets to answer"
    appointment = book(at(9))
    assert lab.live().keys() == {str(appointment.pk)}
    pass_deadline(appointment)

    cancel_unanswered()
    lab.behaviour = "answers"
    run_until_done()

    assert lab.live() == {}
    assert reload_status(appointment) == ("cancelled", "not_acknowledged")


def test_answer_confirmed_after_deadline_cancels_appointment_and_withdraws_booking(pending, lab, send_answer):
    pass_deadline(pending)

    assert send_answer(pending, "confirmed").json()["data"] == {
        "appointment_id": str(pending.pk),
        "status": "cancelled",
    }

    assert reload_status(pending) == ("cancelled", "not_acknowledged")
    lab.behaviour = "answers"
    lab.bookings[str(pending.pk)] = {"status": "confirmed", "version": 3, "times_booked": 1}
    run_until_done()
    assert lab.live() == {}


def test_answer_confirmed_for_cancelled_appointment_withdraws_booking_again(pending, lab, send_answer):
    cancel(pending, reason="other", actor="patient")
    run_until_done()
    OutboxMessage.objects.all().delete()
    lab.behaviour = "answers"
    lab.bookings[str(pending.pk)] = {"status": "confirmed", "version": 3, "times_booked": 1}

    assert send_answer(pending, "confirmed").json()["data"]["status"] == "cancelled"

    run_until_done()
    assert lab.live() == {}


def test_confirm_by_staff_after_deadline_raises_wrong_state_and_cancels_appointment(pending):
    pass_deadline(pending)

    with pytest.raises(WrongState) as refusal:
        confirm_by_staff(pending, actor="staff:1")

    assert refusal.value.state == "cancelled"
    assert reload_status(pending) == ("cancelled", "not_acknowledged")


# Answers that the approver posts


def test_answer_confirmed_confirms_pending_appointment(pending, lab, send_answer):
    response = send_answer(pending, "confirmed", provider_id="UP-7")

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


def test_answer_repeated_changes_nothing(pending, send_answer):
    send_answer(pending, "confirmed")
    with nothing_changes():
        for message_id in ("m1", "m2"):
            assert send_answer(pending, "confirmed", message_id=message_id).status_code == 200


def test_answers_reserved_then_confirmed_move_status_and_mail_once(pending, send_answer):
    for status in ("reserved", "confirmed", "reserved"):
        assert send_answer(pending, status).status_code == 200

    story = Event.objects.filter(subject_id=pending.pk, actor="provider:lab").values_list("from_status", "to_status")
    assert list(story) == [("pending", "reserved"), ("reserved", "confirmed")]
    mails = OutboxMessage.objects.filter(kind__startswith="email.").order_by("created_at")
    assert list(mails.values_list("kind", flat=True)) == ["email.appointment_requested", "email.appointment_confirmed"]


def test_answer_refused_cancels_pending_appointment(pending, send_answer, lab):
    assert send_answer(pending, "refused").json()["data"]["status"] == "cancelled"

    assert reload_status(pending) == ("cancelled", "declined")
    with nothing_changes():
        send_answer(pending, "refused")


def test_answers_in_progress_and_completed_follow_visit(pending, send_answer):
    begin(pending)
    statuses = [
        send_answer(pending, status).json()["data"]["status"] for status in ("confirmed", "in_progress", "completed")
    ]

    assert statuses == ["confirmed", "in_progress", "completed"]


@pytest.mark.parametrize("agreed", [[], ["confirmed"]])
@pytest.mark.parametrize("status", ["in_progress", "completed", "no_show"])
def test_answer_about_visit_that_has_not_begun_is_ignored_with_one_event(agreed, status, pending, send_answer, lab):
    for each in agreed:
        send_answer(pending, each)
    before = reload_status(pending)

    said = send_answer(pending, status).json()["data"]["status"]
    with nothing_changes():
        send_answer(pending, status)

    event = Event.objects.filter(subject_id=pending.pk).latest("sequence")
    assert (event.kind, event.actor, event.data) == ("provider.ignored", "provider:lab", {"status": status})
    assert (event.to_status, event.announcement) == ("", None)
    assert reload_status(pending) == before
    assert said == before[0]


def test_answers_out_of_order_never_move_status_back(pending, send_answer):
    begin(pending)
    assert send_answer(pending, "in_progress").json()["data"]["status"] == "in_progress"
    with nothing_changes():
        for status in ("confirmed", "reserved", "refused"):
            assert send_answer(pending, status).json()["data"]["status"] == "in_progress"
    send_answer(pending, "completed")
    with nothing_changes():
        for status in ("in_progress", "confirmed", "cancelled"):
            assert send_answer(pending, status).json()["data"]["status"] == "completed"


def test_answer_cancelled_after_confirmation_cancels_appointment_and_frees_slot(pending, send_answer):
    send_answer(pending, "confirmed")

    assert send_answer(pending, "cancelled").json()["data"]["status"] == "cancelled"
    assert reload_status(pending) == ("cancelled", "declined")
    assert Slot.objects.count() == 0


def test_answer_to_version_before_reschedule_changes_nothing(pending, send_answer, dana, harbour, at):
    asked = Event.objects.filter(subject_id=pending.pk).count()
    reschedule(pending, OpeningRequest(pending.service, at(10), dana, harbour, is_remote=False), actor="erin")

    with nothing_changes():
        assert send_answer(pending, "confirmed", version=asked).json()["data"]["status"] == "pending"
    assert send_answer(pending, "confirmed", version=asked + 1).json()["data"]["status"] == "confirmed"


def test_answer_to_earlier_version_during_reschedule_changes_nothing(elsewhere, book, lab, dana, harbour, at):
    lab.behaviour = "down"
    pending = book(at(9))
    asked, seen = get_latest_sequence(pending.pk), Appointment.objects.select_related("provider").get()

    with transaction.atomic():
        reschedule(pending, OpeningRequest(pending.service, at(10), dana, harbour, is_remote=False), actor="erin")
        answered = elsewhere(approval_sync.apply_decision, seen, "confirmed", version=asked)
        wait_until(somebody_waits_for_us)

    answered.result(30)
    assert reload_status(pending) == ("pending", "")


def test_answer_without_valid_signature_of_its_approver_changes_nothing(pending, send_answer, lab):
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
            response = send_answer(pending, "confirmed", **forgery)
            assert (response.status_code, response.json()["code"]) == (401, "bad-signature")
        address = f"/api/providers/{lab.provider.pk}/answers"
        body = {"appointment_id": str(pending.pk), "status": "confirmed"}
        assert Client().post(address, body, "application/json").status_code == 401
        headers = signatures.sign([lab.secret], message_id="m1", at=database_now(), body=b"{}")
        assert Client().post(address, body, "application/json", headers=headers).status_code == 401
        # Validly signed, but for an appointment of another approver, or for none.
        assert send_answer(pending, "confirmed", provider=other, secret=other.secret).status_code == 404
        assert send_answer(uuid4(), "confirmed").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"nonsense", b'{"status": "confirmed"}', b'{"appointment_id": "1", "status": "confirmed"}'],
)
def test_answer_with_malformed_body_is_400_and_changes_nothing(body, send_answer, lab):
    with nothing_changes():
        response = send_answer(None, None, body=body)
    assert (response.status_code, response.json()["code"]) in [(400, "validation"), (400, "malformed")]


def test_answer_with_unknown_status_or_field_is_400_and_changes_nothing(pending, send_answer):
    with nothing_changes():
        assert send_answer(pending, "pending").status_code == 400
        assert send_answer(pending, "confirmed", surprise=1).status_code == 400


# What the approver is notified of


@pytest.fixture
def confirmed(book, at):
    """Alice's appointment at nine, confirmed by the lab."""
    appointment = book(at(9))
    assert appointment.status == "confirmed"
    return appointment


def test_confirmation_by_approver_enqueues_no_sync(confirmed):
    assert list_messages("provider.sync") == []


def test_cancel_is_synced_to_approver(confirmed, lab):
    cancel(confirmed, reason="patient_unwell", actor="patient")
    run_until_done()

    assert lab.bookings[str(confirmed.pk)]["status"] == "cancelled"


def test_reschedule_is_synced_to_approver(confirmed, lab, dana, harbour, at):
    reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, harbour, is_remote=False), actor="erin")
    run_until_done()

    [booking] = lab.live().values()
    assert booking["start_time"] == at(10).isoformat()
    assert reload_status(confirmed) == ("confirmed", "")


def test_reschedule_refused_by_approver_stands_and_staff_get_mail(
    confirmed, lab, send_answer, dana, harbour, at, erin, morgan, danas_browser, mailoutbox
):
    StaffMember.objects.create(user=morgan.user, has_all_locations=False)  # works elsewhere
    User.objects.update(email=Concat("username", Value("@clinic.example")))
    mailoutbox.clear()
    lab.behaviour = "refuses"
    reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, harbour, is_remote=False), actor="erin")
    run_until_done()

    assert reload_status(confirmed) == ("confirmed", "")
    assert confirmed.starts_at == at(10)
    assert list_messages("provider.sync") == [
        ("failed", "The provider refuses what we have: somebody has to talk to them.")
    ]
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
        send_answer(confirmed, "refused")

    assert get_refused_at(confirmed)
    send_answer(confirmed, "confirmed")
    assert not get_refused_at(confirmed)
    with nothing_changes():
        send_answer(confirmed, "confirmed")


def test_delayed_sync_does_not_overwrite_later_cancellation(confirmed, lab, dana, harbour, at):
    reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, harbour, is_remote=False), actor="erin")
    lab.behaviour = "down"
    run_until_done()
    cancel(confirmed, reason="other", actor="patient")
    lab.behaviour = "answers"
    run_until_done()

    assert lab.live() == {}
    assert lab.put(str(confirmed.pk), {"version": 4})[1] == 409


def test_cancellation_that_never_arrives_fails_with_last_error(confirmed, lab):
    lab.behaviour = "down"
    cancel(confirmed, reason="other", actor="patient")
    run_until_done()
    run_until_done()

    assert list_messages("provider.sync") == [("failed", "HTTP 503")]


def test_confirm_by_staff_is_synced_to_approver(pending, lab):
    lab.behaviour = "answers"
    confirm_by_staff(pending, actor="staff:1")
    run_until_done()

    assert lab.live().keys() == {str(pending.pk)}
    assert reload_status(pending) == ("confirmed", "")


def test_annotate_enqueues_no_sync(confirmed, lab):
    annotate(confirmed, actor="staff:1", notes="Brings her daughter.")
    assert list_messages("provider.sync") == []


def test_reschedule_to_location_without_approver_raises_not_offered_and_changes_nothing(
    confirmed, dana, consultation, at
):
    mill_lane = Location.objects.create(name="Mill Lane", timezone="Europe/London", city="London")
    for hours in WorkingHours.objects.all():
        hours.pk, hours.location, hours._state.adding = None, mill_lane, True
        hours.save()
    with nothing_changes(), pytest.raises(NotOffered):
        reschedule(confirmed, OpeningRequest(confirmed.service, at(10), dana, mill_lane, is_remote=False), actor="erin")


def test_reschedule_of_pending_appointment_moves_deadline_before_new_start(pending, dana, harbour, at):
    Appointment.objects.update(answer_by=pending.starts_at)
    pending.refresh_from_db()
    earlier = at(9) - timedelta(days=1)

    reschedule(pending, OpeningRequest(pending.service, earlier, dana, harbour, is_remote=False), actor="erin")

    assert Appointment.objects.get().answer_by == earlier


# The verbs


@pytest.mark.parametrize("verb", [decline, confirm_by_staff])
def test_decision_after_completion_raises_wrong_state_and_changes_nothing(verb, pending):
    acknowledge(pending, "confirmed", actor="staff:1")
    complete(begin(pending), actor="dana")

    with nothing_changes(), pytest.raises(WrongState):
        verb(pending, actor="staff:1")


# Privacy


def test_approval_sync_writes_no_patient_value_into_messages_events_or_logs(book, lab, at, send_answer, caplog):
    caplog.set_level(logging.DEBUG)
    lab.behaviour = "down"
    appointment = book(at(9))
    run_until_done()
    send_answer(appointment, "confirmed")
    cancel(appointment, reason="other", actor="patient")
    run_until_done()

    written = str(rows(OutboxMessage)) + str(rows(Event)) + caplog.text
    assert "503" in written
    for value in ("Alice", "Archer", "alice@", "2079460123", "1985", lab.url, lab.secret):
        assert value not in written

"""Bookings that another system must acknowledge, through the API: each way it can behave."""

from datetime import timedelta

import pytest
from django.conf import settings

from booking.dev.upstream import BEHAVIOURS, StandIn
from booking.domain.approvals import ProviderUnavailable, obtain_approval
from booking.domain.confirmation import confirm_hold
from booking.domain.holds import move_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Event, Hold, IdempotentAnswer, OutboxMessage, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Location, Slot
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

PERSON = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}
SHORT_TIMEOUT = {"sync_confirmation_timeout_millisecond": 1000}
ASYNC = SHORT_TIMEOUT | {"async_confirmation": True}


@pytest.fixture
def opening(consultation, dana, harbour, at):
    """Nine o'clock with Dana."""
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


@pytest.fixture
def hold(api, opening):
    """The id of a hold that the server has placed, of nine o'clock with Dana."""
    return api.post("/holds", opening).json()["data"]["id"]


@pytest.fixture
def confirm(api, hold):
    """Confirm the hold: ``confirm(async_confirmation=True)``."""
    return lambda headers={}, **body: api.post(f"/holds/{hold}/confirm", {"patient": PERSON, **body}, **headers)


@pytest.fixture
def book(api, opening, lab):
    """Book nine o'clock without a hold."""
    return lambda headers={}, **body: api.post("/appointments", {**opening, "patient": PERSON, **body}, **headers)


def told(response):
    data = response.json()["data"]
    return response.status_code, data["status"], data["provider"], data["provider_id"]


def problem(response):
    return response.status_code, response.json()["code"]


def is_hold_live():
    hold = Hold.objects.get()
    return hold.is_live(database_now()) and not Appointment.objects.exists()


def make_withdrawals_due():
    """Make waiting withdrawals due now."""
    OutboxMessage.objects.filter(kind="provider.take_back").update(due_at=database_now())


def test_confirm_with_an_approver_that_agrees_is_201_confirmed(lab, confirm, hold):
    response = confirm()

    assert told(response) == (201, "confirmed", "lab", f"UP-{hold[:8]}")
    assert lab.live().keys() == {hold}


def test_confirm_with_an_approver_that_reserves_is_201_reserved(lab, confirm, hold):
    lab.behaviour = "reserves"

    assert told(confirm()) == (201, "reserved", "lab", f"UP-{hold[:8]}")


def test_approver_is_told_who_comes_and_when(lab, confirm, hold, consultation, dana, harbour, at):
    asked = []
    lab.put = lambda id, wanted: (asked.append(wanted), (0, 200, {"status": "confirmed"}))[1]

    confirm(attendee_name="Al Archer", attendee_phone="020 7946 0001", notes="My left knee.")

    assert asked == [
        {
            "id": hold,
            "version": 2,
            "start_time": at(9).isoformat(),
            "end_time": at(9, 30).isoformat(),
            "timezone": "Europe/London",
            "is_remote": False,
            "service": {"id": str(consultation.pk), "slug": "consultation", "name": "Consultation"},
            "clinician": {"id": str(dana.pk), "name": "Dana Reed"},
            "location": {"id": str(harbour.pk), "name": "Harbour Street"},
            "attendee": {
                "name": "Al Archer",
                "date_of_birth": "1985-04-12",
                "email": "alice@example.org",
                "phone": "+442079460001",
            },
            "order": None,
            "callback_url": f"http://127.0.0.1:9/api/providers/{lab.provider.pk}/answers",
        }
    ]


def test_confirm_with_an_approver_that_refuses_is_409_and_keeps_the_hold(lab, confirm):
    lab.behaviour = "refuses"

    assert problem(confirm()) == (409, "provider-refused")
    assert is_hold_live()
    assert lab.live() == {}


@pytest.mark.parametrize("behaviour", ["slow", "hangs", "down", "forgets to answer", "never decides"])
def test_confirm_without_the_approvers_answer_is_502_and_withdraws_the_request(behaviour, lab, confirm):
    lab.behaviour = behaviour

    assert problem(confirm(**SHORT_TIMEOUT)) == (502, "provider-unavailable")
    assert is_hold_live()

    lab.behaviour = "answers"
    assert run_what_is_due() == 0
    make_withdrawals_due()
    run_what_is_due()
    assert lab.live() == {}
    assert is_hold_live()


@pytest.mark.parametrize("behaviour", ["slow", "hangs", "down", "forgets to answer", "never decides", "decides later"])
def test_async_confirm_without_the_approvers_answer_is_202_pending(behaviour, lab, confirm, hold):
    lab.behaviour = behaviour

    response = confirm(**ASYNC)

    assert told(response)[:3] == (202, "pending", "lab")
    appointment = Appointment.objects.get()
    in_time = appointment.answer_by - appointment.created_at
    assert timedelta(minutes=15) <= in_time + timedelta(seconds=2) < timedelta(minutes=15, seconds=4)
    assert Slot.objects.get().expires_at == appointment.answer_by
    lab.behaviour = "answers"
    lab.bookings.clear()
    assert run_what_is_due() >= 1
    appointment.refresh_from_db()
    assert (appointment.status, appointment.provider_reference) == ("confirmed", f"UP-{hold[:8]}")
    make_withdrawals_due()
    run_what_is_due()
    assert lab.live().keys() == {hold}


def test_async_confirm_sets_how_long_the_appointment_may_be_pending(lab, confirm):
    lab.behaviour = "down"

    confirm(**ASYNC, async_confirmation_timeout_millisecond=60_000)

    appointment = Appointment.objects.get()
    assert appointment.answer_by - appointment.created_at < timedelta(seconds=61)


@pytest.mark.parametrize(
    "field, value",
    [
        ("sync_confirmation_timeout_millisecond", 999),
        ("sync_confirmation_timeout_millisecond", 10_001),
        ("async_confirmation_timeout_millisecond", 59_999),
        ("async_confirmation_timeout_millisecond", 172_800_001),
        ("async_confirmation", "true"),
        ("sync_confirmation_timeout_millisecond", "2500"),
    ],
)
def test_confirm_with_a_timeout_out_of_range_is_400(field, value, lab, confirm):
    response = confirm(**{field: value})

    assert problem(response) == (400, "validation")
    assert response.json()["errors"][0]["pointer"] == f"#/{field}"
    assert lab.bookings == {}


def test_repeated_confirm_does_not_ask_the_approver(lab, confirm):
    first = confirm(**ASYNC)
    lab.behaviour = "down"
    again = confirm(**ASYNC)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["data"] == first.json()["data"]
    assert Event.objects.filter(kind="provider.asked").count() == 1


def test_repeated_confirm_of_a_pending_appointment_is_202(lab, confirm):
    lab.behaviour = "down"

    assert [told(confirm(**ASYNC))[:2] for _ in range(2)] == [(202, "pending")] * 2
    assert Appointment.objects.count() == 1


def test_confirm_after_a_refusal_asks_the_approver_again(lab, confirm, hold):
    for behaviour, answer in [("down", 502), ("refuses", 409), ("answers", 201)]:
        lab.behaviour = behaviour
        assert confirm(**SHORT_TIMEOUT).status_code == answer

    make_withdrawals_due()
    run_what_is_due()
    assert lab.live().keys() == {hold}
    assert Appointment.objects.get().status == "confirmed"


@pytest.fixture
def asked(lab, hold):
    """The hold of the server, and what the lab has answered; what is made of it is up to the test."""
    found = Hold.objects.get()
    approval = obtain_approval(found, patient=Patient(**PERSON), actor="key:1")
    assert (approval.acknowledgement.status, lab.live().keys()) == ("confirmed", {hold})
    return found, approval


def test_approval_request_of_a_crashed_caller_is_withdrawn(lab, asked):
    make_withdrawals_due()
    run_what_is_due()

    assert (lab.live(), is_hold_live()) == ({}, True)


def test_caller_that_resumes_after_its_request_was_withdrawn_books_nothing(lab, asked, confirm, hold):
    held, approval = asked
    make_withdrawals_due()
    run_what_is_due()

    with nothing_changes(), pytest.raises(ProviderUnavailable):
        confirm_hold(held, patient=Patient(**PERSON), actor="key:1", approval=approval)

    assert confirm().status_code == 201
    assert lab.live().keys() == {hold}


def test_approval_of_another_time_books_nothing(asked, dana, harbour, at):
    held, approval = asked
    move_hold(held, OpeningRequest(held.service, at(10), dana, harbour, is_remote=False), actor="key:1")

    with nothing_changes(), pytest.raises(ProviderUnavailable):
        confirm_hold(held, patient=Patient(**PERSON), actor="key:1", approval=approval)


@pytest.mark.parametrize("there", ["nobody", "another lab"])
def test_approval_request_is_withdrawn_after_the_hold_moved(there, lab, confirm, api, hold, dana, at):
    lab.behaviour = "forgets to answer"
    assert problem(confirm(**SHORT_TIMEOUT)) == (502, "provider-unavailable")
    assert lab.live().keys() == {hold}
    mill = Location.objects.create(name="Mill Lane", address_line_1="1 Mill Lane", city="London")
    dana.working_hours.update(location=mill)

    with StandIn(secret=lab.secret) as other:
        if there == "another lab":
            settings.PRIVATE_HOSTS += [other.url.removeprefix("http://")]
            Provider.objects.create(
                name="Another", slug="another", kind="upstream", url=f"{other.url}/", secret=lab.secret
            ).locations.add(mill)
        moved = api.post(f"/holds/{hold}/move", {"location_id": str(mill.pk), "start_time": at(10).isoformat()})
        booked = confirm()
        assert (moved.status_code, booked.status_code, booked.json()["data"]["status"]) == (200, 201, "confirmed")

        lab.behaviour = "answers"
        make_withdrawals_due()
        run_what_is_due()
        assert lab.live() == {}
        assert other.live().keys() == ({hold} if there == "another lab" else set())


def test_hold_about_to_expire_lives_until_the_approvers_answer(lab, confirm):
    lab.behaviour = "slow"
    lab.speed = 2
    soon = database_now() + timedelta(seconds=1)
    Hold.objects.update(expires_at=soon)
    Slot.objects.update(expires_at=soon)

    assert confirm().status_code == 201


def test_repeated_approval_requests_do_not_extend_a_hold_without_end(lab, confirm):
    lab.behaviour = "refuses"
    for _ in range(5):
        confirm()
    Hold.objects.update(expires_at=database_now() + timedelta(seconds=2))
    expires_at = Hold.objects.get().expires_at

    assert problem(confirm()) == (409, "provider-refused")
    assert Hold.objects.get().expires_at == expires_at


# Once, however often it is sent


def test_repeated_confirm_under_one_idempotency_key_asks_once(lab, confirm):
    first, again = (confirm({"idempotency_key": "k1"}) for _ in range(2))

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Event.objects.filter(kind="provider.asked").count() == 1


def test_approvers_refusal_is_stored_but_a_missing_answer_is_not(lab, confirm):
    lab.behaviour = "down"
    assert confirm({"idempotency_key": "k1"}, **SHORT_TIMEOUT).status_code == 502
    lab.behaviour = "refuses"
    assert confirm({"idempotency_key": "k1"}, **SHORT_TIMEOUT).status_code == 409
    lab.behaviour = "answers"
    again = confirm({"idempotency_key": "k1"}, **SHORT_TIMEOUT)
    assert (problem(again), again.headers["Idempotent-Replayed"]) == ((409, "provider-refused"), "true")


def test_confirm_with_outdated_etag_is_412_without_asking(lab, api, hold):
    etag = api.get(f"/holds/{hold}").headers["ETag"]
    api.post(f"/holds/{hold}/extend")
    assert problem(api.post(f"/holds/{hold}/confirm", {"patient": PERSON}, if_match=etag)) == (412, "changed-meanwhile")
    assert lab.bookings == {}
    etag = api.get(f"/holds/{hold}").headers["ETag"]
    assert api.post(f"/holds/{hold}/confirm", {"patient": PERSON}, if_match=etag).status_code == 201


# Without a hold


def test_direct_booking_asks_the_approver(book, lab):
    response = book()

    id = response.json()["data"]["id"]
    assert told(response) == (201, "confirmed", "lab", f"UP-{id[:8]}")
    assert lab.live().keys() == {id}


@pytest.mark.parametrize(
    "behaviour, body, answer",
    [
        ("refuses", {}, (409, "provider-refused")),
        ("down", SHORT_TIMEOUT, (502, "provider-unavailable")),
    ],
)
def test_failed_direct_booking_with_an_approver_leaves_nothing(behaviour, body, answer, book, lab):
    lab.behaviour = behaviour

    assert problem(book(**body)) == answer
    assert (Slot.objects.count(), Appointment.objects.count()) == (0, 0)


def test_approval_request_of_a_direct_booking_is_withdrawn_before_its_time_is_free(book, lab):
    lab.behaviour = "forgets to answer"
    assert problem(book(**SHORT_TIMEOUT)) == (502, "provider-unavailable")
    lab.behaviour = "answers"
    run_what_is_due()
    assert lab.live() == {}

    assert told(book())[:2] == (201, "confirmed")
    make_withdrawals_due()
    run_what_is_due()
    assert len(lab.live()) == 1
    assert lab.faults == []


def test_approval_request_of_a_released_hold_is_withdrawn(confirm, hold, api, lab):
    lab.behaviour = "forgets to answer"
    assert problem(confirm(**SHORT_TIMEOUT)) == (502, "provider-unavailable")
    assert api.delete(f"/holds/{hold}").status_code == 200
    lab.behaviour = "answers"
    run_what_is_due()
    assert lab.live() == {}


def test_async_direct_booking_without_the_approvers_answer_is_202_pending(book, lab):
    lab.behaviour = "down"

    assert told(book(**ASYNC))[:2] == (202, "pending")


def test_crashed_direct_booking_is_resumed_under_its_idempotency_key(book, lab, api):
    """It had placed its hold and asked. The same request, sent again, books that very time."""
    lab.behaviour = "down"
    died = book({"idempotency_key": "k1"}, **ASYNC)
    assert died.status_code == 202
    undo_its_last_transaction(left=timedelta(seconds=10))

    lab.behaviour = "answers"
    again = book({"idempotency_key": "k1"}, **ASYNC)

    assert told(again)[:2] == (201, "confirmed")
    assert again.json()["data"]["id"] == died.json()["data"]["id"]
    assert lab.live().keys() == {died.json()["data"]["id"]}


def test_crashed_direct_booking_whose_hold_has_lapsed_is_made_anew(book, lab):
    lab.behaviour = "down"
    died = book({"idempotency_key": "k1"}, **ASYNC)
    undo_its_last_transaction(left=-timedelta(seconds=1))

    lab.behaviour = "answers"
    again = book({"idempotency_key": "k1"}, **ASYNC)

    assert told(again)[:2] == (201, "confirmed")
    assert again.json()["data"]["id"] != died.json()["data"]["id"]
    make_withdrawals_due()
    run_what_is_due()
    assert lab.live().keys() == {again.json()["data"]["id"]}


def undo_its_last_transaction(*, left):
    """Leave what one leaves that dies before it: a hold, for as long as ``left`` says, and the lab asked."""
    IdempotentAnswer.objects.all().delete()
    OutboxMessage.objects.exclude(kind="provider.take_back").delete()
    Hold.objects.update(status="active", expires_at=database_now() + left)
    Slot.objects.update(expires_at=database_now() + left)
    Appointment.objects.get().delete()


def test_unanswered_direct_booking_is_resumed_under_its_idempotency_key(book, lab):
    """It was booked, and the answer lost: to ask for that time under another id would be to ask for it twice."""
    lab.behaviour = "forgets to answer"
    assert problem(book({"idempotency_key": "k1"}, **SHORT_TIMEOUT)) == (502, "provider-unavailable")
    [asked_for] = lab.live()
    lab.behaviour = "answers"

    again = book({"idempotency_key": "k1"}, **SHORT_TIMEOUT)

    assert told(again) == (201, "confirmed", "lab", f"UP-{asked_for[:8]}")
    make_withdrawals_due()
    run_what_is_due()
    assert lab.live().keys() == {again.json()["data"]["id"]} == {asked_for}
    assert (lab.bookings[asked_for]["times_booked"], lab.faults) == (1, [])


def test_unanswered_direct_booking_that_is_not_repeated_frees_its_time(book, lab):
    lab.behaviour = "down"
    assert problem(book({"idempotency_key": "k1"}, **SHORT_TIMEOUT)) == (502, "provider-unavailable")
    [hold] = Hold.objects.all()
    assert hold.expires_at - database_now() < timedelta(seconds=11)


def test_refused_direct_booking_holds_no_time(book, lab):
    lab.behaviour = "refuses"
    assert problem(book({"idempotency_key": "k1"}, **SHORT_TIMEOUT)) == (409, "provider-refused")
    assert Slot.objects.count() == 0


# Other approvers


def test_confirm_with_staff_as_approver_is_202_at_once(lab, harbour, confirm):
    lab.provider.kind = "staff"
    lab.provider.save()

    response = confirm()

    assert told(response) == (202, "pending", "lab", "")
    appointment = Appointment.objects.get()
    assert appointment.answer_by == appointment.created_at + timedelta(minutes=15)
    assert lab.bookings == {}


def test_staff_approval_is_due_before_the_appointment_starts(lab, book, at, api):
    lab.provider.kind = "staff"
    lab.provider.save()

    response = book(async_confirmation_timeout_millisecond=172_800_000)

    assert response.status_code == 202
    appointment = Appointment.objects.get()
    assert appointment.answer_by == min(appointment.created_at + timedelta(days=2), appointment.starts_at)


def test_approver_of_the_service_precedes_that_of_the_location(lab, consultation, confirm):
    own = Provider.objects.create(name="The clinic", slug="clinic", kind="clinic")
    own.services.add(consultation)

    assert told(confirm()) == (201, "confirmed", "clinic", "")
    assert lab.bookings == {}


def test_inactive_approver_is_not_asked(lab, confirm):
    lab.provider.is_active = False
    lab.provider.save()

    assert told(confirm()) == (201, "confirmed", None, "")


def test_approver_is_told_the_address_of_an_order(lab, api, order, at, dana, harbour):
    order.address_line_1, order.postcode = "1 Mill Lane", "E1 7AA"
    order.save()
    asked = []
    lab.put = lambda id, wanted: (asked.append(wanted), (0, 200, {"status": "confirmed"}))[1]

    opening = {"clinician_id": str(dana.pk), "location_id": str(harbour.pk), "start_time": at(9).isoformat()}
    response = api.post(f"/orders/{order.pk}/book", opening)

    assert response.status_code == 201
    assert response.json()["data"]["external_id"] == "LAB-7"
    assert asked[0]["order"] == {
        "id": str(order.pk),
        "external_id": "LAB-7",
        "address": {
            "line_1": "1 Mill Lane",
            "line_2": "",
            "unit": "",
            "city": "",
            "state": "",
            "postcode": "E1 7AA",
            "country": "",
        },
    }


def test_approver_tests_cover_all_stand_in_behaviours():
    tried = {
        "answers",
        "reserves",
        "refuses",
        "slow",
        "hangs",
        "down",
        "forgets to answer",
        "never decides",
        "decides later",
    }
    assert set(BEHAVIOURS) - tried == {"twice", "late"}  # those are in test_answering

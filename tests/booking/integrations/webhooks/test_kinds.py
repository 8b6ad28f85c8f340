"""Webhook events: all kinds occur and carry ids, times and status, but no person's details."""

import json
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from booking.domain import patients
from booking.domain.appointments import cancel, complete, mark_arrived, mark_no_show
from booking.domain.erasure import erase_patient, restrict_patient
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import extend_hold, move_hold, release_hold
from booking.domain.orders import cancel_order, change_order, create_order
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.webhooks.endpoints import TEST, send_test
from booking.models import Appointment, Event, Hold, OutboxMessage, WebhookEndpoint
from patients.models import Patient, PossibleDuplicate
from tests.booking.admin.pages import run_action, url
from tests.booking.api.test_schema import DOCUMENT, check, resolve
from tests.ledger import begin, lapse
from tests.outbox import run_what_is_due

# The members that a payload may have; a person appears only as an id.
MEMBERS = {
    "id",
    "status",
    "appointment_type_id",
    "clinician_id",
    "location_id",
    "start_time",
    "end_time",
    "is_remote",
    "patient_id",
    "order_id",
    "expires_at",
    "sequence",
    "merged_id",
    "reason",
    "changed",
    "from",
    "to",
}


def list_payloads():
    """Return the deliveries' payloads in the order of their events."""
    payloads = [delivery.payload for delivery in OutboxMessage.objects.filter(kind="webhook.event")]
    ids = {(str(event.subject_id), event.sequence): event.pk for event in Event.objects.all()}
    return sorted(payloads, key=lambda payload: ids[payload["data"]["id"], payload["data"]["sequence"]])


@pytest.fixture
def bob(db):
    """Return Bob, who may be a duplicate of Alice."""
    return Patient(first_name="Bob", last_name="Brown", date_of_birth="1990-02-28", email="bob@example.org")


def rename(patient):
    patient.first_name = "Alicia"
    return patient


@pytest.fixture
def cause_all_events(hold_time, book, at, consultation, dana, harbour, alice, bob):
    """Return a function that makes every kind of event occur."""

    def cause_all_events():
        hold = hold_time(at(9))
        extend_hold(hold, actor="patient")
        opening = partial(OpeningRequest, consultation, clinician=dana, location=harbour, is_remote=False)
        move_hold(hold, opening(at(10)), actor="patient")
        release_hold(hold, actor="patient")
        lapse(hold_time(at(9)))
        expire_stale_holds()
        appointment = book(at(9))
        reschedule(appointment, opening(at(11)), actor="erin")
        mark_arrived(begin(appointment), actor="erin")
        complete(appointment, actor="erin")
        kept = appointment.patient
        mark_no_show(begin(book(at(13), patient=kept)), actor="erin")
        cancel(book(at(14), patient=kept), reason="patient_unwell", note="Alice has a cold.", actor="erin")
        patients.archive(kept, actor="erin")
        patients.restore(kept, actor="erin")
        patients.change(kept.pk, rename, actor="erin")
        order = create_order(patient=kept, service=consultation, actor="erin")
        change_order(order, external_id="LAB-8", actor="erin")
        cancel_order(order, actor="erin")
        patients.merge(keep=kept, duplicate=patients.register(bob, actor="erin"), actor="erin")
        patients.unmerge(bob, actor="erin")
        eve = patients.register(Patient(first_name="Eve", last_name="Ash"), actor="erin")
        restrict_patient(eve.pk, reason="Eve has a cold.", actor="morgan")
        erase_patient(eve.pk, actor="morgan")

    return cause_all_events


def test_event_kinds_all_occur(endpoint, cause_all_events):
    cause_all_events()
    assert {body["type"] for body in list_payloads()} == set(WebhookEndpoint.Kind.values)


def test_event_kinds_can_be_subscribed_one_by_one(receiver, endpoint, cause_all_events):
    for kind in WebhookEndpoint.Kind.values:
        WebhookEndpoint.objects.create(url=receiver.url, events=[kind], description=kind)
    cause_all_events()
    for kind in WebhookEndpoint.Kind.values:
        only = WebhookEndpoint.objects.get(description=kind)
        assert {delivery.payload["type"] for delivery in only.deliveries.all()} == {kind}


def test_webhook_payload_has_no_personal_details(endpoint, cause_all_events):
    cause_all_events()
    for body in list_payloads():
        assert set(body) == {"type", "timestamp", "data"}
        assert set(body["data"]) <= MEMBERS
        text = str(body).lower()
        for secret in ("alice", "archer", "bob", "example.org", "1985-04-12", "2079460123", "cold", "+442079460123"):
            assert secret not in text


def test_webhook_has_time_and_sequence_of_its_event(endpoint, cause_all_events):
    cause_all_events()
    events = Event.objects.filter(kind__in=WebhookEndpoint.Kind.values).order_by("pk")
    assert [
        (body["type"], body["timestamp"], body["data"]["id"], body["data"]["sequence"]) for body in list_payloads()
    ] == [(event.kind, event.created_at.isoformat(), str(event.subject_id), event.sequence) for event in events]


def test_webhook_has_status_after_its_event(endpoint, cause_all_events):
    cause_all_events()
    by_kind = {body["type"]: body["data"].get("status") for body in list_payloads()}
    assert by_kind == {
        "hold.placed": "active",
        "hold.extended": "active",
        "hold.moved": "active",
        "hold.released": "released",
        "hold.expired": "expired",
        "appointment.created": "confirmed",
        "appointment.rescheduled": "confirmed",
        "appointment.updated": "in_progress",
        "appointment.completed": "completed",
        "appointment.no_show": "no_show",
        "appointment.cancelled": "cancelled",
        "order.created": None,
        "order.updated": None,
        "order.cancelled": None,
        "patient.created": None,
        "patient.updated": None,
        "patient.archived": None,
        "patient.restored": None,
        "patient.merged": None,
        "patient.unmerged": None,
        "patient.restricted": None,
        "patient.erased": None,
    }


def test_rescheduled_webhook_has_new_time_and_old_start(endpoint, cause_all_events, at):
    cause_all_events()
    times = {
        body["type"]: {name: body["data"][name] for name in ("from", "to", "start_time", "end_time")}
        for body in list_payloads()
        if body["type"] in ("appointment.rescheduled", "hold.moved")
    }
    nine, ten, half_past_ten, eleven, half_past_eleven = (
        at(hour, minute).isoformat() for hour, minute in ((9, 0), (10, 0), (10, 30), (11, 0), (11, 30))
    )
    assert times == {
        "hold.moved": {"from": nine, "to": ten, "start_time": ten, "end_time": half_past_ten},
        "appointment.rescheduled": {"from": nine, "to": eleven, "start_time": eleven, "end_time": half_past_eleven},
    }


def test_hold_extended_webhook_has_new_expiry(endpoint, hold_time, at):
    hold = hold_time(at(9))
    Hold.objects.update(expires_at=hold.expires_at - timedelta(minutes=5))
    extend_hold(hold, actor="patient")
    placed, extended = list_payloads()
    assert extended["data"]["expires_at"] == Hold.objects.get().expires_at.isoformat()
    assert placed["data"]["expires_at"] != extended["data"]["expires_at"]


def test_deliveries_are_as_openapi_says(receiver, endpoint, cause_all_events):
    cause_all_events()
    send_test(endpoint)
    while run_what_is_due():
        pass

    bodies = [json.loads(body) for _, _, _, body in receiver.requests]
    assert {body["type"] for body in bodies} == set(DOCUMENT["webhooks"]) == {*WebhookEndpoint.Kind.values, TEST}
    for body in bodies:
        request = DOCUMENT["webhooks"][body["type"]]["post"]["requestBody"]["content"]["application/json"]
        check(body, forbid_others(request["schema"]))
        check(request["example"], forbid_others(request["schema"]))


def forbid_others(reference):
    """Return the schema of a body that has no member which OpenAPI does not tell of."""
    body = resolve(reference)
    data = {**resolve(body["properties"]["data"]), "additionalProperties": False}
    return {**body, "properties": {**body["properties"], "data": data}, "additionalProperties": False}


# Events from admin


@pytest.fixture
def erin(db, django_user_model):
    """Erin at reception."""
    user = django_user_model.objects.create_user("erin", is_staff=True)
    user.groups.add(Group.objects.get(name="reception"))
    browser = Client()
    browser.force_login(user)
    browser.user = user
    return browser


def test_patient_added_in_admin_is_announced(endpoint, erin):
    forms = {
        f"{prefix}-{name}": "0"
        for prefix in ("needs", "consents", "appointments", "orders")
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    person = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}
    assert erin.post(url("patients_patient", "add"), person | forms).status_code == 302
    bob = Patient.objects.get()
    [body] = list_payloads()
    assert (body["type"], body["data"]) == ("patient.created", {"id": str(bob.pk), "sequence": 1})
    assert Event.objects.get().actor == f"staff:{erin.user.pk}"


def test_patients_merged_in_admin_are_announced(endpoint, erin, alice, bob):
    alice.save()
    bob.save()
    pair = PossibleDuplicate.objects.create(patient=alice, other=bob, reason="same name")
    run_action(erin, "patients_possibleduplicate", "merge_into_first", pair, confirmed="yes")
    assert [(body["type"], body["data"]) for body in list_payloads()] == [
        ("patient.merged", {"id": str(alice.pk), "merged_id": str(bob.pk), "sequence": 1})
    ]
    assert Event.objects.get().actor == f"staff:{erin.user.pk}"
    assert not Appointment.objects.exists()

"""Junction's own SDKs, from the first user to the last cancellation: only base address and key are ours."""

import json
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from booking.access.api_keys import create_key
from booking.access.signatures import make_secret, verify
from booking.dev.upstream import StandIn
from booking.integrations.webhooks.endpoints import create_endpoint
from booking.models import ApiKey, Appointment, ClientUser, Order, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Location, Service, Slot
from tests.failures.programs import free_port, installation
from tests.failures.visitor import answers
from tests.receivers import Receiver, answer
from tests.waiting import wait_until

HERE = Path(__file__).parent
PYTHON = {"junction": ("junction-api-sdk==2.0.0", "Junction"), "vital": ("vital==2.1.569", "Vital")}
NODE = "@tryvital/vital-node@3.1.551"
ADDRESS = {"first_line": "4 Mill Lane", "city": "Leeds", "state": "West Yorkshire"}
PATIENT = {
    "first_name": "Alice",
    "last_name": "Archer",
    "dob": "1985-04-12",
    "gender": "female",
    "email": "alice@example.org",
    "phone_number": "+442079460123",
}
WAIT = {"async_confirmation": True, "sync_confirmation_timeout_millisecond": 1000}


class SdkError(Exception):
    """The SDK has raised an error: ``status``, ``body`` and its class's ``name``."""

    def __init__(self, said):
        self.name, self.status, self.body = said["error"], said["status"], said["body"]
        super().__init__(said["text"])


class Sdk:
    """An SDK in a process of its own: ``sdk("lab_tests.get_order", id)`` returns the value, read by its types."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, name, id=None, *, unknown=(), further=None, **arguments):
        wanted = {"call": name, "id": id and str(id), "arguments": arguments}
        if further:
            wanted |= self.write_further(wanted, further)
        return self.ask(wanted, unknown)

    def write_further(self, wanted, further):
        """Members that the SDK may have no type for: these of Python take them as arguments."""
        return {"arguments": wanted["arguments"] | further}

    def parse(self, name, body):
        return self.ask({"parse": name, "body": body})

    def ask(self, wanted, unknown=()):
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        if "error" in said:
            raise SdkError(said)
        assert set(said["unknown"]) <= set(unknown)
        return said["value"]


class NodeSdk(Sdk):
    def write_further(self, wanted, further):
        return {"further": further}


@pytest.fixture
def lab(transactional_db, settings, tmp_path, consultation, dana):
    """A clinic with all its programs, beside a laboratory that has to agree once it is asked: ``lab.stand_in``."""
    Location.objects.update(latitude="51.5187", longitude="-0.0734")
    Service.objects.update(metadata={"sample_type": "serum"})
    with (
        installation(connection.settings_dict["NAME"], tmp_path) as clinic,
        StandIn(secret=make_secret()) as stand_in,
        Receiver(answer(204, body=b"")) as receiver,
    ):
        hosts, address = [stand_in.url.removeprefix("http://"), receiver.netloc], f"127.0.0.1:{free_port()}"
        settings.PRIVATE_HOSTS, clinic.url = hosts, f"http://{address}"
        clinic.environment |= {"PRIVATE_HOSTS": ",".join(hosts), "SITE_URL": clinic.url}
        clinic.run("web", BIND=address, WEB_PROCESSES="1")
        wait_until(lambda: answers(f"{clinic.url}/healthz/live"))
        clinic.stand_in, clinic.receiver = stand_in, receiver
        yield clinic


@pytest.fixture(params=["junction", "vital", "vital-node"])
def sdk(request, lab, python_with, node_with):
    """Each of the SDKs, with a key of all scopes."""
    _, key = create_key(name="the lab's client", kind="secret", scopes=ApiKey.Scope.values)
    base = f"{lab.url}/junction"
    if request.param in PYTHON:
        package, client = PYTHON[request.param]
        sdk = Sdk(python_with(package), HERE / "call_junction.py", request.param, client, base, key)
    else:
        sdk = NodeSdk("node", HERE / "call_junction.mjs", node_with(NODE), base, key)
    sdk.name = request.param
    yield sdk
    sdk.process.kill()
    sdk.process.wait()


@pytest.fixture
def order(sdk, consultation):
    """Create an order for a visit at home of Alice's: ``order()``; other words are further members."""
    user = sdk("user.create", client_user_id="alice-7")

    def order(collection_method="at_home_phlebotomy", **more):
        created = sdk(
            "lab_tests.create_order",
            user_id=user["user_id"],
            lab_test_id=str(consultation.pk),
            collection_method=collection_method,
            patient_details=PATIENT,
            patient_address={**ADDRESS, "zip": "LS1 4AP", "country": "GB"},
            **more,
        )
        assert created["order"]["user_id"] == user["user_id"]
        return created["order"]

    return order


@pytest.fixture
def get_booking_key(sdk, day, at):
    """Return the booking key of a time that the SDK is offered: ``get_booking_key(at(9))``."""

    def get_booking_key(start, **query):
        if query:
            found = sdk("lab_tests.get_psc_appointment_availability", start_date=str(day), **query)
        else:
            address = {**ADDRESS, "zip_code": "LS1 4AP"}
            body = {"body": address} if sdk.name == "vital-node" else address  # what is not the address's stands beside
            found = sdk("lab_tests.get_phlebotomy_appointment_availability", start_date=str(day), **body)
        slots = [slot for each in found["slots"] for slot in each["slots"]]
        [key] = [slot["booking_key"] for slot in slots if is_at(slot["start"], start)]
        return key

    return get_booking_key


def is_at(text, moment):
    return datetime.fromisoformat(text.replace("Z", "+00:00")) == moment


# Users, lab tests, areas


def test_junction_sdk_knows_users_by_both_ids(sdk):
    created = sdk("user.create", client_user_id="alice-7")
    user = sdk("user.get", created["user_id"])
    assert (user["client_user_id"], user["connected_sources"]) == (created["client_user_id"], []) == ("alice-7", [])
    assert sdk("user.get_by_client_user_id", "alice-7") == user

    with pytest.raises(SdkError) as refused:
        sdk("user.create", client_user_id="alice-7")
    assert (refused.value.status, refused.value.body["detail"]["user_id"]) == (400, user["user_id"])

    sdk("user.patch", user["user_id"], client_user_id="alice-8")
    assert sdk("user.get_by_client_user_id", "alice-8") == {**user, "client_user_id": "alice-8"}
    assert ClientUser.objects.get().patient is None


def test_junction_sdk_lists_lab_tests_and_what_is_near(sdk, consultation, harbour):
    [lab_test] = sdk("lab_tests.get")
    assert (lab_test["id"], lab_test["name"], lab_test["price"]) == (str(consultation.pk), "Consultation", 60.0)
    assert sdk("lab_tests.get_by_id", consultation.pk) == lab_test
    assert sdk("lab_tests.get_paginated", lab_test_limit=10)["data"] == [lab_test]

    area = sdk("lab_tests.get_area_info", zip_code="E1 6AN", unknown=["clinic"])
    assert (area["phlebotomy"]["is_served"], list(area["central_labs"])) == (True, ["clinic"])
    lab = sdk("lab_tests.get_psc_info", zip_code="E1 6AN", lab_id=1, unknown=["clinic"])
    assert [center["site_code"] for center in lab["patient_service_centers"]] == [str(harbour.pk)]


# The journey


def test_junction_sdk_orders_books_reschedules_and_cancels_at_home(sdk, order, get_booking_key, at):
    made = order(idempotency_key="once", idempotency_error="no-cache")
    assert order(idempotency_key="once", idempotency_error="no-cache") == made
    assert (made["status"], made["last_event"]["status"] if sdk.name == "junction" else None) in [
        ("received", "received.at_home_phlebotomy.ordered"),
        ("received", None),
    ]
    assert (Order.objects.count(), ClientUser.objects.get().patient) == (1, Patient.objects.get())

    notes = {"appointment_notes": "Ring twice"}
    booked = sdk(
        "lab_tests.book_phlebotomy_appointment",
        made["id"],
        booking_key=get_booking_key(at(9)),
        further=notes,
        unknown=["clinic"],
    )
    assert (booked["status"], booked["event_status"], booked["user_id"]) == ("confirmed", "scheduled", made["user_id"])
    assert is_at(booked["start_at"], at(9))
    assert booked["appointment_notes"] == Appointment.objects.get().notes == "Ring twice"
    assert sdk("lab_tests.get_phlebotomy_appointment", made["id"], unknown=["clinic"]) == booked

    moved = sdk(
        "lab_tests.reschedule_phlebotomy_appointment",
        made["id"],
        booking_key=get_booking_key(at(14)),
        unknown=["clinic"],
    )
    assert (moved["id"], is_at(moved["start_at"], at(14))) == (booked["id"], True)
    assert sdk("lab_tests.get_order", made["id"])["status"] == "collecting_sample"
    with pytest.raises(SdkError) as refused:
        sdk("lab_tests.cancel_order", made["id"])
    assert (refused.value.status, refused.value.body["detail"]) == (409, "That order has an appointment already.")

    reason = sdk("lab_tests.get_phlebotomy_appointment_cancellation_reason")[0]["id"]
    cancelled = sdk(
        "lab_tests.cancel_phlebotomy_appointment",
        made["id"],
        cancellation_reason_id=reason,
        notes="No car",
        unknown=["clinic"],
    )
    assert (cancelled["status"], Appointment.objects.get().cancellation_note) == ("cancelled", "No car")
    assert sdk("lab_tests.cancel_order", made["id"])["order"]["status"] == "cancelled"
    listed = sdk("lab_tests.get_orders", user_id=made["user_id"])
    assert [(each["id"], each["status"]) for each in listed["orders"]] == [(made["id"], "cancelled")]
    with pytest.raises(SdkError) as refused:
        sdk("lab_tests.book_phlebotomy_appointment", made["id"], booking_key=get_booking_key(at(9)))
    assert (refused.value.status, refused.value.body["detail"]) == (409, "That order is cancelled.")


def test_junction_sdk_books_reschedules_and_cancels_at_a_center(sdk, order, get_booking_key, at, harbour):
    made = order("walk_in_test")
    near = sdk("lab_tests.get_order_psc_info", made["id"], unknown=["clinic"])
    site = near["patient_service_centers"][0]["site_code"]
    query = {"site_codes": [site]} | ({} if sdk.name == "vital" else {"lab": "quest"})

    once = {"idempotency_key": "once", "idempotency_error": "no-cache"} if sdk.name == "junction" else {}
    key = get_booking_key(at(9), **query)
    calls = [
        sdk("lab_tests.book_psc_appointment", made["id"], booking_key=key, unknown=["clinic"], **once)
        for _ in range(2 if once else 1)
    ]
    booked = calls[0]
    assert calls == [booked] * len(calls)
    assert (booked["type"], booked["address"]["city"]) == ("patient_service_center", harbour.city)
    assert sdk("lab_tests.get_psc_appointment", made["id"], unknown=["clinic"]) == booked

    key = get_booking_key(at(14), **query)
    moved = sdk("lab_tests.reschedule_psc_appointment", made["id"], booking_key=key, unknown=["clinic"])
    assert is_at(moved["start_at"], at(14))
    reason = sdk("lab_tests.get_psc_appointment_cancellation_reason")[0]["id"]
    cancelled = sdk("lab_tests.cancel_psc_appointment", made["id"], cancellation_reason_id=reason, unknown=["clinic"])
    assert cancelled["status"] == "cancelled"


# An approver that takes its time


@pytest.fixture
def provider(lab, consultation):
    """The laboratory's stand-in has to agree to every consultation, and clients may simulate what it says."""
    provider = Provider.objects.create(
        name="The lab", slug="getlabs", kind="stand_in", url=lab.stand_in.url, secret=lab.stand_in.secret
    )
    provider.services.add(consultation)
    yield provider
    assert lab.stand_in.faults == []


def let_deadline_pass():
    """Let the time pass that an approver has for the appointments that are pending."""
    past = database_now() - timedelta(milliseconds=1)
    pending = Appointment.objects.filter(status="pending")
    Slot.objects.filter(appointment__in=pending).update(expires_at=past)
    pending.update(answer_by=past)


def test_junction_sdk_sees_pending_reserved_confirmed_and_cancelled_appointments(
    sdk, lab, order, provider, get_booking_key, at
):
    endpoint = create_endpoint(url=lab.receiver.url, format="junction")
    lab.run_workers()

    def book(order, hour, **more):
        key = get_booking_key(at(hour))
        return sdk("lab_tests.book_phlebotomy_appointment", order["id"], booking_key=key, further=more)

    def has_become(order, status):
        wait_until(lambda: Appointment.objects.filter(order=order["id"], status=status).exists())
        return sdk("lab_tests.get_phlebotomy_appointment", order["id"])["status"] == status

    # Nobody answers within the first time: nothing is booked.
    lab.stand_in.behaviour = "never decides"
    first = order()
    with pytest.raises(SdkError) as refused:
        book(first, 9)
    assert (refused.value.status, refused.value.body) == (500, {"detail": "The provider has not answered in time."})
    assert not Appointment.objects.exists()
    wait_until(lambda: not lab.stand_in.live())  # the laboratory is told

    # Nor within the second: what was pending is cancelled.
    assert book(first, 9, **WAIT)["status"] == "pending"
    let_deadline_pass()
    assert has_become(first, "cancelled")
    wait_until(lambda: not lab.stand_in.live())

    # Reserved at once, confirmed later.
    lab.stand_in.behaviour = "reserves"
    second = order()
    assert book(second, 10)["status"] == "reserved"
    assert has_become(second, "confirmed")

    # Pending, and confirmed when the laboratory has decided.
    lab.stand_in.behaviour = "decides later"
    third = order()
    assert book(third, 11, **WAIT)["status"] == "pending"
    assert has_become(third, "confirmed")

    # Asked for without a time, and decided by the client itself.
    lab.stand_in.behaviour = "never decides"
    fourth = order()
    address = {**ADDRESS, "zip_code": "LS1 4AP"}
    asked = sdk("lab_tests.request_phlebotomy_appointment", fourth["id"], address=address, provider="getlabs")
    assert asked["status"] == "pending"
    status = "collecting_sample.at_home_phlebotomy.appointment_scheduled"
    sdk("lab_tests.simulate_order_process", fourth["id"], final_status=status)
    assert has_become(fourth, "confirmed")

    # And of all this the webhooks tell, in the types of the SDK.
    told = wait_until(
        lambda: read_webhooks(sdk, lab.receiver, endpoint, count=len(list_expected(first, second, third, fourth)))
    )
    assert sorted(told) == sorted(list_expected(first, second, third, fourth))


def list_expected(first, second, third, fourth):
    """Return what is told of the orders and their appointments: (order, event, status)."""
    created, updated = "labtest.appointment.created", "labtest.appointment.updated"
    return [
        *((order["id"], "labtest.order.created", "received") for order in (first, second, third, fourth)),
        (first["id"], created, "pending"),
        (first["id"], updated, "cancelled"),
        (second["id"], created, "reserved"),
        (second["id"], updated, "confirmed"),
        (third["id"], created, "pending"),
        (third["id"], updated, "confirmed"),
        (fourth["id"], created, "pending"),
        (fourth["id"], updated, "confirmed"),
    ]


def read_webhooks(sdk, receiver, endpoint, *, count):
    """Return what a receiver was told as (order, event, status), read by the SDK; None until it is ``count``."""
    told = {}
    for _, _, headers, body in receiver.requests:
        verify(endpoint.secret, headers, body, database_now())
        content = json.loads(body)
        if content["event_type"].startswith("labtest.order."):
            event = sdk.parse("ClientFacingOrderChanged", content)
            order_id = event["data"]["id"]
        else:
            event = sdk.parse("ClientFacingAppointmentChanged", content)
            order_id = event["data"]["order_id"]
        assert event["client_user_id"] == "alice-7"
        told[headers["webhook-id"]] = (order_id, event["event_type"], event["data"]["status"])
    return list(told.values()) if len(told) >= count else None

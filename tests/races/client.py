"""One client of a crowd, in a process of its own, and its acts.

Each act prepares, as a web request does by loading what its address names, and returns the verb to
call when everybody starts. What the verb returns must be comparable: the crowd counts it.
"""

import gc
import logging
from datetime import date
from functools import partial
from time import perf_counter
from typing import NamedTuple
from unittest import mock

import django
import psutil

django.setup()  # in the server that all clients are forked from

from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from booking.domain import (  # noqa: E402
    booking_rules,
    confirmation,
    direct_booking,
    expiry,
    holds,
    orders,
    overrides,
    patients,
    rescheduling,
    scarcity,
    slot_selection,
    undoing,
)
from booking.models import Appointment, ClientUser, Hold, Networks, Order  # noqa: E402
from booking.outbox import queue  # noqa: E402
from booking.outbox.handlers import HANDLERS  # noqa: E402
from patients.models import Patient  # noqa: E402
from scheduling import slots  # noqa: E402
from scheduling.lib import clock  # noqa: E402
from scheduling.models import Clinician, Location, Service  # noqa: E402

get_resolver().url_patterns  # noqa: B018 - loads all views
gc.freeze()  # what has been loaded stays shared between all of them


def serve(pipe, go, database):
    """Perform acts until told to leave."""
    connection.settings_dict["NAME"] = database
    connection.connect()
    processes = [psutil.Process(), psutil.Process(connection.connection.info.backend_pid)]
    while (act := pipe.recv()) is not None:
        prepare, arguments = act
        verb = prepare(**arguments)
        pipe.send("ready")
        go.wait()
        used, started = get_processor_time(processes), perf_counter()
        try:
            what = verb()
        except Exception as error:  # noqa: BLE001 - the crowd counts every failure
            what = type(error).__name__
        seconds = perf_counter() - started
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")  # makes the deadlock counter current
        pipe.send((what, seconds, get_processor_time(processes) - used))
    connection.close()


def get_processor_time(processes):
    """Return the processor time that the processes have used."""
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes)


# Acts


def hold(*, service, clinician, location, starts_at, holder, replaces=None, limit=None):
    service, location = Service.objects.get(pk=service), Location.objects.get(pk=location)
    clinician = Clinician.objects.get(pk=clinician)
    replaces = replaces and Hold.objects.get(pk=replaces)

    def verb():
        holds.place_hold(
            slot_selection.OpeningRequest(service, starts_at, clinician, location, is_remote=False),
            holder=holds.Holder(holder),
            limits=holds.HoldLimits(live=limit),
            actor=holder,
            replaces=replaces,
        )
        return "held"

    return verb


def hold_online(*, service, clinician, location, starts_at, holder):
    """Hold as a visitor from the network ``holder``."""
    service, location = Service.objects.get(pk=service), Location.objects.get(pk=location)
    opening = slot_selection.OpeningRequest(
        service, starts_at, Clinician.objects.get(pk=clinician), location, is_remote=False
    )
    visitor = holds.Holder("visitor", scarcity.Visitor(Networks(holder)))

    def verb():
        held = holds.place_hold(opening, holder=visitor, limits=holds.UNLIMITED, actor="patient")
        return "to be verified" if held.must_verify else "at once"

    return verb


def hold_with_anyone(*, service, starts_at, holder):
    service = Service.objects.get(pk=service)
    place = partial(holds.place_hold, holder=holds.Holder(holder), actor=holder)
    return lambda: str(
        slot_selection.book_first_available(place, slot_selection.OpeningRequest(service, starts_at)).clinician_id
    )


def hold_without_lock(**arguments):
    """Hold with the clinician's lock switched off in this process."""
    verb = hold(**arguments)

    def without_lock():
        unlocked = slots.LOCK_UNLESS_TAKEN.replace("FOR NO KEY UPDATE", "")
        with (
            mock.patch.object(slots, "lock_clinician", lambda clinician_id: clock.database_now()),
            mock.patch.object(slots, "LOCK_UNLESS_TAKEN", unlocked),
        ):
            return verb()

    return without_lock


def reschedule(*, appointment, clinician, starts_at, version=None):
    found = Appointment.objects.select_related("service", "clinician", "location").get(pk=appointment)
    clinician = Clinician.objects.get(pk=clinician)

    def verb():
        rescheduling.reschedule(
            found,
            slot_selection.OpeningRequest(found.service, starts_at, clinician, found.location, is_remote=False),
            actor="erin",
            expected_version=version,
        )
        return "rescheduled"

    return verb


ANY_RULE = overrides.Override(list(booking_rules.Rule), "urgent")


def book_over(*, service, clinician, location, starts_at, holder):
    """Book for a new patient whose family name is ``holder``, whatever rule the time is against."""
    service, location = Service.objects.get(pk=service), Location.objects.get(pk=location)
    clinician = Clinician.objects.get(pk=clinician)
    patient = Patient(first_name="Alice", last_name=holder, date_of_birth=date(1985, 4, 12), email="a@example.org")
    opening = slot_selection.OpeningRequest(service, starts_at, clinician, location, is_remote=False)

    def verb():
        booked = overrides.book_against_rules(
            opening, ANY_RULE, patient=patient, actor="erin", holder=holds.Holder("erin")
        )
        return "over another" if booked.override_reason else "booked"

    return verb


def move_over(*, appointment, clinician, starts_at):
    """Move an appointment, whatever rule the time is against."""
    found = Appointment.objects.select_related("service", "clinician", "location", "slot").get(pk=appointment)
    clinician = Clinician.objects.get(pk=clinician)
    opening = slot_selection.OpeningRequest(found.service, starts_at, clinician, found.location, is_remote=False)

    def verb():
        moved = overrides.move_against_rules(found, opening, ANY_RULE, actor="erin")
        return "over another" if moved.override_reason else "moved"

    return verb


def undo_cancellation(*, appointment):
    related = ("service", "clinician", "location", "patient", "provider")
    found = Appointment.objects.select_related(*related).get(pk=appointment)

    def verb():
        undoing.undo_cancellation(found, actor="erin")
        return "undone"

    return verb


def claim_messages(*, due_by):
    """Claim what is due then, as the relay does."""

    def verb():
        queue.claim(jobs=list(HANDLERS), due_by=due_by)
        return "claimed"

    return verb


def confirm(*, hold, email):
    found = Hold.objects.select_related("service", "clinician", "location").get(pk=hold)
    patient = Patient(first_name="Alice", last_name="Archer", date_of_birth=date(1985, 4, 12), email=email)

    def verb():
        confirmation.confirm_hold(found, patient=patient, actor=email)
        return "confirmed"

    return verb


def confirm_for_its_patient(*, hold, must_be_free=False):
    found = Hold.objects.select_related("service", "clinician", "location", "patient").get(pk=hold)

    def verb():
        confirmation.confirm_hold(found, patient=found.patient, actor="key:1", must_be_free=must_be_free)
        return "confirmed"

    return verb


def merge(*, keep, duplicate):
    keep, duplicate = Patient.objects.get(pk=keep), Patient.objects.get(pk=duplicate)

    def verb():
        patients.merge(keep=keep, duplicate=duplicate, actor="erin")
        return "merged"

    return verb


def confirm_order(*, hold):
    found = Hold.objects.select_related("service", "clinician", "location", "order__patient").get(pk=hold)

    def verb():
        confirmation.confirm_hold(found, patient=found.order.patient, actor="patient")
        return "confirmed"

    return verb


def make_booking(*, order, clinician, location, starts_at):
    found = Order.objects.select_related("service", "patient").get(pk=order)
    clinician, location = Clinician.objects.get(pk=clinician), Location.objects.get(pk=location)

    def verb():
        direct_booking.book_directly(
            slot_selection.OpeningRequest(found.service, starts_at, clinician, location, is_remote=False),
            patient=found.patient,
            order=found,
            holder=holds.Holder("the practice"),
            actor="key:1",
        )
        return "booked"

    return verb


def create_order(*, user, service, first_name):
    user = ClientUser.objects.select_related("patient").get(pk=user)
    service = Service.objects.get(pk=service)
    patient = Patient(
        first_name=first_name, last_name="Archer", date_of_birth=date(1985, 4, 12), email="archer@example.org"
    )

    def verb():
        orders.create_order(patient=patient, service=service, client_user=user, actor="key:1")
        return "ordered"

    return verb


def cancel_order(*, order):
    found = Order.objects.get(pk=order)

    def verb():
        orders.cancel_order(found, actor="key:1")
        return "cancelled"

    return verb


def release(*, hold):
    found = Hold.objects.get(pk=hold)

    def verb():
        holds.release_hold(found, actor="patient")
        return "released"

    return verb


def extend(*, hold):
    found = Hold.objects.select_related("location").get(pk=hold)

    def verb():
        holds.extend_hold(found, actor="patient")
        return "extended"

    return verb


def expire():
    def verb():
        expiry.expire_stale_holds()
        return "swept"

    return verb


def lock_rows(*, first, second):
    """Lock two clinicians in the given order, which can deadlock."""

    def verb():
        with transaction.atomic():
            slots.lock_clinician(first)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.2)")
            slots.lock_clinician(second)
        return "locked"

    return verb


class Answer(NamedTuple):
    """The response of a request to the API."""

    status: int
    body: bytes
    headers: tuple


def call(*, method, path, key, body=None, patient=True, base="/api/v1", **headers):
    """Make a request to the API, as the web server would; with ``patient``, retry while a duplicate is in flight."""
    logging.disable()
    client = Client(SERVER_NAME="localhost")
    client.get("/api/v1/nothing")  # warms up what a web server has loaded already
    headers = {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): text for name, text in headers.items()}

    def verb():
        for _ in range(5 if patient else 1):
            response = client.generic(method, f"{base}{path}", body or b"", "application/json", headers=headers)
            if b'"idempotency-key-in-flight"' not in response.content:
                break
        compared = {name: response[name] for name in COMPARED_HEADERS if name in response}
        return Answer(response.status_code, response.content, tuple(compared.items()))

    return verb


COMPARED_HEADERS = ["Location", "ETag", "Cache-Control", "Content-Type", "Retry-After", "Idempotent-Replayed"]

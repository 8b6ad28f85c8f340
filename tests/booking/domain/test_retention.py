"""What time takes away: where bookings came from, and who asked for what nobody confirmed."""

from datetime import timedelta

import pytest
from django.db import connection

from booking.domain import retention
from booking.domain.audit import record_event
from booking.domain.confirmation import confirm_hold
from booking.domain.expiry import cancel_unanswered
from booking.domain.holds import release_hold
from booking.domain.orders import create_order
from booking.domain.retention import forget_lapsed_requests, forget_origins
from booking.models import Appointment, Erasure, Hold, Provider
from booking.models.enums import EventKind
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.ledger import nothing_changes

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NOBODY = ("", "", "", "")


@pytest.fixture
def desk(consultation):
    """The front desk, which confirms each appointment within 15 minutes."""
    provider = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    provider.services.add(consultation)
    return provider


@pytest.fixture
def lapse_request(desk, hold_time):
    """Ask for a time, of which nobody says anything, and let ``hours`` pass: ``lapse_request(at(9), alice)``."""

    def lapse_request(starts_at, patient, *, hours=25, actor="patient"):
        contact = {"name": "Alice Archer", "email": "alice@example.org", "phone": "+442079460123"}
        hold = hold_time(starts_at)
        made = confirm_hold(hold, patient=patient, attendee=contact, notes="My knee.", actor=actor)
        past = database_now() - timedelta(seconds=1)
        Appointment.objects.filter(pk=made.pk).update(answer_by=past)
        Slot.objects.filter(appointment=made).update(expires_at=past)
        cancel_unanswered()
        Appointment.objects.filter(pk=made.pk).update(updated_at=database_now() - hours * HOUR)
        made.refresh_from_db()
        return made

    return lapse_request


def get_contact(appointment):
    appointment.refresh_from_db()
    return (
        appointment.attendee_name,
        appointment.attendee_email,
        appointment.attendee_phone,
        appointment.notes,
    )


# Where bookings came from


def place(hold_time, starts_at, *, holder="visitor"):
    hold = hold_time(starts_at, network="a" * 64, holder=holder)
    Hold.objects.filter(pk=hold.pk).update(
        network_56="b" * 64, network_48="c" * 64, page="clinic.example", verified_email="d" * 64
    )
    return hold


def age(hold, hours):
    Hold.objects.filter(pk=hold.pk).update(updated_at=database_now() - hours * HOUR)


def get_origin(hold):
    hold.refresh_from_db()
    return hold.holder, hold.network, hold.network_56, hold.network_48, hold.page, hold.verified_email


def test_ended_holds_forget_after_two_days_where_they_came_from(hold_time, at, alice):
    released, confirmed = place(hold_time, at(9)), place(hold_time, at(10))
    of_key = place(hold_time, at(11), holder="key:7")
    release_hold(released, actor="patient")
    release_hold(of_key, actor="key:7")
    confirm_hold(confirmed, patient=alice, actor="patient")
    with connection.cursor() as cursor:  # as the releases before have written them
        cursor.execute("UPDATE booking_hold SET visitor = 'v', holder = 'e' WHERE id = %s", [released.pk])
    for hold in (released, confirmed, of_key):
        age(hold, 49)

    assert forget_origins() == 3

    assert get_origin(released) == get_origin(confirmed) == ("visitor", "", "", "", "", "")
    assert get_origin(of_key) == ("key:7", "", "", "", "", "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM booking_hold WHERE visitor <> ''")
        assert cursor.fetchone() == (0,)
    assert forget_origins() == 0


def test_live_and_recently_ended_holds_keep_where_they_came_from(hold_time, at):
    live, recent = place(hold_time, at(9)), place(hold_time, at(10))
    release_hold(recent, actor="patient")
    age(live, 100)
    age(recent, 47)

    with nothing_changes():
        assert forget_origins() == 0


def test_origins_are_forgotten_in_batches_until_none_is_left(hold_time, at, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for hour in (9, 10, 11):
        hold = place(hold_time, at(hour))
        release_hold(hold, actor="patient")
        age(hold, 49)

    assert forget_origins() == 3
    assert not Hold.objects.exclude(network="").exists()


# Requests that nobody confirmed


def test_person_known_only_from_a_lapsed_request_is_erased(lapse_request, at, alice):
    request = lapse_request(at(9), alice)

    assert forget_lapsed_requests() == 1

    assert get_contact(request) == NOBODY
    [patient] = Patient.objects.all()
    assert (patient.first_name, patient.email, patient.phone, patient.date_of_birth) == ("", "", "", None)
    assert Erasure.objects.get().patient_id == patient.pk
    assert forget_lapsed_requests() == 0


def test_lapsed_request_of_a_known_patient_loses_only_what_was_written_with_it(lapse_request, at, alice):
    alice.save()
    request = lapse_request(at(9), alice)
    before = Patient.objects.values().get()

    assert forget_lapsed_requests() == 1

    assert get_contact(request) == NOBODY
    assert Patient.objects.values().get() == before


@pytest.mark.parametrize("hours", [0, 23])
def test_lapsed_request_keeps_its_contact_for_a_day(lapse_request, at, alice, hours):
    lapse_request(at(9), alice, hours=hours)

    with nothing_changes():
        assert forget_lapsed_requests() == 0


def keep_by_visit(patient, book, at):
    Provider.objects.update(is_active=False)
    return book(at(11), patient=patient)


def keep_by_recent_request(patient, book, at):
    visit = keep_by_visit(patient, book, at)
    Appointment.objects.filter(pk=visit.pk).update(
        status="cancelled", cancellation_reason="not_acknowledged", slot=None, updated_at=database_now()
    )


def keep_by_cancelled_visit(patient, book, at):
    visit = keep_by_visit(patient, book, at)
    Appointment.objects.filter(pk=visit.pk).update(
        status="cancelled", cancellation_reason="patient_request", slot=None, updated_at=database_now() - 999 * HOUR
    )


def keep_by_change(patient, book, at):
    record_event(patient, EventKind.PATIENT_UPDATED, actor="staff:1", at=database_now())


@pytest.mark.parametrize("keep", [keep_by_visit, keep_by_recent_request, keep_by_cancelled_visit, keep_by_change])
def test_person_with_anything_else_is_not_erased(lapse_request, at, alice, book, keep):
    request = lapse_request(at(9), alice)
    patient = Patient.objects.get()
    keep(patient, book, at)
    other = Appointment.objects.exclude(pk=request.pk).first()
    kept = other and get_contact(other)

    forget_lapsed_requests()

    assert get_contact(request) == NOBODY
    assert Patient.objects.get().email == "alice@example.org"
    assert (other and get_contact(other)) == kept
    assert not Erasure.objects.exists()


def test_person_with_an_order_is_not_erased(lapse_request, at, alice, consultation):
    lapse_request(at(9), alice)
    create_order(patient=Patient.objects.get(), service=consultation, actor="erin")

    forget_lapsed_requests()

    assert Patient.objects.get().email == "alice@example.org"


@pytest.mark.parametrize("actor", ["staff:1", "key:5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04"])
def test_person_whom_staff_or_a_server_wrote_down_is_not_erased(lapse_request, at, alice, actor):
    lapse_request(at(9), alice, actor=actor)

    forget_lapsed_requests()

    assert Patient.objects.get().email == "alice@example.org"


def test_restricted_person_keeps_everything(lapse_request, at, alice):
    lapse_request(at(9), alice)
    Patient.objects.update(restricted_at=database_now())

    with nothing_changes():
        assert forget_lapsed_requests() == 0


def test_what_looked_made_up_is_forgotten_with_its_invented_person(book, at, alice):
    made_up = book(at(9))
    Appointment.objects.update(
        status="cancelled", cancellation_reason="unusual", slot=None, updated_at=database_now() - 25 * HOUR
    )

    assert forget_lapsed_requests() == 1

    assert get_contact(made_up) == NOBODY
    assert Patient.objects.get().email == ""


@pytest.mark.parametrize("reason", ["declined", "patient_request", "clinic_closed"])
def test_other_cancelled_appointments_keep_who_was_to_come(book, at, alice, reason):
    book(at(9))
    Appointment.objects.update(
        status="cancelled", cancellation_reason=reason, slot=None, updated_at=database_now() - 999 * HOUR
    )

    with nothing_changes():
        assert forget_lapsed_requests() == 0

"""Every verb that changes an appointment, an order, a patient or a location says when: lists of changes go by it."""

import pytest

from booking.domain.appointments import (
    acknowledge,
    annotate,
    cancel,
    complete,
    decline,
    mark_arrived,
    mark_no_show,
)
from booking.domain.approval_sync import apply_decision
from booking.domain.expiry import cancel_unanswered
from booking.domain.locations import change_location
from booking.domain.orders import change_order, revoke_link, send_link
from booking.domain.patients import archive, change, merge, register, restore
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Slot


def assert_bumped(thing, verb):
    """Assert that the verb moves on what the row says of its latest change."""
    model, before = type(thing), type(thing).objects.get(pk=thing.pk).updated_at
    verb()
    assert model.objects.get(pk=thing.pk).updated_at > before


@pytest.mark.parametrize(
    "verb",
    [
        lambda visit: annotate(visit, actor="erin", notes="Knee."),
        lambda visit: cancel(visit, actor="erin", reason="other"),
        lambda visit: mark_arrived(visit, actor="erin"),
        lambda visit: complete(visit, actor="erin"),
        lambda visit: mark_no_show(visit, actor="erin"),
    ],
    ids=["annotate", "cancel", "mark_arrived", "complete", "mark_no_show"],
)
def test_change_of_confirmed_appointment_bumps_updated_at(verb, book_today):
    visit = book_today(9)
    Appointment.objects.filter(pk=visit.pk).update(starts_at="2020-01-01T00:00Z", ends_at="2100-01-01T00:00Z")
    assert_bumped(visit, lambda: verb(visit))


@pytest.mark.parametrize(
    "verb",
    [
        lambda visit: acknowledge(visit, "reserved", actor="erin"),
        lambda visit: acknowledge(visit, "confirmed", actor="erin"),
        lambda visit: decline(visit, actor="erin"),
    ],
    ids=["reserve", "confirm", "decline"],
)
def test_answer_to_pending_appointment_bumps_updated_at(verb, desk, book, at):
    visit = book(at(9))
    assert_bumped(visit, lambda: verb(visit))


def test_unanswered_appointment_that_is_cancelled_bumps_updated_at(desk, book, at):
    visit = book(at(9))
    Appointment.objects.update(answer_by=database_now())
    Slot.objects.update(expires_at=database_now())
    assert_bumped(visit, cancel_unanswered)


def test_reschedule_bumps_updated_at(book, hold_time, at, consultation, dana, harbour):
    visit = book(at(9))
    ten = OpeningRequest(service=consultation, clinician=dana, location=harbour, is_remote=False, starts_at=at(10))
    assert_bumped(visit, lambda: reschedule(visit, ten, actor="erin"))
    assert_bumped(visit, lambda: reschedule_to_hold(visit, hold_time(at(11)), actor="erin"))


def test_answers_of_approver_about_time_that_stands_bump_updated_at(book, at, consultation):
    visit = book(at(9))
    lab = Provider.objects.create(name="The lab", slug="lab", kind="upstream", url="https://lab.example/", secret="x")
    Appointment.objects.update(provider=lab)
    visit.refresh_from_db()
    assert_bumped(visit, lambda: apply_decision(visit, "refused"))
    assert_bumped(visit, lambda: apply_decision(visit, "confirmed"))


@pytest.mark.parametrize("verb", [send_link, revoke_link])
def test_link_of_order_bumps_updated_at(verb, order):
    send_link(order, actor="erin")
    assert_bumped(order, lambda: verb(order, actor="erin"))


def test_change_of_order_bumps_updated_at(order):
    assert_bumped(order, lambda: change_order(order, actor="erin", external_id="LAB-8"))


def rename(patient):
    patient.first_name = "Alicia"
    return patient


def test_change_archive_and_restore_of_patient_bump_updated_at(db, alice):
    register(alice, actor="erin")
    assert_bumped(alice, lambda: change(alice.pk, rename, actor="erin"))
    assert_bumped(alice, lambda: archive(alice, actor="erin"))
    assert_bumped(alice, lambda: restore(alice, actor="erin"))


def test_merge_bumps_updated_at_of_both_patients_and_of_what_moves(order, alice, book, at):
    appointment, bob = book(at(9), patient=alice), Patient(first_name="Bob", last_name="Stone")
    register(bob, actor="erin")
    for thing in (appointment, order, alice, bob):
        thing.refresh_from_db()

    merge(keep=bob, duplicate=alice, actor="erin")

    for thing in (appointment, order, alice, bob):
        assert type(thing).objects.get(pk=thing.pk).updated_at > thing.updated_at


def test_change_of_location_bumps_updated_at(harbour):
    assert_bumped(harbour, lambda: change_location(harbour, hold_seconds=600, actor="erin"))

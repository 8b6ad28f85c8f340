"""Booking and moving against the rules: which are found, what is written, and what stays refused."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from booking.access.signatures import make_secret
from booking.domain.appointments import cancel, mark_arrived
from booking.domain.booking_rules import Rule, find_broken_rules
from booking.domain.holds import Holder, place_hold, release_hold
from booking.domain.overrides import (
    Override,
    RulesBroken,
    TakenTwice,
    book_against_rules,
    get_override,
    move_against_rules,
)
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.models import Appointment, Event, OutboxMessage, Provider
from patients.models import Patient
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.clock import database_now
from scheduling.lib.constraints import get_violated_constraint
from scheduling.models import Location, Slot, TimeOff, WorkingHours
from scheduling.slots import SlotTaken
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

MINUTE = timedelta(minutes=1)
ANY = Override(rules=list(Rule), reason="urgent", note="In pain since Sunday")


@pytest.fixture
def opening(consultation, dana, harbour):
    """Return a request for a time with Dana: ``opening(at(9, 10))``."""

    def opening(starts_at, **changes):
        place = {"clinician": dana, "location": harbour, "is_remote": False} | changes
        return OpeningRequest(consultation, starts_at, **place)

    return opening


@pytest.fixture
def squeeze(opening):
    """Book a time for Bob against the rules: ``squeeze(at(9, 10))``."""

    def squeeze(starts_at, rules=ANY.rules, first_name="Bob", **changes):
        names = {"first_name": first_name, "last_name": "Baker", "email": "bob@example.org"}
        patient = Patient(**names, phone="+442079460124")
        override = Override(rules, ANY.reason, ANY.note)
        place = {name: changes.pop(name) for name in ("clinician", "location") if name in changes}
        request = opening(starts_at, **place)
        return book_against_rules(
            request, override, patient=patient, actor="staff:1", holder=Holder("staff:1"), **changes
        )

    return squeeze


def list_slots():
    return [
        (f"{slot.period.lower:%H:%M}", f"{slot.period.upper:%H:%M}", slot.lane, slot.is_double)
        for slot in Slot.objects.order_by("period", "lane")
    ]


@pytest.fixture(autouse=True)
def utc(harbour):
    """Harbour Street goes by UTC, so that the ledger and the clinic say the same time."""
    harbour.timezone = "UTC"
    harbour.save()


@pytest.fixture
def at(day):
    return lambda hour, minute=0: datetime.combine(day, time(hour, minute), UTC)


def test_broken_rules_are_found(opening, book, at, consultation, dana, harbour):
    consultation.buffer_after, consultation.notice = 10 * MINUTE, timedelta(days=1)
    consultation.save()
    book(at(9))
    TimeOff.objects.create(clinician=dana, starts_at=at(14), ends_at=at(15))
    found = {
        (hour, minute): sorted(find_broken_rules(opening(at(hour, minute))))
        for hour, minute in [(9, 0), (9, 30), (9, 40), (10, 0), (11, 45), (14, 0), (20, 0)]
    }

    assert found == {
        (9, 0): ["double"],
        (9, 30): ["buffer"],
        (9, 40): ["step"],
        (10, 0): [],
        (11, 45): ["hours"],
        (14, 0): ["time_off"],
        (20, 0): ["hours"],
    }
    assert find_broken_rules(opening(at(10)), now=at(9, 50)) == {Rule.NOTICE}
    assert find_broken_rules(opening(at(10)), now=at(10, 5)) == {Rule.BEGUN}
    assert find_broken_rules(opening(at(10)), now=at(10) - timedelta(days=90)) == {Rule.HORIZON}
    assert find_broken_rules(opening(at(9)), moving=Appointment.objects.get()) == set()


def test_nothing_overrides_what_is_not_given_there_or_another_day(opening, squeeze, at, bea, harbour, consultation):
    assert find_broken_rules(opening(at(9), clinician=bea)) == {Rule.HOURS}
    with nothing_changes():
        for moment in (at(9) - timedelta(days=9), at(9) + timedelta(days=3000)):
            with pytest.raises(NotOffered):
                squeeze(moment)
        bea.services.clear()
        with pytest.raises(NotOffered):
            squeeze(at(9), clinician=bea)


def test_booking_off_the_step_says_who_which_rules_and_why(squeeze, at):
    appointment = squeeze(at(9, 10), rules=["step"])

    assert list_slots() == [("09:10", "09:40", 0, False)]
    stored = Appointment.objects.values("status", "override_reason", "override_note", "slot_id").get()
    assert stored == {
        "status": "confirmed",
        "override_reason": "urgent",
        "override_note": "In pain since Sunday",
        "slot_id": appointment.slot_id,
    }
    kinds = Event.objects.filter(subject_id=appointment.pk).order_by("sequence")
    assert list(kinds.values_list("sequence", "kind", "actor", "data")) == [
        (1, "hold.placed", "staff:1", {}),
        (2, "hold.confirmed", "staff:1", {}),
        (3, "appointment.created", "staff:1", {}),
        (4, "appointment.overridden", "staff:1", {"rules": ["step"], "reason": "urgent"}),
    ]
    assert get_override(appointment) == Override(["step"], "urgent", "In pain since Sunday")
    assert [message.kind for message in OutboxMessage.objects.all()] == ["email.appointment_confirmed"]


def test_booking_against_no_rule_is_like_any_other(squeeze, at):
    appointment = squeeze(at(9))

    assert (appointment.override_reason, appointment.override_note, get_override(appointment)) == ("", "", None)
    assert not Event.objects.filter(kind="appointment.overridden").exists()


def test_rules_that_were_not_named_are_refused_and_change_nothing(squeeze, book, at):
    book(at(9))

    with nothing_changes(), pytest.raises(RulesBroken) as refusal:
        squeeze(at(9, 10), rules=["step"])

    assert refusal.value.rules == ["double"]


def test_double_booking_lies_in_lane_1_and_counts_for_all(squeeze, book, hold_time, opening, at, consultation):
    book(at(9))
    double = squeeze(at(9, 10), rules=["step", "double"])

    assert list_slots() == [("09:00", "09:30", 0, False), ("09:10", "09:40", 1, True)]
    with nothing_changes():
        for moment in (at(9), at(9, 30)):
            with pytest.raises(SlotTaken):
                hold_time(moment)
        with pytest.raises(TakenTwice):
            squeeze(at(9, 15), first_name="Cleo")
    offered = open_times(OpeningFilters(consultation), start_at=at(9), end_at=at(10, 30), now=database_now())
    assert [opening.starts_at for opening in offered] == [at(10)]
    # Alone it is no less in the way.
    cancel(Appointment.objects.exclude(pk=double.pk).get(), reason="other", actor="staff:1")
    for moment in (at(9), at(9, 30)):
        with nothing_changes(), pytest.raises(SlotTaken):
            hold_time(moment)


def test_double_bookings_may_follow_each_other_but_no_three_at_once(squeeze, book, at):
    book(at(9))
    for number, moment in enumerate([at(9, 15), at(9, 30), at(9, 45)]):
        squeeze(moment, first_name=["Cleo", "Dora", "Emil"][number])

    assert list_slots() == [
        ("09:00", "09:30", 0, False),
        ("09:15", "09:45", 1, True),
        ("09:30", "10:00", 0, True),
        ("09:45", "10:15", 1, True),
    ]
    with nothing_changes(), pytest.raises(TakenTwice):
        squeeze(at(9, 20), first_name="Fred")


def test_visit_over_double_one_that_is_alone_takes_lane_1_from_it(squeeze, book, at):
    first = book(at(9))
    squeeze(at(9), first_name="Cleo")
    cancel(first, reason="other", actor="staff:1")

    squeeze(at(9, 5), first_name="Dora")

    assert list_slots() == [("09:00", "09:30", 0, True), ("09:05", "09:35", 1, True)]


def test_squeezed_visit_takes_as_much_of_its_buffers_as_is_free(squeeze, book, at, consultation):
    consultation.buffer_before, consultation.buffer_after = 5 * MINUTE, 10 * MINUTE
    consultation.save()
    book(at(9))
    book(at(10, 30))

    squeeze(at(9, 35), rules=["step", "buffer"])  # 09:30 to 09:40 is the first one's buffer
    squeeze(at(11, 20), rules=["step", "buffer"], first_name="Cleo")

    assert list_slots() == [
        ("08:55", "09:40", 0, False),
        ("09:35", "10:15", 1, True),
        ("10:25", "11:10", 0, False),
        ("11:15", "12:00", 0, False),
    ]


def test_double_slot_needs_the_reason_of_its_appointment(squeeze, book, at):
    book(at(9))
    double = squeeze(at(9))

    for changes in ({"override_reason": ""}, {"slot": None, "status": "cancelled", "override_reason": ""}):
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            Appointment.objects.filter(pk=double.pk).update(**{"override_reason": ""} | changes)
            if "slot" in changes:
                Slot.objects.filter(pk=double.slot_id).update(taken_at=at(8))
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert get_violated_constraint(refusal.value) == "slot_double_has_reason"


def test_double_slot_is_not_left_behind_for_another_booking(squeeze, book, at):
    book(at(9))
    double = squeeze(at(9))
    rows = Appointment.objects.filter(pk=double.pk)

    for leave in (lambda: rows.update(slot=None, status="cancelled"), rows.delete):
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            leave()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert get_violated_constraint(refusal.value) == "slot_double_has_reason"

    cancel(double, reason="other", actor="staff:1")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert not Slot.objects.filter(is_double=True).exists()


def test_double_visit_moved_to_free_time_is_like_any_other(squeeze, book, opening, at):
    book(at(9))
    double = squeeze(at(9))
    with nothing_changes(), pytest.raises(SlotTaken):
        reschedule(
            double,
            opening(at(9), location=Location.objects.create(name="Mill", city="London", timezone="UTC")),
            actor="staff:1",
        )

    reschedule(double, opening(at(10)), actor="staff:1")

    assert list_slots() == [("09:00", "09:30", 0, False), ("10:00", "10:30", 0, False)]
    double.refresh_from_db()
    assert (double.override_reason, double.override_note) == ("", "")


def test_move_over_another_visit_and_back(squeeze, book, opening, at, alice):
    book(at(9))
    moved = squeeze(at(10), rules=[])
    OutboxMessage.objects.all().delete()

    with nothing_changes(), pytest.raises(RulesBroken):
        move_against_rules(moved, opening(at(9, 10)), Override([], "urgent"), actor="staff:1")
    move_against_rules(moved, opening(at(9, 10)), ANY, actor="staff:1", email=False)

    assert list_slots() == [("09:00", "09:30", 0, False), ("09:10", "09:40", 1, True)]
    assert not OutboxMessage.objects.exists()
    events = Event.objects.filter(subject_id=moved.pk, sequence__gt=3).order_by("sequence")
    assert list(events.values_list("kind", "data")) == [
        ("appointment.rescheduled", {"from": at(10).isoformat(), "to": at(9, 10).isoformat()}),
        ("appointment.overridden", {"rules": ["double", "step"], "reason": "urgent"}),
    ]
    # A little later it is still double, and then it is not.
    move_against_rules(moved, opening(at(9, 20)), ANY, actor="staff:1")
    assert list_slots() == [("09:00", "09:30", 0, False), ("09:20", "09:50", 1, True)]
    move_against_rules(moved, opening(at(9, 30)), ANY, actor="staff:1")
    assert list_slots() == [("09:00", "09:30", 0, False), ("09:30", "10:00", 0, False)]
    assert Appointment.objects.get(pk=moved.pk).override_reason == ""


@pytest.fixture
def noon(harbour, dana):
    """Let it be about noon at Harbour Street, where Dana works day and night; return the present minute."""
    now = database_now()
    harbour.timezone = f"Etc/GMT{now.hour - 12:+d}"
    harbour.save()
    WorkingHours.objects.update(start_time=time(0), end_time=time(0))
    return now.replace(second=0, microsecond=0)


def test_visit_that_has_begun_is_booked_and_moved_with_who_is_here(squeeze, opening, noon, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[])

    appointment = squeeze(noon - 5 * MINUTE)
    mark_arrived(appointment, actor="staff:1")
    move_against_rules(appointment, opening(noon - 5 * MINUTE, clinician=otis), ANY, actor="staff:1")

    assert (appointment.status, appointment.clinician_id) == ("in_progress", otis.pk)
    overridden = Event.objects.filter(kind="appointment.overridden").order_by("sequence")
    assert ["begun" in event.data["rules"] for event in overridden] == [True, True]
    # A patient who waits for it is sent no mail that it is moved.
    assert [message.kind for message in OutboxMessage.objects.all()] == ["email.appointment_confirmed"]


def test_visit_that_staff_approve_is_confirmed_once_it_has_begun(squeeze, desk, noon, at):
    assert squeeze(at(9, 10)).status == "pending"
    assert squeeze(noon, first_name="Cleo").status == "confirmed"


def test_visit_that_another_system_approves_is_asked_for_soon(squeeze, at, consultation):
    provider = Provider.objects.create(name="Lab", slug="lab", kind="upstream", secret=make_secret())
    provider.services.add(consultation)

    appointment = squeeze(at(9, 10))

    assert appointment.status == "pending"
    assert Slot.objects.get().expires_at == appointment.answer_by
    assert sorted(message.kind for message in OutboxMessage.objects.all()) == [
        "email.appointment_requested",
        "provider.sync",
    ]


def test_lapsed_and_unanswered_claims_are_no_double_booking(squeeze, hold_time, desk, at, book):
    hold_time(at(9))
    book(at(9, 30))
    past = database_now() - MINUTE
    Slot.objects.update(expires_at=past)
    Appointment.objects.update(answer_by=past)

    squeeze(at(9, 10), rules=["step"])

    assert list_slots()[0][2:] == (0, False)
    assert sorted(Appointment.objects.values_list("status", flat=True)) == ["cancelled", "pending"]


def test_held_time_is_doubled_knowingly(squeeze, hold_time, at):
    hold = hold_time(at(9))

    with nothing_changes(), pytest.raises(RulesBroken):
        squeeze(at(9), rules=[])
    squeeze(at(9))

    release_hold(hold, actor="patient")
    assert list_slots() == [("09:00", "09:30", 1, True)]


def test_override_has_one_of_the_reasons():
    for reason in ("", "because"):
        with pytest.raises(ValueError, match="is not a valid"):
            Override(["double"], reason)


def test_request_sent_twice_books_once(squeeze, at, order):
    first = squeeze(at(9), id=order.pk)

    assert squeeze(at(9), id=order.pk) == first
    assert Appointment.objects.count() == 1


def test_hold_moved_onto_double_visit_is_refused(squeeze, book, hold_time, opening, at):
    book(at(9))
    squeeze(at(9, 10))
    held = hold_time(at(10))

    with nothing_changes(), pytest.raises(SlotTaken):
        place_hold(opening(at(9, 30)), holder=Holder("alice's phone"), actor="patient", replaces=held)

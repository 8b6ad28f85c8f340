"""Stranded visits: which there are, that a change asks before it makes them, and what settles them."""

from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.access.patient_links import find_stranded, get_stranded_path
from booking.domain.appointments import cancel
from booking.domain.confirmation import confirm_hold
from booking.domain.reminders import enqueue_due_reminders
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.domain.stranded_offers import (
    NoContact,
    accept_offer,
    decline_offers,
    list_open_offers,
    offer_times,
    release_moot_offers,
)
from booking.domain.stranded_openings import People, Wish
from booking.domain.stranded_plans import list_openings, make_plan, run_step, start_plan
from booking.domain.stranded_visits import (
    AlreadySettled,
    Concerned,
    Stranding,
    WouldStrand,
    find_open,
    keep,
    mark,
    mark_on_holidays,
    reopen,
    save_or_ask,
)
from booking.models import Appointment, Event, Hold, OutboxMessage, StrandedPlan, StrandedVisit
from patients.models import Patient
from scheduling.availability.intervals import pack
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar, Service, TimeOff, WorkingHours
from tests.conftest import make_clinician
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due


@pytest.fixture
def visit(book, at):
    """Alice's visit to Dana at nine, which is stranded."""
    appointment = book(at(9))
    mark([Stranding(appointment, "away")], actor="staff:7")
    return find_open().select_related("appointment").get()


@pytest.fixture
def others(harbour, consultation):
    """Finn, who gives consultations at Harbour Street too."""
    return make_clinician("Finn Moss", location=harbour, services=[consultation])


def list_changes(dana, harbour, alice_visit, at):
    """Return what may strand a visit of Dana's at nine: (cause, change, Concerned, how it is undone)."""
    day = {"starts_at": at(8), "ends_at": at(18)}
    of_dana, there = Concerned(clinicians=[dana.pk]), Concerned(locations=[harbour.pk])

    def update(row, **values):
        type(row).objects.filter(pk=row.pk).update(**values)

    patient = alice_visit.patient
    return [
        ("away", partial(TimeOff.objects.create, clinician=dana, **day), of_dana, TimeOff.objects.all().delete),
        ("closed", partial(TimeOff.objects.create, location=harbour, **day), there, TimeOff.objects.all().delete),
        ("clinician", partial(update, dana, is_active=False), of_dana, partial(update, dana, is_active=True)),
        ("location", partial(update, harbour, is_active=False), there, partial(update, harbour, is_active=True)),
        (
            "hours",
            partial(WorkingHours.objects.filter(start_time="09:00").update, start_time="09:15"),
            of_dana,
            partial(WorkingHours.objects.filter(start_time="09:15").update, start_time="09:00"),
        ),
        (
            "patient",
            partial(update, patient, archived_at=at(0)),
            Concerned(patients=[patient.pk]),
            partial(update, patient, archived_at=None),
        ),
    ]


def test_change_that_strands_visit_asks_then_marks_and_settles_when_undone(book, at, dana, harbour):
    appointment = book(at(9))

    for cause, change, concerned, undo in list_changes(dana, harbour, appointment, at):
        with nothing_changes(), pytest.raises(WouldStrand) as refusal:
            save_or_ask(change, concerned, actor="staff:7")
        assert [(each.appointment.pk, each.cause) for each in refusal.value.visits] == [(appointment.pk, cause)]

        save_or_ask(change, concerned, actor="staff:7", accepted=refusal.value.digest)
        visit = find_open().get()
        assert (visit.appointment_id, visit.cause) == (appointment.pk, cause)
        save_or_ask(lambda: None, concerned, actor="staff:7")  # what is stranded already is no news
        assert find_open().get() == visit

        save_or_ask(undo, concerned, actor="staff:7")
        visit.refresh_from_db()
        assert (visit.outcome, find_open().count()) == ("gone", 0)


def test_new_zone_strands_visits_which_show_another_local_time(book, at, harbour):
    appointment = book(at(9))
    change = partial(type(harbour).objects.filter(pk=harbour.pk).update, timezone="Europe/Paris")

    with nothing_changes(), pytest.raises(WouldStrand) as refusal:
        save_or_ask(change, Concerned(locations=[harbour.pk]), actor="staff:7")

    [(stranded, cause)] = refusal.value.visits
    assert (stranded, cause) == (appointment, "zone")  # at ten in Paris, within the hours there


def test_visit_on_holiday_of_calendar_is_marked_once(book, at, harbour, day):
    appointment = book(at(9))
    calendar = Calendar.objects.create(location=harbour, kind="holidays", url="https://holidays.example/uk.ics")
    stretches = pack([(int(at(0).timestamp()), int(at(23).timestamp()))])
    BusyDay.objects.create(calendar=calendar, location=harbour, day=day, stretches=stretches)

    assert mark_on_holidays() == 1
    visit = find_open().get()
    assert (visit.appointment_id, visit.cause) == (appointment.pk, "holiday")
    keep(visit, reason="We are open.", actor="staff:7")
    assert mark_on_holidays() == 0


def test_clinicians_of_marked_visits_are_locked_in_primary_key_order(book, at, others):
    visits = [book(at(9)), book(at(11), clinician=others)]
    visits.sort(key=lambda visit: visit.clinician_id, reverse=True)

    with CaptureQueriesContext(connection) as captured:
        mark([Stranding(visit, "holiday") for visit in visits], actor="worker")

    locks = [query["sql"].replace("-", "") for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
    assert len(locks) == 2
    assert all(visit.clinician_id.hex in lock for visit, lock in zip(reversed(visits), locks, strict=True))


def test_digest_of_other_visits_asks_again(book, at, dana):
    book(at(9))
    change = partial(TimeOff.objects.create, clinician=dana, starts_at=at(8), ends_at=at(18))
    with pytest.raises(WouldStrand) as refusal:
        save_or_ask(change, Concerned(clinicians=[dana.pk]), actor="staff:7")
    book(at(10), Patient(first_name="Bob", last_name="Baker", email="bob@example.org", date_of_birth="1990-01-01"))

    with nothing_changes(), pytest.raises(WouldStrand) as again:
        save_or_ask(change, Concerned(clinicians=[dana.pk]), actor="staff:7", accepted=refusal.value.digest)

    assert len(again.value.visits) == 2


def test_what_takes_its_mark_away(visit, at, dana, harbour, consultation):
    appointment = visit.appointment
    ways = {
        "moved": lambda: reschedule(
            appointment, OpeningRequest(consultation, at(11), dana, harbour, False), actor="staff:7"
        ),
        "kept": lambda: keep(visit, reason="She comes anyway.", actor="staff:7"),
        "cancelled": lambda: cancel(appointment, reason="clinician_unavailable", actor="staff:7"),
    }
    for outcome, settle in ways.items():
        settle()
        visit.refresh_from_db()
        assert (visit.outcome, visit.settled_by, find_open().count()) == (outcome, "staff:7", 0)
        with pytest.raises(AlreadySettled), nothing_changes():
            keep(visit, reason="Again.", actor="staff:7")
        if outcome != "cancelled":
            appointment.refresh_from_db()
            mark([Stranding(appointment, "away")], actor="staff:7")
            visit = find_open().select_related("appointment").get()

    reopen(appointment, actor="staff:7")
    assert StrandedVisit.objects.get(settled_at=None) == visit


def send_at_once():
    """Send what waits for the morning, or for a minute in which it could be undone."""
    OutboxMessage.objects.update(due_at=database_now() - timedelta(seconds=1))
    run_what_is_due()


def make_steps(action, visits, **options):
    plan = make_plan(StrandedPlan(action=action, actor="staff:7", **options), visits, Wish())
    return plan, list(plan.steps.all())


def test_offered_time_is_held_until_patient_takes_it_and_others_are_released(visit, others, settings, at):
    settings.SITE_URL = "https://booking.clinic.example"
    _plan, [step] = make_steps("offer", [visit])
    assert not Hold.objects.filter(status="active").exists()
    planned = [(each.clinician.name, each.starts_at) for each in list_openings(step, People.load())]
    assert planned[0] == ("Finn Moss", at(9))
    assert len(planned) == 4

    run_step(step.pk)
    run_step(step.pk)  # once more changes nothing
    send_at_once()

    step.refresh_from_db()
    assert step.outcome == "done"
    holds = list_open_offers(visit)
    assert len(holds) == 4
    [message] = [each for each in mail.outbox if "cannot take place" in each.body]
    assert message.to == ["alice@example.org"]
    path = get_stranded_path(visit)
    assert path in message.body
    assert find_stranded(path.strip("/").split("/")[-1]) == visit
    visit.appointment.refresh_from_db()
    assert visit.appointment.starts_at == at(9)
    assert find_open().exists()

    taken = next(hold for hold in holds if hold.clinician == others)
    accept_offer(visit, taken)
    visit.refresh_from_db()
    assert (visit.outcome, visit.appointment.clinician) == ("accepted", others)
    assert sorted(Hold.objects.filter(stranded_offer__visit=visit).values_list("status", flat=True)) == [
        "confirmed",
        "released",
        "released",
        "released",
    ]
    left = next(hold for hold in holds if hold != taken)
    with pytest.raises(AlreadySettled), nothing_changes():
        accept_offer(visit, left)


def test_declined_offers_leave_visit_marked_and_can_be_made_again(visit, others, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    _plan, [step] = make_steps("offer", [visit])
    run_step(step.pk)

    decline_offers(visit)

    assert list_open_offers(visit) == []
    assert find_open().get() == visit
    _plan, [step] = make_steps("offer", [visit])
    run_step(step.pk)
    assert len(list_open_offers(visit)) == 4
    keep(visit, reason="She comes anyway.", actor="staff:7")
    assert release_moot_offers() == 4
    assert list_open_offers(visit) == []


def test_offer_without_contact_holds_nothing(visit, others, settings, at, consultation, harbour):
    settings.SITE_URL = "https://booking.clinic.example"
    Appointment.objects.update(attendee_email="")
    visit.appointment.refresh_from_db()

    with nothing_changes(), pytest.raises(NoContact):
        offer_times(visit, [OpeningRequest(consultation, at(9), others, harbour, False)], actor="staff:7")
    _plan, [step] = make_steps("offer", [visit])
    assert (step.outcome, step.openings) == ("not_done", [])


def test_bulk_move_gives_no_opening_to_two_and_reports_each(visit, others, hold_time, at, dana):
    bob = Patient(first_name="Bob", last_name="Baker", email="bob@example.org", date_of_birth="1990-01-01")
    eve = make_clinician("Eve Dunn", location=visit.appointment.location, services=[visit.appointment.service])
    second = confirm_hold(hold_time(at(9), clinician=eve), patient=bob, actor="patient")
    mark([Stranding(second, "away")], actor="staff:7")
    TimeOff.objects.create(clinician=dana, starts_at=at(8), ends_at=at(18))
    TimeOff.objects.create(clinician=eve, starts_at=at(8), ends_at=at(18))
    visits = list(find_open().select_related("appointment").order_by("since"))

    plan, steps = make_steps("move", visits)
    assert sorted((step.outcome, step.detail) for step in steps) == [
        ("not_done", "Nobody else is free at that time."),
        ("planned", ""),
    ]
    assert start_plan(plan)
    assert not start_plan(plan)
    run_what_is_due()

    moved = plan.steps.get(outcome="done")
    assert moved.detail.startswith("Moved to Finn Moss, ")
    assert Appointment.objects.filter(clinician=others).count() == 1
    assert find_open().count() == 1


def test_step_whose_time_is_taken_by_then_is_not_done_and_changes_nothing(visit, others, hold_time, at):
    _plan, [step] = make_steps("move", [visit])
    hold_time(at(9), clinician=others)

    run_step(step.pk)

    step.refresh_from_db()
    assert (step.outcome, step.detail) == ("not_done", "That time has just been taken.")
    visit.appointment.refresh_from_db()
    assert (visit.appointment.starts_at, find_open().get()) == (at(9), visit)


def test_move_at_shorter_notice_than_booked_is_an_override_of_who_may(visit, others, at, consultation):
    Service.objects.update(notice=at(10) - database_now())
    visit = find_open().select_related("appointment__service").get()
    plan = make_plan(StrandedPlan(action="move", actor="staff:7"), [visit], Wish())
    assert plan.steps.get().detail == "Nobody else is free at that time."

    plan = make_plan(StrandedPlan(action="move", actor="staff:7"), [visit], Wish(at_short_notice=True))
    run_step(plan.steps.get().pk)

    moved = Appointment.objects.get(pk=visit.appointment_id)
    assert (moved.clinician, moved.starts_at, moved.override_reason) == (others, at(9), "urgent")
    assert (plan.steps.get().outcome, find_open().count()) == ("done", 0)


def test_bulk_cancellation_tells_patient_in_clinics_words(visit, settings):
    _plan, [step] = make_steps("cancel", [visit], reason="clinician_unavailable", message="Dana has broken a leg.")

    run_step(step.pk)
    send_at_once()

    visit.refresh_from_db()
    assert (visit.outcome, visit.appointment.cancellation_reason) == ("cancelled", "clinician_unavailable")
    assert "Dana has broken a leg." in mail.outbox[-1].body
    kinds = Event.objects.filter(subject_id=visit.appointment_id).values_list("kind", flat=True)
    assert {"appointment.stranded", "appointment.settled"} <= {*kinds}
    assert "leg" not in str([*Event.objects.values_list("data", flat=True)])


def test_nobody_is_reminded_of_stranded_visit_until_it_is_settled_that_it_stays(visit):
    due = visit.appointment.reminders.order_by("due_at").last().due_at

    assert enqueue_due_reminders(now=due) == 0
    keep(visit, reason="She comes anyway.", actor="staff:7")

    assert enqueue_due_reminders(now=due) > 0

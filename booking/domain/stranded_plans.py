"""Settle many stranded visits at once: what is planned is stored and shown first, then done, each visit by itself.

A plan's steps are run by the outbox, so that hundreds take no request's time. A step is one transaction with its
outcome: whoever dies, what was done is written down, and the rest goes on.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from booking.domain.appointments import cancel
from booking.domain.booking_rules import Rule
from booking.domain.overrides import Override, RulesBroken, move_against_rules
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.stranded_offers import NoContact, NothingToOffer, get_window, offer_times, release_offers
from booking.domain.stranded_openings import OpeningFinder, People, Wish
from booking.domain.stranded_visits import AlreadySettled
from booking.domain.transitions import ChangedMeanwhile, HoldExpired, HoldNotFound, WrongState
from booking.models import Appointment, Hold, OutboxMessage, StrandedPlan, StrandedStep, StrandedVisit
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.availability.search import Reason
from scheduling.lib.clock import database_now
from scheduling.lib.timezones import format_local
from scheduling.slots import SlotTaken

MAX_VISITS = 500  # of one plan
RETENTION = timedelta(days=30)
REFUSALS = (
    AlreadySettled,
    ChangedMeanwhile,
    HoldExpired,
    HoldNotFound,
    NoContact,
    NotOffered,
    NothingToOffer,
    PatientBusy,
    RulesBroken,
    SlotTaken,
    WrongState,
)
Action, Outcome = StrandedPlan.Action, StrandedStep.Outcome
NOBODY_FREE = "Nobody else is free at that time."
NOTHING_FREE = "No other time is free."
NO_CONTACT = "There is neither an e-mail address nor a number to write to."


@transaction.atomic
def make_plan(plan: StrandedPlan, visits: Sequence[StrandedVisit], wish: Wish) -> StrandedPlan:
    """Save a plan with a step for each of up to MAX_VISITS visits, and return it. Nothing is held or sent yet.

    No opening is meant for two visits. What nothing is free for is a step that is not done, with the reason.
    """
    plan.wish = asdict(wish)
    plan.save(force_insert=True)
    finder = OpeningFinder(visits, wish, now=database_now())
    steps = [_plan_step(plan, visit, finder, wish) for visit in visits[:MAX_VISITS]]
    StrandedStep.objects.bulk_create(steps)
    return plan


def _plan_step(plan, visit, finder, wish):
    step = StrandedStep(plan=plan, visit=visit)
    if plan.action == Action.CANCEL:
        return step
    appointment = visit.appointment
    if plan.action == Action.MOVE:
        openings, reason = finder.find_same_time(appointment, wish.clinician_id, is_offer=False), NOBODY_FREE
    else:
        openings = finder.find_same_time(appointment, None) if wish.same_time else []
        openings += finder.find_others(appointment, wish)
        reason = NOTHING_FREE
        if not can_be_offered(plan, appointment):
            openings, reason = [], NO_CONTACT
    step.openings = [_describe(opening) for opening in openings]
    if not openings:
        step.outcome, step.detail = Outcome.NOT_DONE, reason
    return step


def can_be_offered(plan: StrandedPlan, appointment: Appointment) -> bool:
    """Return whether the plan's ways to write reach the patient of an appointment."""
    return bool((plan.by_email and appointment.attendee_email) or (plan.by_text and appointment.attendee_phone))


def _describe(opening):
    return {
        "clinician_id": str(opening.clinician_id),
        "location_id": str(opening.location_id),
        "is_remote": opening.is_remote,
        "starts_at": opening.starts_at.isoformat(),
    }


def list_openings(step: StrandedStep, people: People) -> list[OpeningRequest]:
    """Return the openings of a step, as they were planned."""
    return [
        OpeningRequest(
            step.visit.appointment.service,
            datetime.fromisoformat(each["starts_at"]),
            people.clinicians[UUID(each["clinician_id"])],
            people.locations[UUID(each["location_id"])],
            each["is_remote"],
        )
        for each in step.openings
    ]


def imagine_holds(openings: Sequence[OpeningRequest], *, now: datetime) -> list[Hold]:
    """Return what would be held if openings were offered now, unsaved: for a preview."""
    windows = [(each, get_window(each, now=now)) for each in openings]
    return sorted(
        (imagine_hold(each, expires_at=window.until) for each, window in windows if window),
        key=lambda hold: hold.starts_at,
    )


def imagine_hold(opening: OpeningRequest, *, expires_at: datetime | None = None) -> Hold:
    """Return the hold that an opening would become, unsaved."""
    ends_at = opening.starts_at + opening.service.duration
    who = {"service": opening.service, "clinician": opening.clinician, "location": opening.location}
    times = {"starts_at": opening.starts_at, "ends_at": ends_at, "expires_at": expires_at}
    return Hold(is_remote=opening.is_remote, **who, **times)


@transaction.atomic
def start_plan(plan: StrandedPlan) -> bool:
    """Have a plan's steps done by the workers; return False if they are already."""
    if not StrandedPlan.objects.filter(pk=plan.pk, started_at=None).update(started_at=database_now()):
        return False
    for id in StrandedStep.objects.filter(plan=plan, outcome=Outcome.PLANNED).values_list("pk", flat=True):
        queue.enqueue(Job.STRANDED_STEP, step=id)
    return True


def run_message(message: OutboxMessage) -> None:
    """Run the step of a message."""
    run_step(UUID(message.payload["step"]))


def run_step(step_id: UUID) -> None:
    """Do what a step plans with its visit, and note what was done, or why it was not. Idempotent."""
    related = [f"visit__appointment__{name}" for name in ("service", "clinician", "location", "provider", "patient")]
    step = StrandedStep.objects.select_related("plan", *related).filter(pk=step_id, outcome=Outcome.PLANNED).first()
    if step is None:
        return  # done already, or its patient is erased
    # First, each in its transaction: their clinicians are locked one by one. What is settled needs no offer, and what
    # is offered anew has others.
    release_offers(step.visit, actor=step.plan.actor)
    _run(step)


@transaction.atomic
def _run(step):
    mine = StrandedStep.objects.select_for_update(no_key=True).filter(pk=step.pk, outcome=Outcome.PLANNED)
    if not mine:
        return
    try:
        with transaction.atomic():
            if not StrandedVisit.objects.filter(pk=step.visit_id, settled_at=None).exists():
                raise AlreadySettled
            detail, outcome = ACTIONS[step.plan.action](step), Outcome.DONE
    except REFUSALS as refusal:
        detail, outcome = _explain(refusal), Outcome.NOT_DONE
    StrandedStep.objects.filter(pk=step.pk).update(outcome=outcome, detail=detail[:300])


def _explain(refusal):
    reasons = getattr(refusal, "reasons", None)
    return f"{refusal.message} ({', '.join(reasons)})" if reasons else str(refusal.message)


def _offer(step):
    plan, openings = step.plan, list_openings(step, People.load())
    holds = offer_times(step.visit, openings, actor=plan.actor, by_email=plan.by_email, by_text=plan.by_text)
    missing = len(openings) - len(holds)
    until = max(hold.expires_at for hold in holds)
    offered = f"{len(holds)} time{'' if len(holds) == 1 else 's'} offered, held until {_format(until, step)}."
    return f"{offered} {missing} had been taken by then." if missing else offered


def _move(step):
    [opening] = list_openings(step, People.load())
    appointment, actor = step.visit.appointment, step.plan.actor
    try:
        with transaction.atomic():
            reschedule(appointment, opening, actor=actor)
    except NotOffered as refusal:
        if refusal.reasons != [Reason.TOO_SOON] or not step.plan.wish.get("at_short_notice"):
            raise
        override = Override([Rule.NOTICE], Appointment.OverrideReason.URGENT)
        move_against_rules(appointment, opening, override, actor=actor)
    return f"Moved to {opening.clinician}, {_format(opening.starts_at, step)}."


def _cancel(step):
    plan, appointment = step.plan, step.visit.appointment
    StrandedVisit.objects.filter(pk=step.visit_id).update(message=plan.message)
    cancel(appointment, reason=plan.reason, actor=plan.actor)
    return "Cancelled."


ACTIONS = {Action.OFFER: _offer, Action.MOVE: _move, Action.CANCEL: _cancel}


def _format(moment, step):
    return format_local(moment, step.visit.appointment.location.zone, pattern="%a %-d %b, %H:%M")


def forget_old_plans() -> None:
    """Delete the plans that were made RETENTION ago: what was done is in the log of each visit."""
    StrandedPlan.objects.filter(created_at__lt=database_now() - RETENTION).delete()

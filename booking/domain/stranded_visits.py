"""Find the coming visits that a change of the clinic's set-up leaves without their time; mark them, and settle them.

A page that changes what visits stand on saves through ``save_or_ask``. Moving and cancelling settle a visit by
themselves: rescheduling and appointments call ``settle``.
"""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from booking.domain.audit import record_event
from booking.models import Appointment, StrandedVisit
from booking.models.enums import EventKind
from scheduling.availability.intervals import Interval, merge
from scheduling.availability.openings import as_instant, compute_working_time, get_local_dates
from scheduling.availability.queries import as_hours, list_busy
from scheduling.availability.search import Reason
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, ExtraHours, WorkingHours
from scheduling.models.hours import list_workplaces
from scheduling.slots import lock_clinician, lock_clinicians

T = TypeVar("T")
Cause, Outcome = StrandedVisit.Cause, StrandedVisit.Outcome


class WouldStrand(Exception):
    """The change would strand ``visits``, and nobody has said yet that it may: nothing was saved.

    ``digest`` stands for just these visits; who is shown them saves with it.
    """

    def __init__(self, visits: list["Stranding"]) -> None:
        self.visits, self.digest = visits, _digest(visits)
        super().__init__(f"{len(visits)} visits")


class AlreadySettled(Exception):
    """The visit is not stranded any more."""

    message = "It has been settled already."


@dataclass(frozen=True)
class Concerned:
    """Whose coming visits a change may strand: those of any of these."""

    clinicians: Collection[UUID] = ()
    locations: Collection[UUID] = ()
    patients: Collection[UUID] = ()

    @property
    def condition(self) -> Q:
        """Which appointments these are."""
        return Q(clinician__in=self.clinicians) | Q(location__in=self.locations) | Q(patient__in=self.patients)


class Stranding(NamedTuple):
    """A visit, and why it loses its time."""

    appointment: Appointment
    cause: str


def save_or_ask(save: Callable[[], T], concerned: Concerned, *, actor: str, accepted: str = "") -> T:
    """Run ``save`` and return its result, unless it would strand visits that nobody has accepted.

    For every page that shortens hours, enters time off or a holiday, deactivates a clinician or a location, archives a
    patient or moves a location to another zone. ``save`` makes the change, through whatever verbs it likes;
    ``concerned`` says whose visits are looked at before and after it. If some are stranded by it, it is taken back
    whole, and WouldStrand raised, with the visits to show and a ``digest``. Call it again with that digest as
    ``accepted`` when the user has chosen “save and mark them”: then the change is made and the visits marked, in one
    transaction. If others are stranded by then, it asks again. Visits that were stranded and have their time again are
    settled. What ``save`` raises goes through.

        try:
            save_or_ask(partial(archive_patient, patient, actor=actor), Concerned(patients=[patient.pk]), actor=actor,
                        accepted=request.POST.get("strands", ""))
        except WouldStrand as refusal:
            return ask_about_stranded(request, refusal)  # booking.admin.strands_visits

    In an admin class inherit ``booking.admin.strands_visits.StrandsVisitsMixin``: it does all of that for changeforms.
    """
    result, _strandings = _try(save, concerned, actor, accepted)
    return result


def save_and_mark(save: Callable[[], T], concerned: Concerned, *, actor: str) -> tuple[T, list[Stranding]]:
    """Run ``save`` as save_or_ask does, without asking: return its result and the visits that it has stranded."""
    return _try(save, concerned, actor, None)


@transaction.atomic
def _try(save, concerned, actor, accepted):
    # Who books with them waits, and then is offered what is offered after the change.
    clinician_ids = _list_clinicians(concerned)
    if clinician_ids:
        lock_clinicians(*clinician_ids)
    before = assess(concerned)
    result = save()
    after = assess(concerned)
    stranded = _compare(before, after)
    if stranded and accepted is not None and _digest(stranded) != accepted:
        raise WouldStrand(stranded)
    mark(stranded, actor=actor)
    good_again = [id for id, now in after.items() if not now.causes and id in before and before[id].causes]
    for visit in find_open().filter(appointment__in=good_again).select_related("appointment"):
        settle(visit.appointment, Outcome.GONE, actor=actor, at=database_now())
    return result, stranded


def _list_clinicians(concerned):
    """Return the ids of those whose free times a change may touch, or whose visits it may mark or settle."""
    ids = set(concerned.clinicians)
    if concerned.locations or concerned.patients:
        coming = Appointment.objects.filter(concerned.condition, status__in=Appointment.UPCOMING)
        ids.update(coming.order_by().values_list("clinician", flat=True).distinct())
    if concerned.locations:
        ids.update(id for (id,) in list_workplaces("clinician", location__in=concerned.locations))
    return ids


class Situation(NamedTuple):
    """Why a visit cannot take place as booked, if it cannot; and its start on the location's clock."""

    causes: frozenset[str]
    local_start: datetime


def assess(concerned: Concerned) -> dict[UUID, Situation]:
    """Return how each coming visit of whom it concerns stands, in four queries."""
    now = database_now()
    visits = Appointment.objects.filter(concerned.condition, status__in=Appointment.UPCOMING, ends_at__gt=now)
    rows = [
        _Row(*row)
        for row in visits.order_by("starts_at").values_list(
            "pk",
            "clinician_id",
            "location_id",
            "is_remote",
            "starts_at",
            "ends_at",
            "clinician__is_active",
            "location__is_active",
            "location__timezone",
            "patient__archived_at",
        )
    ]
    if not rows:
        return {}
    first, last = min(as_instant(row.starts_at) for row in rows), max(as_instant(row.ends_at) for row in rows)
    away = _load_away(rows, first, last, now)
    hours = _load_hours(rows, first, last)
    return {row.id: Situation(_list_causes(row, away, hours), _get_local_start(row)) for row in rows}


class _Row(NamedTuple):
    id: UUID
    clinician_id: UUID
    location_id: UUID
    is_remote: bool
    starts_at: datetime
    ends_at: datetime
    has_clinician: bool
    has_location: bool
    timezone: str
    archived_at: datetime | None

    @property
    def place(self) -> tuple[UUID, UUID, bool]:
        return self.clinician_id, self.location_id, self.is_remote


def _get_local_start(row):
    return row.starts_at.astimezone(ZoneInfo(row.timezone)).replace(tzinfo=None)


def _load_away(rows, first, last, now):
    """Return {(owner, cause): sorted stretches}: time off and holidays of the rows' clinicians and locations."""
    clinicians, locations = {row.clinician_id for row in rows}, {row.location_id for row in rows}
    away = defaultdict(list)
    for start, end, owner, reason in list_busy(clinicians, locations, first, last, now=now):
        if reason == Reason.HOLIDAY:
            away[owner, Cause.HOLIDAY].append((start, end))
        elif reason == Reason.TIME_OFF:
            away[owner, Cause.AWAY if owner in clinicians else Cause.CLOSED].append((start, end))
    return {key: merge(stretches) for key, stretches in away.items()}


def _load_hours(rows, first, last):
    """Return {(clinician, location, whether by video): merged stretches of working time}."""
    rules = defaultdict(list)
    for model in (WorkingHours, ExtraHours):
        for hours in model.objects.filter(clinician__in={row.clinician_id for row in rows}):
            rules[hours.clinician_id, hours.location_id, hours.is_remote].append(as_hours(hours))  # pyright: ignore
    spells = {}
    for row in rows:
        if row.place not in spells:
            zone = ZoneInfo(row.timezone)
            days = get_local_dates(zone, first - 86_400, last)
            spells[row.place] = merge(compute_working_time(tuple(rules[row.place]), zone, *days).spells)
    return spells


def _list_causes(row, away, hours):
    start, end = as_instant(row.starts_at), as_instant(row.ends_at)
    causes = {
        Cause.PATIENT: row.archived_at is not None,
        Cause.CLINICIAN: not row.has_clinician,
        Cause.LOCATION: not row.has_location,
        Cause.AWAY: _overlaps(away.get((row.clinician_id, Cause.AWAY)), start, end),
        Cause.CLOSED: _overlaps(away.get((row.location_id, Cause.CLOSED)), start, end),
        Cause.HOLIDAY: _overlaps(away.get((row.location_id, Cause.HOLIDAY)), start, end),
        Cause.HOURS: not _is_within(hours[row.place], start, end),
    }
    return frozenset(str(cause) for cause, is_so in causes.items() if is_so)


def _overlaps(stretches: list[Interval] | None, start, end):
    return bool(stretches) and any(first < end and last > start for first, last in stretches)


def _is_within(stretches: list[Interval], start, end):
    at = bisect_right(stretches, start, key=lambda stretch: stretch[0]) - 1
    return at >= 0 and stretches[at][1] >= end


# The most telling first: of several causes one is stored.
ORDER = list(Cause)


def _compare(before, after):
    """Return the Strandings that a change has made."""
    causes = {}
    for id, now in after.items():
        was = before.get(id)
        if was is None:
            continue  # it did not concern it
        new = now.causes - was.causes
        if new:
            causes[id] = min(new, key=ORDER.index)
        elif was.local_start != now.local_start:
            causes[id] = Cause.ZONE
    visits = Appointment.objects.filter(pk__in=causes).select_related("service", "clinician", "location", "patient")
    return [Stranding(visit, str(causes[visit.pk])) for visit in visits.order_by("starts_at", "pk")]


def _digest(strandings):
    named = sorted(f"{each.appointment.pk} {each.cause}" for each in strandings)
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]


@transaction.atomic
def mark(strandings: Iterable[Stranding], *, actor: str) -> int:
    """Mark visits as stranded, unless they are, and return how many are marked by it."""
    strandings = list(strandings)
    if not strandings:
        return 0
    now = lock_clinicians(*[each.appointment.clinician_id for each in strandings])
    marked = 0
    for appointment, cause in strandings:
        _visit, is_new = StrandedVisit.objects.get_or_create(
            appointment=appointment, settled_at=None, defaults={"cause": cause, "since": now}
        )
        if is_new:
            record_event(appointment, EventKind.APPOINTMENT_STRANDED, actor=actor, at=now, data={"cause": str(cause)})
            marked += 1
    return marked


def mark_on_holidays(location_ids: Collection[UUID] | None = None, *, actor: str = "worker") -> int:
    """Mark the visits on days that a calendar of holidays closes, and return how many are marked by it.

    At these locations, or at all that follow one. A calendar elsewhere asks nobody before it changes. Visits that were
    marked for a holiday before have been settled, and those booked against the rules are meant.
    """
    followed = Calendar.objects.filter(kind=Calendar.Kind.HOLIDAYS, is_active=True)
    if location_ids is not None:
        followed = followed.filter(location__in=location_ids)
    situations = assess(Concerned(locations=list(followed.values_list("location", flat=True))))
    closed = [id for id, situation in situations.items() if Cause.HOLIDAY in situation.causes]
    known = StrandedVisit.objects.filter(appointment__in=closed, cause=Cause.HOLIDAY).values("appointment")
    visits = Appointment.objects.filter(pk__in=closed, override_reason="").exclude(pk__in=known)
    visits = visits.select_related("service", "clinician", "location").order_by("starts_at")
    return mark([Stranding(visit, Cause.HOLIDAY) for visit in visits], actor=actor)


def find_open() -> QuerySet[StrandedVisit]:
    """Return the stranded visits that have to be settled. What took place after all is settled by that."""
    return StrandedVisit.objects.filter(settled_at=None, appointment__status__in=Appointment.UPCOMING)


def is_stranded(appointment: Appointment) -> bool:
    """Return whether an appointment waits to be settled."""
    return StrandedVisit.objects.filter(appointment=appointment, settled_at=None).exists()


def settle(appointment: Appointment, outcome: str, *, actor: str, at: datetime, reason: str = "") -> bool:
    """Note what became of a stranded visit, under its clinician's lock; return False if it was none."""
    rows = StrandedVisit.objects.filter(appointment=appointment, settled_at=None)
    is_settled = rows.update(outcome=outcome, settled_at=at, settled_by=actor, reason=reason)
    if is_settled:
        record_event(appointment, EventKind.APPOINTMENT_SETTLED, actor=actor, at=at, data={"outcome": str(outcome)})
    return bool(is_settled)


@transaction.atomic
def keep(visit: StrandedVisit, *, reason: str, actor: str) -> None:
    """Settle a visit that stays as it is; ``reason`` says why. Raises AlreadySettled."""
    now = lock_clinician(visit.appointment.clinician_id)
    if not settle(visit.appointment, Outcome.LEFT_AS_IT_IS, actor=actor, at=now, reason=reason):
        raise AlreadySettled


def reopen(appointment: Appointment, *, actor: str) -> None:
    """Mark a visit as stranded whose cancellation is undone, if it was before, or is by now with nobody who is offered.

    Call it in that transaction.
    """
    last = StrandedVisit.objects.filter(appointment=appointment).order_by("-since").first()
    if last and last.outcome == Outcome.CANCELLED:
        StrandedVisit.objects.filter(pk=last.pk).update(settled_at=None, outcome="", settled_by="", message="")
    situation = assess(Concerned(patients=[appointment.patient_id])).get(appointment.pk)
    causes = situation.causes & {Cause.CLINICIAN, Cause.LOCATION} if situation else []
    mark([Stranding(appointment, cause) for cause in sorted(causes)[:1]], actor=actor)

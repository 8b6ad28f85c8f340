"""Many bookings at once, for the demo's clinic.

The verbs take some ten milliseconds a booking, so a thousand of them would keep a first start waiting.
These rows are written in bulk instead, and are what the verbs would have left: the same slot, hold,
appointment and events, in times that the openings of that moment allowed. Only mail is left out.
"""

import hashlib
import uuid
from datetime import UTC, timedelta

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from booking.domain.appointments import REFERENCE_ALPHABET
from booking.domain.audit import describe_subject
from booking.models import Appointment, Event, Hold, Order, Provider
from booking.models.enums import ANNOUNCED_KINDS, EventKind
from scheduling.availability.intervals import clip, merge, subtract
from scheduling.availability.openings import (
    Busy,
    as_datetime,
    as_instant,
    compute_open_starts,
    compute_working_time,
)
from scheduling.availability.queries import as_hours
from scheduling.availability.search import get_rules
from scheduling.models import Clinician, Slot, TimeOff

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SHARE = 0.6
Status = Appointment.Status


def book_many(patients, *, by_staff, now, rng):
    """Book SHARE of everybody's time from two weeks ago until two weeks ahead, for these patients."""
    made = {Slot: [], Hold: [], Appointment: [], Event: []}
    providers = {
        service.pk: provider
        for provider in Provider.objects.prefetch_related("services")
        for service in provider.services.all()
    }
    for clinician in Clinician.objects.prefetch_related("services", "working_hours__location", "extra_hours__location"):
        for service, location, start, is_remote in times_to_book(clinician, now, rng):
            patient = rng.choice(patients)
            provider = providers.get(service.pk)
            status = get_status(start, start + service.duration, now, rng, provider)
            for row in list_rows(
                clinician, service, location, start, is_remote, patient, status, provider, by_staff, now, rng
            ):
                made[type(row)].append(row)
    for model, rows in made.items():
        model.objects.bulk_create(rows, batch_size=500)


def times_to_book(clinician, now, rng):
    """Yield (service, location, start, is_remote) until SHARE of each day's working time is taken."""
    services = list(clinician.services.all())
    weekly = {}
    for rule in [*clinician.working_hours.all(), *clinician.extra_hours.all()]:
        hours = weekly.setdefault((rule.location, rule.is_remote), [])
        hours.append(as_hours(rule))
    taken = []
    for (location, is_remote), hours in weekly.items():
        offered = [service for service in services if service.allows(is_remote=is_remote)]
        away = merge(
            (as_instant(row.starts_at), as_instant(row.ends_at))
            for row in TimeOff.objects.filter(clinician=clinician) | TimeOff.objects.filter(location=location)
        )
        for ahead in range(-14, 14):
            day = now.astimezone(location.zone).date() + ahead * DAY
            working = compute_working_time(tuple(hours), location.zone, day, day)
            wanted = SHARE * total(subtract(working.spells, away))
            booked = 0
            for _ in range(200):
                if booked >= wanted:
                    break
                service = rng.choice(offered)
                rules = get_rules(service)
                span = (as_instant(now - 20 * DAY), as_instant(now + 20 * DAY))
                starts = compute_open_starts(working, Busy.from_intervals(away + taken), rules, *span)
                if not starts:
                    continue
                start = rng.choice(starts)
                period = (start - rules.buffer_before, start + rules.duration + rules.buffer_after)
                taken.append(period)
                booked += total(clip(working.spells, *period))
                yield service, location, as_datetime(start), is_remote


def total(intervals):
    return sum(end - start for start, end in intervals)


def get_status(starts_at, ends_at, now, rng, provider=None):
    """Return what has become of an appointment by now."""
    chance = rng.random()
    if chance < 0.05:
        return Status.CANCELLED
    if ends_at <= now:
        return Status.NO_SHOW if chance < 0.12 else Status.COMPLETED
    if starts_at <= now:
        return Status.IN_PROGRESS
    return Status.PENDING if provider and starts_at > now + 2 * DAY and chance > 0.8 else Status.CONFIRMED


def list_rows(clinician, service, location, starts_at, is_remote, patient, status, provider, by_staff, now, rng):
    """Return the rows of one booking: its slot (none when cancelled), hold, appointment and events."""
    key = uuid.UUID(int=rng.getrandbits(128), version=4)
    ends_at = starts_at + service.duration
    booked_at = min(starts_at - rng.randrange(1, 15) * DAY, now - rng.randrange(20, 4_000) * MINUTE)
    answer_by = None
    if provider:
        if status == Status.PENDING:  # asked for lately: some of it has still to be answered today
            booked_at = now - provider.answer_within * rng.random() * 0.95
        answer_by = booked_at + provider.answer_within
    held_at = booked_at - 3 * MINUTE
    slot = None
    if status != Status.CANCELLED:
        period = DateTimeTZRange(starts_at - service.buffer_before, ends_at + service.buffer_after)
        expires_at = answer_by if status == Status.PENDING else None
        slot = Slot(clinician=clinician, location=location, period=period, taken_at=held_at, expires_at=expires_at)
    shared = {
        "id": key,
        "service": service,
        "clinician": clinician,
        "location": location,
        "slot": slot,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "is_remote": is_remote,
        "price": service.price,
        "currency": service.currency,
    }
    hold = Hold(
        **shared,
        status=Hold.Status.CONFIRMED,
        expires_at=held_at + timedelta(seconds=location.hold_seconds),
        lifetime=timedelta(seconds=location.hold_seconds),
        holder="demo",
        token_hash=hashlib.sha256(rng.randbytes(32)).digest(),
        created_at=held_at,
    )
    arrived_at = seen_at = None
    if status in (Status.IN_PROGRESS, Status.COMPLETED):
        arrived_at, seen_at = starts_at - key.int % 13 * MINUTE, starts_at + key.int % 9 * MINUTE
        seen_at = seen_at if seen_at <= now else None
    reason = rng.choice(["patient_request", "patient_unwell", "clinician_unavailable"])
    symbols = "".join(rng.choices(REFERENCE_ALPHABET, k=10))
    appointment = Appointment(
        **shared,
        reference=f"{symbols[:5]}-{symbols[5:]}",
        status=status,
        patient=patient,
        created_at=booked_at,
        attendee_name=str(patient),
        attendee_email=patient.email,
        attendee_phone=patient.phone_with_extension,
        provider=provider,
        answer_by=answer_by,
        arrived_at=arrived_at,
        seen_at=seen_at,
        cancellation_reason=reason if status == Status.CANCELLED else "",
        meeting_url=f"https://video.example/{symbols.lower()}" if is_remote else "",
    )
    story = list_story(hold, appointment, by_staff, now, rng)
    events = [
        Event(
            kind=kind,
            subject_type=Event.SubjectType.BOOKING,
            subject_id=key,
            location_id=appointment.location_id,
            sequence=number,
            created_at=at.astimezone(UTC),
            actor=actor,
            from_status=before,
            to_status=after,
            data=data,
            announcement=announce(hold if kind.startswith("hold.") else appointment, kind, status=after, **data),
        )
        for number, (kind, at, actor, before, after, data) in enumerate(story, 1)
    ]
    return [row for row in (slot, hold, appointment, *events) if row]


def announce(subject, kind, **members):
    """Return what other systems would have been told, or None."""
    return {**describe_subject(subject), **members} if kind in ANNOUNCED_KINDS else None


def list_story(hold, appointment, by_staff, now, rng):
    """Return what has happened to a booking until now: (kind, when, by, from status, to status, data) of each event."""
    status, starts_at, ends_at = appointment.status, appointment.starts_at, appointment.ends_at
    booked_at, must_agree = appointment.created_at, appointment.provider is not None
    first = Status.PENDING if must_agree else Status.CONFIRMED
    story = [
        (EventKind.HOLD_PLACED, hold.created_at, "patient", "", "active", {}),
        (EventKind.HOLD_CONFIRMED, booked_at, "patient", "active", "confirmed", {}),
        (EventKind.APPOINTMENT_CREATED, booked_at, "patient", "", first, {}),
    ]
    if first == Status.PENDING and status != Status.PENDING:
        story.append((EventKind.APPOINTMENT_UPDATED, booked_at + 40 * MINUTE, by_staff, first, Status.CONFIRMED, {}))
    if status in (Status.IN_PROGRESS, Status.COMPLETED):
        here = (Status.CONFIRMED, Status.IN_PROGRESS)
        story.append((EventKind.APPOINTMENT_UPDATED, appointment.arrived_at, by_staff, *here, {}))
    if appointment.seen_at:
        story.append((EventKind.APPOINTMENT_UPDATED, appointment.seen_at, by_staff, "", "", {"changed": ["seen_at"]}))
    if status == Status.COMPLETED:
        story.append((EventKind.APPOINTMENT_COMPLETED, ends_at, by_staff, Status.IN_PROGRESS, status, {}))
    if status == Status.NO_SHOW:
        story.append((EventKind.APPOINTMENT_NO_SHOW, ends_at, by_staff, Status.CONFIRMED, status, {}))
    if status == Status.CANCELLED:
        settled_at = booked_at + 40 * MINUTE * must_agree
        cancelled_at = settled_at + max(min(now, starts_at) - settled_at, timedelta()) * rng.random()
        why = {"reason": appointment.cancellation_reason}
        story.append((EventKind.APPOINTMENT_CANCELLED, cancelled_at, by_staff, Status.CONFIRMED, status, why))
    return story


def order_some(patients, *, slug, now, rng):
    """Write down a dozen orders of a service: for some of its appointments to come, and some that nobody has booked."""
    coming = Appointment.objects.filter(service__slug=slug, status=Status.CONFIRMED, starts_at__gt=now)
    booked = list(coming.select_related("service").order_by("starts_at", "pk")[:5])
    orders = [
        Order(
            patient_id=each.patient_id,
            service=each.service,
            external_id=lab_number(rng),
            created_at=each.created_at - 2 * DAY,
        )
        for each in booked
    ]
    for appointment, order in zip(booked, orders, strict=True):
        appointment.order = order
    service = booked[0].service
    for patient in rng.sample(patients, 7):
        asked_at = now - rng.randrange(1, 6) * DAY
        orders.append(Order(patient=patient, service=service, external_id=lab_number(rng), created_at=asked_at))
    Order.objects.bulk_create(orders)
    Appointment.objects.bulk_update(booked, ["order"])
    Hold.objects.bulk_update([Hold(pk=each.pk, order=each.order) for each in booked], ["order"])
    Event.objects.bulk_create(
        Event(
            kind=EventKind.ORDER_CREATED,
            subject_type=Event.SubjectType.ORDER,
            subject_id=order.pk,
            sequence=1,
            created_at=order.created_at,
            actor="key:the lab",
            announcement=announce(order, EventKind.ORDER_CREATED),
        )
        for order in orders
    )
    return orders[len(booked) :]


def lab_number(rng):
    return f"LAB-{rng.randrange(10_000, 99_999)}"

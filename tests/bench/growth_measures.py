"""What patients, staff and beat do all day in a group of clinics: what growth.py measures.

Each function returns one that prepares something new, and returns the function whose cost counts.
"""

from datetime import date, timedelta
from itertools import count, cycle
from uuid import uuid4

from django.contrib.auth.models import User
from django.test import RequestFactory
from django.utils import timezone

from booking.domain.confirmation import confirm_hold
from booking.domain.diary import list_columns
from booking.domain.event_feed import Position, read_feed
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import UNLIMITED, Holder, place_hold
from booking.domain.locations import get_location_version
from booking.domain.reminders import enqueue_due_reminders
from booking.domain.scarcity import Visitor
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Event, Hold, Networks, OutboxMessage, Reminder, WebhookEndpoint
from booking.models.enums import ANNOUNCED_KINDS
from booking.ops.idempotency import run_once
from booking.outbox import queue, relay
from patients.models import Patient
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.models import Clinician, Location, Slot
from tests.bench.growth_clinic import AT_LOCATION

DAY, TWO_WEEKS = timedelta(days=1), timedelta(days=14)
LAPSED = 8  # holds that have run out between two runs of beat
DELIVERIES = 32  # messages in the outbox
REMINDERS = 20
OF_PATIENTS = {
    "place a hold",
    "confirm it, a new patient",
    "a clinician's day",
    "14 days at a location",
    "has anything changed there?",
    "an idempotency key",
}


def make_measures(service):
    """Return the functions that prepare, by the names of what they prepare."""
    free = openings(service)
    return {
        "place a hold": place(free),
        "confirm it, a new patient": confirm(free),
        "a clinician's day": one_day(service),
        "14 days at a location": two_weeks(service),
        "staff search a name": search(lambda patient: f"{patient}"),
        "staff search a phone": search(lambda patient: patient.phone),
        "staff's diary of a day": diary(),
        "32 deliveries claimed and settled": outbox(),
        "8 holds expired": expire(free),
        "50 events of the feed": feed(),
        "has anything changed there?": version(),
        "20 reminders enqueued": reminders(),
        "an idempotency key": idempotency(),
    }


def openings(service):
    """Yield some openings of one location after the other, as requests for them."""
    now = timezone.now()
    start, end = now + TWO_WEEKS, now + 2 * TWO_WEEKS
    for location in cycle(Location.objects.order_by("name")):
        found = open_times(OpeningFilters(service, location_id=location.pk), start_at=start, end_at=end, now=now)
        for one in found[:: len(found) // AT_LOCATION]:
            yield OpeningRequest(service, one.starts_at, Clinician(pk=one.clinician_id), location, is_remote=False)


numbers = count()


def hold(opening):
    """Place a hold as a visitor does, each from a network of their own."""
    holder = Holder("visitor", Visitor(Networks(f"network {next(numbers)}")))
    return place_hold(opening, holder=holder, actor="patient", limits=UNLIMITED)


def place(free):
    def prepare():
        opening = next(free)
        return lambda: hold(opening)

    return prepare


def confirm(free):
    def prepare():
        held, number = hold(next(free)), next(numbers)
        patient = Patient(
            first_name="Alice",
            last_name=f"Archer {uuid4()}",
            date_of_birth=date(1950, 1, 1) + number * DAY,
            email=f"{uuid4()}@patients.example",
            phone=f"+4420790{number:05}",
        )
        return lambda: confirm_hold(held, patient=patient, actor="patient")

    return prepare


def one_day(service):
    clinicians = cycle(Clinician.objects.order_by("name").values_list("pk", flat=True)[::7])

    def prepare():
        filters, now = OpeningFilters(service, clinician_ids=[next(clinicians)]), timezone.now()
        start = now + timedelta(days=7)
        return lambda: open_times(filters, start_at=start, end_at=start + DAY, now=now)

    return prepare


def two_weeks(service):
    locations = cycle(Location.objects.order_by("name").values_list("pk", flat=True))

    def prepare():
        filters, now = OpeningFilters(service, location_id=next(locations)), timezone.now()
        return lambda: open_times(filters, start_at=now, end_at=now + TWO_WEEKS, now=now)

    return prepare


def search(describe):
    from booking.admin.staff_search import find  # registers pages

    request = RequestFactory().get("/")
    request.user, _ = User.objects.get_or_create(username="dana", is_superuser=True)
    people = cycle(Patient.objects.exclude(phone="").order_by("phone")[:200])

    def prepare():
        text = describe(next(people))
        return lambda: find(request, text)

    return prepare


def diary():
    locations = cycle(Location.objects.order_by("name"))

    def prepare():
        location, now = next(locations), timezone.now()
        day = now.date() + (1 if now.weekday() < 4 else 7 - now.weekday()) * DAY
        visits = Appointment.objects.exclude(status="cancelled")
        return lambda: list_columns(location, day, day, appointments=visits, holds=Hold.objects.all(), now=now)

    return prepare


def outbox():
    endpoint = WebhookEndpoint.objects.get()

    def prepare():
        OutboxMessage.objects.filter(status="waiting").delete()
        OutboxMessage.objects.bulk_create(
            OutboxMessage(kind="webhook.event", payload={"type": "appointment.created"}, endpoint=endpoint)
            for _ in range(DELIVERIES)
        )
        return claim_and_settle

    return prepare


def claim_and_settle():
    for batch in relay.claim_batches():
        messages = queue.start(batch.ids, batch.claimed_until)
        queue.settle(queue.Outcome(message, queue.Status.DONE) for message in messages)


def expire(free):
    def prepare():
        holds = [hold(next(free)) for _ in range(LAPSED)]
        past = timezone.now() - timedelta(seconds=1)
        Hold.objects.filter(pk__in=[each.pk for each in holds]).update(expires_at=past)
        Slot.objects.filter(pk__in=[each.slot_id for each in holds]).update(expires_at=past)
        return expire_stale_holds

    return prepare


def feed():
    latest = Event.objects.order_by("-id")[1_000]
    position = Position(latest.transaction_id, latest.pk, latest.created_at)
    return lambda: lambda: read_feed(position, kinds=ANNOUNCED_KINDS, limit=50)


def version():
    locations = cycle(Location.objects.order_by("name").values_list("pk", flat=True))

    def prepare():
        location = next(locations)
        return lambda: get_location_version(location)

    return prepare


def reminders():
    waiting = Reminder.objects.filter(status="waiting").order_by("due_at")

    def prepare():
        OutboxMessage.objects.filter(kind="email.reminder", status="waiting").delete()
        due = list(waiting.values_list("pk", flat=True)[:REMINDERS])
        Reminder.objects.filter(pk__in=due).update(due_at=timezone.now())
        return enqueue_due_reminders

    return prepare


def idempotency():
    holder = WebhookEndpoint.objects.get().pk

    def prepare():
        key = {"holder": holder, "route": "POST /api/v1/holds", "idempotency_key": str(uuid4())}
        return lambda: run_once(lambda: ((201, b'{"id": "1"}', {}), []), **key, request_hash=bytes(32))

    return prepare

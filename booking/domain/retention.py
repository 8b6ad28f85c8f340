"""What time takes away: where bookings came from, and the contact data of requests that nobody ever took.

Each step is a transaction of its own, and what is done is found no more: it may be killed anywhere, and goes on when it
runs again. Appointments that took place are for a person to decide on.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery

from booking.domain.erasure import YEAR, AlreadyErased, HasComingVisits, MustBeKept, erase_patient
from booking.domain.waitlist import CONFIRM_WITHIN
from booking.models import AnswerSheet, Appointment, OldRecord, WaitlistEntry
from patients.models import Patient
from scheduling.lib.clock import database_now

BATCH = 1000
HOUR = timedelta(hours=1)
# What a visitor has written of who comes, and for whom.
OF_REQUEST = [
    "attendee_name",
    "attendee_email",
    "attendee_phone",
    "contact_name",
    "relation",
    "notes",
    "cancellation_note",
    "override_note",
]

# Found by the index of those that have a network still. The holder stays where it says which program, which member of
# staff or which link it was: the API lists by it. "visitor" is what anonymous ones have.
FORGET_ORIGINS = """
      WITH ended AS (
    SELECT id FROM booking_hold
     WHERE NOT network = '' AND status <> 'active' AND updated_at < %(before)s
     LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE booking_hold AS hold
       SET network = '', network_56 = '', network_48 = '', page = '', verified_email = '', visitor = '',
           holder = CASE WHEN holder LIKE 'key:%%' THEN holder ELSE 'visitor' END
      FROM ended WHERE hold.id = ended.id
"""


def forget_origins() -> int:
    """Forget from where the holds that ended ORIGIN_RETENTION_HOURS ago were placed, and return how many there were."""
    before = database_now() - settings.ORIGIN_RETENTION_HOURS * HOUR
    return _repeat(FORGET_ORIGINS, before=before)


# An invented person's record exists only because of requests like that: nobody but a visitor made it, nobody has
# changed it since, and nothing else points at it.
LAPSED_ONLY = """
    SELECT patient.id FROM patients_patient AS patient
     WHERE patient.id = ANY(%(patients)s)
       AND restricted_at IS NULL AND erased_at IS NULL AND archived_at IS NULL AND nhs_number = '' AND external_id = ''
       AND EXISTS (SELECT FROM booking_event AS made
                    WHERE made.subject_id = patient.id AND made.kind = 'patient.created'
                      AND (made.actor = 'patient'
                           OR EXISTS (SELECT FROM booking_apikey AS key
                                       WHERE key.kind = 'publishable' AND made.actor = 'key:' || key.holder::text)))
       AND NOT EXISTS (SELECT FROM booking_event AS changed
                        WHERE changed.subject_id = patient.id AND changed.kind <> 'patient.created')
       AND NOT EXISTS (SELECT FROM booking_appointment AS visit
                        WHERE visit.patient_id = patient.id
                          AND NOT (status = 'cancelled' AND cancellation_reason = ANY(%(reasons)s)
                                   AND updated_at < %(before)s))
       AND NOT EXISTS (SELECT FROM booking_order WHERE patient_id = patient.id)
       AND NOT EXISTS (SELECT FROM booking_clientuser WHERE patient_id = patient.id)
       AND NOT EXISTS (SELECT FROM patients_patient AS merged WHERE merged.merged_into_id = patient.id)
"""
LAPSED = [Appointment.CancellationReason.NOT_ACKNOWLEDGED, Appointment.CancellationReason.UNUSUAL]


def forget_lapsed_requests() -> int:
    """Forget who asked for what nobody confirmed in time, or looked made up, LAPSED_RETENTION_HOURS after its end.

    Return how many there were. A patient who is known only from such requests is erased; of others only what they
    wrote with these goes.
    """
    before = database_now() - settings.LAPSED_RETENTION_HOURS * HOUR
    rows = Appointment.objects.filter(
        status=Appointment.Status.CANCELLED, cancellation_reason__in=LAPSED, updated_at__lt=before
    )
    rows = rows.exclude(attendee_name="").filter(patient__restricted_at=None).order_by()
    forgotten = 0
    while batch := dict(rows.values_list("pk", "patient_id")[:BATCH]):
        # First: it takes these appointments along, which are found no more afterwards.
        for patient_id in _list_lapsed_only(set(batch.values()), before):
            with suppress(Patient.DoesNotExist, AlreadyErased, HasComingVisits, MustBeKept):  # booked again by now
                erase_patient(patient_id, actor="worker")
        _forget_attendees(rows, batch)
        forgotten += len(batch)
    return forgotten


def _list_lapsed_only(patient_ids: set[UUID], before: datetime) -> list[UUID]:
    parameters = {"patients": list(patient_ids), "reasons": list(LAPSED), "before": before}
    with connection.cursor() as cursor:
        cursor.execute(LAPSED_ONLY, parameters)  # pyright: ignore[reportArgumentType]
        return [id for (id,) in cursor]


@transaction.atomic
def _forget_attendees(rows, ids):
    AnswerSheet.objects.filter(appointment__in=rows.filter(pk__in=ids).values("pk")).delete()
    rows.filter(pk__in=ids).update(**dict.fromkeys(OF_REQUEST, ""), updated_at=database_now())


def forget_old_wishes() -> int:
    """Delete the wishes that ended LAPSED_RETENTION_HOURS ago, or were never confirmed; return how many there were.

    Of the others it is forgotten where they came from, ORIGIN_RETENTION_HOURS after.
    """
    now = database_now()
    ended = ~Q(status__in=WaitlistEntry.LIVE) & Q(updated_at__lt=now - settings.LAPSED_RETENTION_HOURS * HOUR)
    never_confirmed = Q(status=WaitlistEntry.Status.UNCONFIRMED, created_at__lt=now - CONFIRM_WITHIN)
    _all, deleted = WaitlistEntry.objects.filter(ended | never_confirmed).delete()
    old = WaitlistEntry.objects.filter(created_at__lt=now - settings.ORIGIN_RETENTION_HOURS * HOUR)
    old.exclude(network="").update(network="")
    return deleted.get(WaitlistEntry._meta.label, 0)


def find_old_records() -> QuerySet[OldRecord]:
    """Return the patients all of whose visits are older than the clinic has to keep them, for a person to decide.

    They have ``visits``, how many, and ``last_visit_at``. Those that are restricted were decided on already.
    """
    before = database_now() - settings.RETENTION_YEARS * YEAR
    visits = Appointment.objects.filter(patient=OuterRef("pk")).order_by()
    last = visits.values("patient").annotate(last=Max("starts_at"), number=Count("pk"))
    rows = OldRecord.objects.filter(erased_at=None, restricted_at=None, merged_into=None)
    rows = rows.filter(Exists(visits.filter(starts_at__lt=before)), ~Exists(visits.filter(starts_at__gte=before)))
    return rows.annotate(last_visit_at=Subquery(last.values("last")), visits=Subquery(last.values("number")))


def _repeat(statement, **parameters):
    """Run a statement on batches of rows, each in a transaction of its own, until none is left; return how many."""
    changed, last = 0, BATCH
    while last == BATCH:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, {**parameters, "limit": BATCH})
            last = cursor.rowcount
        changed += last
    return changed

"""One person, one place at a time: the other visits of a patient that a booking clashes with."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from booking.models import Appointment, Booking
from booking.models.enums import Job
from booking.outbox import queue

Status = Appointment.Status


class Conflict(NamedTuple):
    """Another appointment of the patient: at the same time, or else of the same service on the same day.

    ``appointment_id`` is None where it must not be told.
    """

    appointment_id: UUID | None
    is_overlap: bool


class PatientBusy(Exception):
    """The patient has another appointment then, or one of a service that is booked once a day: ``conflict``.

    Only who may know the patient is told: a visitor never is.
    """

    message = _("That patient has another appointment then, or the same service on that day already.")

    def __init__(self, conflict: Conflict):
        self.conflict = conflict
        super().__init__(str(conflict.appointment_id))


# By hand: every booking runs it, and the ORM takes longer to build it than PostgreSQL to answer.
FIND_CONFLICTS = """
    SELECT id, starts_at < %(ends_at)s AND ends_at > %(starts_at)s AND status <> 'completed' AS is_overlap
      FROM booking_appointment
     WHERE patient_id = %(patient)s AND id <> %(id)s
       AND status = ANY(%(statuses)s) AND (status <> 'pending' OR answer_by > %(now)s)
       AND (starts_at < %(ends_at)s AND ends_at > %(starts_at)s AND status <> 'completed'
            OR service_id = %(service)s AND starts_at >= %(day_starts_at)s AND starts_at < %(day_ends_at)s)
     ORDER BY is_overlap DESC, starts_at, id
"""


def find_conflicts(booking: Booking, patient_id: UUID, *, now: datetime) -> list[Conflict]:
    """Return the conflicts of a booking with the patient's other visits, without buffers, those at its time first.

    Call it under the patient's lock, or two bookings at once find nothing of each other.
    """
    day_starts_at = day_ends_at = None
    if booking.service.is_once_a_day:
        day, zone = booking.local_start.date(), booking.location.zone
        day_starts_at, day_ends_at = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    parameters = {
        "patient": patient_id,
        "id": booking.pk,
        "statuses": [*Appointment.STANDING, Status.COMPLETED],
        "now": now,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "service": booking.service_id,
        "day_starts_at": day_starts_at,
        "day_ends_at": day_ends_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND_CONFLICTS, parameters)
        return [Conflict(*row) for row in cursor.fetchall()]


def check_conflicts(booking: Booking, patient_id: UUID, *, now: datetime, must_be_free: bool) -> list[Conflict]:
    """Return what find_conflicts does; with ``must_be_free`` raise PatientBusy if there are any."""
    conflicts = find_conflicts(booking, patient_id, now=now)
    if conflicts and must_be_free:
        raise PatientBusy(conflicts[0])
    return conflicts


def tell_patient(appointment: Appointment, conflicts: list[Conflict]) -> None:
    """Enqueue an e-mail to the address on the patient's record about the other visits; without any, none."""
    if conflicts:
        others = " ".join(str(conflict.appointment_id) for conflict in conflicts)
        queue.enqueue(Job.EMAIL_ALSO_BOOKED, appointment=appointment.pk, others=others)

"""One person, one place at a time: the other visits of a patient that a booking clashes with."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from booking.models import Appointment, Booking
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.lib.pipelined_postgresql import execute_later

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
       AND status = ANY(%(statuses)s) AND (status <> 'pending' OR answer_by > clock_timestamp())
       AND (starts_at < %(ends_at)s AND ends_at > %(starts_at)s AND status <> 'completed'
            OR service_id = %(service)s AND starts_at >= %(day_starts_at)s AND starts_at < %(day_ends_at)s)
     ORDER BY is_overlap DESC, starts_at, id
"""


def find_conflicts(booking: Booking, patient_id: UUID) -> list[Conflict]:
    """Return the conflicts of a booking with the patient's other visits, without buffers, those at its time first.

    Call it under the patient's lock, or two bookings at once find nothing of each other.
    """
    return find_conflicts_later(booking, patient_id)()


def find_conflicts_later(booking: Booking, patient_id: UUID) -> Callable[[], list[Conflict]]:
    """Have the conflicts looked for with the next statement, behind the patient's lock; return a function for them.

    Call that once the booking is as it is by then: if it is at another time, they are looked for once more.
    """
    parameters = _describe(booking, patient_id)
    cursor = execute_later(FIND_CONFLICTS, parameters)

    def get_conflicts():
        if _describe(booking, patient_id) != parameters:
            return find_conflicts(booking, patient_id)
        return [Conflict(*row) for row in cursor.fetchall()]

    return get_conflicts


def _describe(booking, patient_id):
    """Return the parameters of FIND_CONFLICTS."""
    day_starts_at = day_ends_at = None
    if booking.service.is_once_a_day:
        day, zone = booking.local_start.date(), booking.location.zone
        day_starts_at, day_ends_at = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return {
        "patient": patient_id,
        "id": booking.pk,
        "statuses": [*Appointment.STANDING, Status.COMPLETED],
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "service": booking.service_id,
        "day_starts_at": day_starts_at,
        "day_ends_at": day_ends_at,
    }


def check_conflicts(booking: Booking, patient_id: UUID, *, must_be_free: bool) -> list[Conflict]:
    """Return what find_conflicts does; with ``must_be_free`` raise PatientBusy if there are any."""
    conflicts = find_conflicts(booking, patient_id)
    if must_be_free:
        refuse_conflicts(conflicts)
    return conflicts


def refuse_conflicts(conflicts: list[Conflict]) -> None:
    """Raise PatientBusy if there are any."""
    if conflicts:
        raise PatientBusy(conflicts[0])


def tell_patient(appointment: Appointment, conflicts: list[Conflict]) -> None:
    """Enqueue an e-mail to the address on the patient's record about the other visits; without any, none."""
    if conflicts:
        others = " ".join(str(conflict.appointment_id) for conflict in conflicts)
        queue.enqueue(Job.EMAIL_ALSO_BOOKED, appointment=appointment.pk, others=others)

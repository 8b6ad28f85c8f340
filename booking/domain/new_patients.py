"""Services for people who have not been here before: who says so, and who is known all the same."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from booking.models import Hold
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Service


class NewPatientsOnly(Exception):
    """The service is for people who have not been here before; who has proved a contact has."""

    message = _("Only people who have not been here before can book this.")


# Of this record, or of one with the same name and birth date: there was a visit, or somebody other than a visitor has
# written it down. By hand: it runs when a visitor's hold is confirmed.
IS_KNOWN = """
    SELECT EXISTS (
    SELECT FROM patients_patient AS known
     WHERE (known.id = %(id)s OR date_of_birth = %(born)s AND normalized_name = %(name)s AND archived_at IS NULL)
       AND (EXISTS (SELECT FROM booking_appointment AS visit
                     WHERE visit.patient_id = known.id AND visit.starts_at < %(now)s
                       AND visit.status IN ('confirmed', 'in_progress', 'completed'))
            OR NOT EXISTS (SELECT FROM booking_event AS made
                            WHERE made.subject_id = known.id AND made.kind = 'patient.created'
                              AND (made.actor = 'patient'
                                   OR EXISTS (SELECT FROM booking_apikey AS key
                                               WHERE key.kind = 'publishable'
                                                 AND made.actor = 'key:' || key.holder::text)))))
"""


def check_new(service: Service, people: Iterable[Patient]) -> None:
    """Raise NewPatientsOnly if the service is for new people, and one of these has been here before."""
    if service.new_patients_only_text and any(_is_known(patient, now=database_now()) for patient in people):
        raise NewPatientsOnly


def is_known_after_all(hold: Hold, patient: Patient, *, now: datetime) -> bool:
    """Return whether who has said that they are new is known, by name and birth date: staff see it, nobody else."""
    has_said_new = hold.network and hold.service.new_patients_only_text and not hold.order_id
    return bool(has_said_new) and _is_known(patient, now=now)


def _is_known(patient, *, now):
    parameters = {"id": patient.pk, "born": patient.date_of_birth, "name": patient.normalized_name, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(IS_KNOWN, parameters)
        return cursor.fetchall()[0][0]

"""What it costs to write down who has looked, with each page and each answer of the API that shows patients."""

from functools import partial
from uuid import uuid4

from django.db import connection

from booking.domain.patient_access import record_access
from booking.models import PatientAccess

NUMBER = 300_000

# A page each with five of ten thousand patients.
ACCESSES = """
    INSERT INTO booking_patientaccess (action, actor, patient_ids, page, created_at)
    SELECT 'view', 'staff:1', ARRAY(SELECT md5(((n * 7 + m) %% 10000)::text)::uuid FROM generate_series(1, 5) AS m),
           'admin:patients_patient_changelist', now()
      FROM generate_series(1, %s) AS n
"""


def make_measures():
    """Add many rows and return the measures of adding one more."""
    with connection.cursor() as cursor:
        cursor.execute(ACCESSES, [NUMBER])
    ids = [uuid4() for _ in range(100)]
    of = {"action": PatientAccess.Action.VIEW, "actor": "staff:1", "page": "admin:patients_patient_changelist"}
    return {
        f"{number} patient{'s' if number > 1 else ''} seen": partial(record_access, ids[:number], **of)
        for number in (1, 20, 100)
    }

"""Print all that is kept about a patient: `manage.py export_patient <id> --format html > patient.html`."""

from getpass import getuser
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from booking.domain.erasure import list_records
from booking.domain.patient_access import record_access
from booking.domain.patient_export import FORMATS, export_patient
from booking.models import PatientAccess
from patients.models import Patient


class Command(BaseCommand):
    help = "Print all that is kept about a patient, records merged into theirs included."

    def add_arguments(self, parser):
        parser.add_argument("id", type=UUID)
        parser.add_argument("--format", choices=list(FORMATS), default="json")

    def handle(self, *, id, **options):
        try:
            content = FORMATS[options["format"]](export_patient(id))
        except Patient.DoesNotExist as error:
            raise CommandError("There is no such patient.") from error
        record_access(
            list_records(id),
            action=PatientAccess.Action.EXPORT,
            actor=f"command:{getuser()}"[:64],
            page="manage.py export_patient",
        )
        self.stdout.write(content.decode())

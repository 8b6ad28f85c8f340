"""Erase a patient: `manage.py erase_patient <id> --yes`. docs/privacy.md says what goes and what stays."""

from getpass import getuser
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from booking.domain.erasure import AlreadyErased, HasComingVisits, MustBeKept, erase_patient
from patients.models import Patient


class Command(BaseCommand):
    help = "Erase all that says who a patient is. Nobody can bring it back."

    def add_arguments(self, parser):
        parser.add_argument("id", type=UUID)
        parser.add_argument("--yes", action="store_true", help="without it nothing is erased")

    def handle(self, *, id, yes, **options):
        if not yes:
            raise CommandError("Nobody can bring it back. To erase the patient, add --yes.")
        try:
            erase_patient(id, actor=f"command:{getuser()}"[:64])
        except Patient.DoesNotExist as error:
            raise CommandError("There is no such patient.") from error
        except MustBeKept as refusal:
            raise CommandError(f"{refusal.message} They have to be kept until {refusal.until:%Y-%m-%d}.") from refusal
        except (AlreadyErased, HasComingVisits) as refusal:
            raise CommandError(str(refusal.message)) from refusal
        self.stdout.write("Erased.")

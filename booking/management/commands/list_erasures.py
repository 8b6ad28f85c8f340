"""Print the ids of erased patients, one a line: keep them beside the backups, for `manage.py replay_erasures`."""

from django.core.management.base import BaseCommand

from booking.models import Erasure


class Command(BaseCommand):
    help = "Print the ids of all patients who were erased, to be kept beside the backups."

    def handle(self, **options):
        for id in Erasure.objects.order_by("erased_at").values_list("patient_id", flat=True):
            self.stdout.write(str(id))

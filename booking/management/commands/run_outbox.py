"""`manage.py run_outbox --once`: send what is due, without broker and workers."""

from django.core.management.base import BaseCommand

from booking.outbox.relay import run_due


class Command(BaseCommand):
    help = "Do what is due in the outbox here and now, without Celery: for a clinic whose broker is away."

    def add_arguments(self, parser):
        parser.add_argument(
            "--once", action="store_true", required=True, help="Try every message that is due once, and end."
        )

    def handle(self, *, once, **options):
        number = run_due()
        self.stdout.write(f"{number} message{'' if number == 1 else 's'} tried.")

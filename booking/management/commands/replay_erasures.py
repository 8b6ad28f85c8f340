"""Erase again whom a restored backup has brought back: `manage.py replay_erasures < erasures.txt`."""

import sys
from getpass import getuser
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from booking.domain.erasure import replay_erasures


class Command(BaseCommand):
    help = "Read ids as list_erasures prints them, and erase those patients again."

    def handle(self, **options):
        try:
            ids = [UUID(line) for line in sys.stdin.read().split()]
        except ValueError as error:
            raise CommandError("Send the ids that `manage.py list_erasures` has printed, one a line.") from error
        number = replay_erasures(ids, actor=f"command:{getuser()}"[:64])
        self.stdout.write(f"Erased again: {number} of {len(ids)}.")

"""Read one e-mail that came back, from standard input, and note which appointment's it was."""

import sys

from django.core.management.base import BaseCommand

from booking.integrations.email.undeliverable import take_bounce

MAX_BYTES = 1_000_000


class Command(BaseCommand):
    """For a pipe of a mail server, or of a program that fetches a mailbox. It always succeeds: a mail that is no report
    of a failure, or of none of ours, is nobody's mistake."""

    help = "Read one e-mail that came back, from standard input, and note which appointment's it was."

    def handle(self, *args, **options):
        found = take_bounce(sys.stdin.buffer.read(MAX_BYTES))
        self.stdout.write(f"Noted: {found.kind}, {found.status_code}." if found else "Nothing to note.")

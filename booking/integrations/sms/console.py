"""A stand-in for a gateway: texts are written where the program runs, for development and the demo."""

import sys

from booking.integrations.sms.base import Report, Text


class Gateway:
    def send(self, text: Text) -> str:
        """Print a text."""
        sys.stdout.write(f"Text message to {text.number}:\n{text.body}\n")
        sys.stdout.flush()
        return ""

    def read_report(self, request, form) -> Report | None:
        """Return None: nobody reports."""
        return None

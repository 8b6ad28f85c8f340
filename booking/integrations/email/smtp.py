"""Django's SMTP backend with a limit for a whole conversation: smtplib's timeout starts anew with each reply."""

import smtplib
import time

from django.core.mail.backends import smtp

CONVERSATION_TIMEOUT = 40.0  # seconds, well below booking.outbox.queue.CLAIM


class _SMTP(smtplib.SMTP):
    def __init__(self, *args, **kwargs):
        self.deadline = time.monotonic() + CONVERSATION_TIMEOUT
        super().__init__(*args, **kwargs)

    def getreply(self):
        """Read a reply; raise SMTPServerDisconnected when the conversation has lasted too long."""
        left = max(self.deadline - time.monotonic(), 0.001)
        if self.sock:
            self.sock.settimeout(min(self.timeout, left))
        return super().getreply()


class _SMTP_SSL(_SMTP, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """Send over a connection that ends after CONVERSATION_TIMEOUT."""

    @property
    def connection_class(self):
        return _SMTP_SSL if self.use_ssl else _SMTP

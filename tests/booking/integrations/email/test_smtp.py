"""A mail server that answers slowly, reply by reply, does not hold a task for longer than its claim."""

import smtplib
import socketserver
import threading
from contextlib import contextmanager, suppress

import pytest
from django.core.mail import EmailMessage

from booking.integrations.email import smtp
from tests.waiting import assert_time_limit


class Tarpit(socketserver.StreamRequestHandler):
    """Greet at once, and then take half a second for every line."""

    def handle(self):
        with suppress(OSError):  # the caller has hung up
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                threading.Event().wait(0.5)
                self.wfile.write(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 fine\r\n")


@contextmanager
def serving():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tarpit) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address
        server.shutdown()


def send(host, port):
    backend = smtp.EmailBackend(host=host, port=port, username="", password="", timeout=10)
    return backend.send_messages([EmailMessage("Hello", "How are you?", "a@example.org", ["b@example.org"])])


def test_slow_conversation_is_given_up(monkeypatch):
    monkeypatch.setattr(smtp, "CONVERSATION_TIMEOUT", 1.2)

    with serving() as address, assert_time_limit(2), pytest.raises(smtplib.SMTPException):
        send(*address)


def test_conversation_within_the_bound_delivers():
    with serving() as address:
        assert send(*address) == 1

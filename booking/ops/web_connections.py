"""The web server's clients: what of a request has arrived, and what of an answer is unsent."""

import re
import socket
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn

from booking.settings import DATA_UPLOAD_MAX_MEMORY_SIZE

MAX_HEAD_BYTES = 32_768  # of a request: its line and its headers
MAX_UNSENT_BYTES = 4_000_000  # of one answer; beyond that its thread waits for the client
SLOWEST_RATE = 10_000  # bytes a second, of bodies and answers, after GRACE_SECONDS
GRACE_SECONDS = 20
CHUNK_BYTES = 65_536

# It never goes back in what it has read: a client could send one over which it would do so for seconds.
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*+0*+([0-9]{0,4000}+)[ \t]*+\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)


class IncomingRequest:
    """A request while it arrives.

    ``is_ready`` says whether a thread can have it: all of it is there, or what is there suffices to refuse the rest.
    Only if it ``is_whole`` may another request follow. ``must_continue`` says that its client waits to be told so,
    ``is_too_large`` that its line and headers are more than MAX_HEAD_BYTES.
    """

    def __init__(self):
        self.received = bytearray()
        self.head_length = 0  # known once the head is there
        self.length = 0
        self.is_ready = self.is_whole = self.must_continue = self.is_too_large = False

    def receive(self, data):
        """Append what has arrived."""
        start = max(0, len(self.received) - 3)
        self.received += data
        if not self.head_length:
            end = self.received.find(b"\r\n\r\n", start)
            self.is_too_large = (len(self.received) if end < 0 else end) > MAX_HEAD_BYTES
            if end < 0 or self.is_too_large:
                return
            self._read_head(end + 4)
        if not self.is_ready:
            self.is_ready = self.is_whole = len(self.received) >= self.length

    def _read_head(self, length):
        head = bytes(self.received[:length])
        found = CONTENT_LENGTH.search(head)
        body_length = int(found[1] or b"0") if found else 0
        # Nothing reads these bodies: booking.ops.request_limits refuses them.
        self.is_ready = bool(CHUNKED.search(head)) or body_length > DATA_UPLOAD_MAX_MEMORY_SIZE
        # It is answered here: gunicorn would ask for a body that is then refused.
        without = EXPECT.sub(b"", head, count=1)
        self.must_continue = without != head and not self.is_ready
        self.received[:length] = without
        self.head_length = len(without)
        self.length = self.head_length + body_length


class ClientSocket(socket.socket):
    """A socket that no thread waits for. What a client does not take at once stays in ``unsent``, for the loop."""

    __slots__ = ("unsent",)

    def __init__(self, accepted):
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.settimeout(0)
        self.unsent = bytearray()

    def setblocking(self, flag):
        """Stay as it is: gunicorn asks for it before it parses and writes."""

    def recv(self, bufsize, flags=0):
        """Return that nothing more comes: what gunicorn's parser may read of a request is in its buffer."""
        return b""

    def receive(self):
        """Return what has arrived, b"" at the end, or None."""
        try:
            return super().recv(CHUNK_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def sendall(self, data, flags=0):
        sent = 0 if self.unsent else self._send_some(data)
        self.unsent += memoryview(data)[sent:]
        if len(self.unsent) > MAX_UNSENT_BYTES:
            rest, self.unsent = self.unsent, bytearray()
            self.settimeout(get_seconds(len(rest)))
            try:
                super().sendall(rest)
            finally:
                self.settimeout(0)  # the loop is next, also if the client has not taken it all

    def send_unsent(self):
        """Send what the client takes at once, and return whether anything is left."""
        if self.unsent:
            del self.unsent[: self._send_some(self.unsent)]
        return bool(self.unsent)

    def _send_some(self, data):
        try:
            return self.send(data)
        except BlockingIOError:
            return 0


class Connection(TConn):
    """A client: its ``incoming`` request, and until when the loop waits for it."""

    def __init__(self, cfg, accepted, client, server):
        super().__init__(cfg, ClientSocket(accepted), client, server)
        self.sock: ClientSocket
        self.deadline = 0.0
        self.counted = 0  # of its buffered bytes, in the worker's sum
        self.parser: Any = None  # gunicorn's, once a thread is to have a request
        self.initialized = True
        self.incoming = IncomingRequest()

    @property
    def buffered(self):
        return len(self.incoming.received) + len(self.sock.unsent)

    def give_to_parser(self):
        """Give what has arrived to the parser, which nobody needs who is refused."""
        self.parser = self.parser or http.get_parser(self.cfg, self.sock, self.client)
        self.parser.unreader.unread(bytes(self.incoming.received))
        self.incoming.received.clear()

    def take_from_parser(self):
        """Return what has arrived beyond the request that is answered."""
        return self.parser.unreader.take_buffered()


def get_seconds(size):
    """Return how long a client may take for so many bytes."""
    return GRACE_SECONDS + size / SLOWEST_RATE

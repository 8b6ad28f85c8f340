"""The worker of gunicorn that slow clients cannot stop: its threads never wait for a client.

gunicorn's own threads read requests and write answers themselves, so as many slow clients as there are threads keep
everybody out. Here the loop that accepts connections also reads: a thread gets a request once all of it is there, or
once it is known to be refused. What a client does not take of an answer at once, the loop sends.

Every client has a deadline for every step, and one that gives or takes less than SLOWEST_RATE is dropped. When
connections run out the one that has waited longest is, and when memory does the largest: no client is turned away
for slow ones.

What is whole waits for a thread in a RequestQueue. Whoever is refused there is told so by the loop: no thread, no
parser and no middleware sees the request.
"""

import errno
import logging
import re
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn import http, util
from gunicorn.workers.gthread import TConn, ThreadWorker

from booking.ops.overload import RequestQueue, get_rank
from booking.settings import DATA_UPLOAD_MAX_MEMORY_SIZE

logger = logging.getLogger("booking.overload")

MAX_HEAD_BYTES = 32_768  # of a request: its line and its headers
MAX_BUFFERED_BYTES = 64_000_000  # of unfinished requests and answers, in one process
MAX_UNSENT_BYTES = 4_000_000  # of one answer; beyond that its thread waits for the client
HEAD_SECONDS = 10
SLOWEST_RATE = 10_000  # bytes a second, of bodies and answers, after GRACE_SECONDS
GRACE_SECONDS = 20
LINGER_SECONDS = 2
SWEEP_SECONDS = 0.5
QUEUE_SWEEP_SECONDS = 0.05  # while requests wait for a thread
LOG_SECONDS = 5
MAX_ACCEPTED = 8  # connections in one go
# How long a thread computes before the next one may, in seconds: Python's own, and while requests wait. The loop needs
# its turn several times for each connection, and with the first it waited for so long that it could refuse nobody.
USUAL_TURN, SHORT_TURN = 0.005, 0.0003
CHUNK_BYTES = 65_536

# It never goes back in what it has read: a client could send one over which it would do so for seconds.
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*+0*+([0-9]{0,4000}+)[ \t]*+\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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


class WebWorker(ThreadWorker):
    """Overrides where gunicorn's threaded worker waits for clients."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting: dict[Connection, None] = {}  # that the loop waits for, longest first
        self.buffered = 0
        self.sweep_at = 0.0
        self.queue = RequestQueue(self.cfg.threads)
        self.turn = USUAL_TURN
        self.refused, self.told_at = 0, 0.0  # since it was logged

    @classmethod
    def check_config(cls, cfg, log):
        if cfg.is_ssl:
            sys.exit("Holdfast cannot start: https is spoken by a proxy in front of it, not by its web server.")

    # The loop: nothing here may block

    def wait_for_and_dispatch_events(self, timeout):
        super().wait_for_and_dispatch_events(QUEUE_SWEEP_SECONDS if self.queue else timeout)
        self.give_to_threads()

    def enqueue_req(self, conn: Connection):  # pyright: ignore[reportIncompatibleMethodOverride]
        self.queue.put(conn, get_rank(conn.incoming.received), time.monotonic())

    def give_to_threads(self):
        """Give the threads what they may have of the queue, and refuse what is to be refused."""
        now = time.monotonic()
        while conn := self.queue.take(now):
            conn.give_to_parser()
            super().enqueue_req(conn)
        for conn in self.queue.refuse(now):
            self.refuse(conn)
        turn = SHORT_TURN if self.queue else USUAL_TURN
        if turn != self.turn:
            self.turn = turn
            sys.setswitchinterval(turn)

    def refuse(self, conn):
        """Tell a client to come back in a moment."""
        from booking.ops.overload_answers import write_refusal  # gunicorn loads this module ahead of Django

        self.refused += 1
        self.say(conn, write_refusal(conn.incoming.received))
        if conn.incoming.is_whole and not conn.sock.unsent:
            self.close(conn)  # all it has sent was read: it is no reset
        else:
            self.send_answer(conn, self.hang_up)

    def accept(self, listener):
        for _ in range(MAX_ACCEPTED):
            if self.nr_conns >= self.worker_connections or not self.accept_one(listener):
                break

    def accept_one(self, listener):
        """Accept a connection, and return whether there was one."""
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.drop_longest_waiting()
            return False
        self.nr_conns += 1
        conn = Connection(self.cfg, accepted, client, listener.getsockname())
        self.read_first_request(conn)
        if self.nr_conns >= self.worker_connections:
            self.drop_longest_waiting()
        return True

    def read_first_request(self, conn):
        """Read what is there already, which is mostly all of it: in a rush each call of the system counts."""
        begun = conn.sock.receive()
        if begun == b"":
            self.close(conn)
            return
        if begun:
            conn.incoming.receive(begun)
            if conn.incoming.is_ready and not conn.incoming.is_too_large:
                self.queue_request(conn)
                return
        self.read_request(conn, begun)

    def read_next_request(self, conn):
        self.read_request(conn, conn.take_from_parser())

    def read_request(self, conn, begun):
        """Wait for a connection's request, of which some may have begun to arrive."""
        conn.incoming = IncomingRequest()
        self.start_waiting(
            conn, EVENT_READ, self.on_readable, seconds=self.cfg.keepalive if self.alive else LINGER_SECONDS
        )
        self.count_buffered(conn)
        if begun and conn in self.waiting:
            self.take(conn, begun)

    def on_readable(self, conn, sock):
        data = sock.receive()
        if data:
            self.take(conn, data)
        elif data is not None:
            self.drop(conn)

    def take(self, conn, data):
        """Add to a connection's request, and give it to a thread when it is ready."""
        incoming, had_head = conn.incoming, conn.incoming.head_length
        if not incoming.received:
            conn.deadline = time.monotonic() + HEAD_SECONDS
        incoming.receive(data)
        if incoming.is_too_large:
            self.say(conn, TOO_LARGE)
            self.stop_waiting(conn)
            self.hang_up(conn)
            return
        if incoming.is_ready:
            self.stop_waiting(conn)  # first: it must not be dropped for its own bytes
            self.queue_request(conn)
            return
        if incoming.head_length and not had_head:
            conn.deadline = time.monotonic() + get_seconds(incoming.length)
            if incoming.must_continue:
                self.say(conn, CONTINUE)
        self.count_buffered(conn)

    def queue_request(self, conn):
        self.count_buffered(conn)  # until it is answered
        self.enqueue_req(conn)

    def say(self, conn, text):
        with suppress(OSError):  # the next read tells
            conn.sock.sendall(text)

    def finish_request(self, conn, fs):
        """Send the rest of the answer that a thread has written, then read on or hang up."""
        self.queue.finish(conn, time.monotonic())
        is_kept = not fs.cancelled() and fs.exception() is None and fs.result()
        self.send_answer(conn, self.read_next_request if is_kept else self.hang_up)

    def send_answer(self, conn, go_on):
        try:
            is_unsent = conn.sock.send_unsent()
        except OSError:
            self.close(conn)
            return
        if not is_unsent:
            go_on(conn)
            return
        self.start_waiting(
            conn, EVENT_WRITE, partial(self.on_writable, go_on=go_on), seconds=get_seconds(len(conn.sock.unsent))
        )
        self.count_buffered(conn)

    def on_writable(self, conn, sock, go_on):
        try:
            is_unsent = sock.send_unsent()
        except OSError:
            self.drop(conn)
            return
        if is_unsent:
            self.count_buffered(conn)
        else:
            self.stop_waiting(conn)
            go_on(conn)

    def hang_up(self, conn):
        """Say that no more comes, and wait a little for the client to have read it (RFC 9112, 9.6)."""
        try:
            conn.sock.send_unsent()
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close(conn)
            return
        self.start_waiting(conn, EVENT_READ, self.on_lingering, seconds=LINGER_SECONDS)

    def on_lingering(self, conn, sock):
        if sock.receive() == b"":
            self.drop(conn)

    def start_waiting(self, conn, event, callback, *, seconds):
        conn.deadline = time.monotonic() + seconds
        self.waiting[conn] = None
        self.poller.register(conn.sock, event, partial(self.on_event, conn, callback))

    def on_event(self, conn, callback, sock):
        if conn in self.waiting:  # not dropped for another one a moment ago
            callback(conn, sock)

    def stop_waiting(self, conn):
        del self.waiting[conn]
        self.poller.unregister(conn.sock)

    def count_buffered(self, conn):
        """Count what a connection has buffered; when that is too much in all, drop who has most and is waited for."""
        self.buffered += conn.buffered - conn.counted
        conn.counted = conn.buffered
        while self.buffered > MAX_BUFFERED_BYTES and self.waiting:
            largest = max(self.waiting, key=lambda one: one.counted)
            if largest.counted <= CHUNK_BYTES:
                break
            self.drop(largest)

    def drop_longest_waiting(self):
        if self.waiting:
            self.drop(next(iter(self.waiting)))

    def drop(self, conn):
        self.stop_waiting(conn)
        self.close(conn)

    def close(self, conn):
        self.nr_conns -= 1
        self.buffered -= conn.counted
        util.close(conn.sock)

    def murder_keepalived(self, force=False):
        """Drop the connections whose time is over, or all."""
        now = time.monotonic()
        if now < self.sweep_at and not force:
            return
        self.sweep_at = now + SWEEP_SECONDS
        if self.refused and now - self.told_at > LOG_SECONDS:
            logger.warning("more requests than can be answered", extra={"fields": {"refused": self.refused}})
            self.refused, self.told_at = 0, now
        for conn in [conn for conn in self.waiting if force or conn.deadline <= now]:
            self.drop(conn)

    def murder_pending(self):
        pass

    def _cap_keepalive(self, deadline):
        """Let go of who has not sent a request whole when the worker stops."""
        for conn in self.waiting:
            if not conn.sock.unsent:
                conn.deadline = min(conn.deadline, deadline)

    # In a thread

    def _keepalive_after(self, conn, keepalive):
        # All of the body is here; what is left of it belongs to nobody.
        return bool(keepalive and conn.incoming.is_whole and conn.parser.finish_body())


def get_seconds(size):
    """Return how long a client may take for so many bytes."""
    return GRACE_SECONDS + size / SLOWEST_RATE

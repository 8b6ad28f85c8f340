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
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from booking.ops.overload import RequestQueue, get_rank
from booking.ops.web_connections import CHUNK_BYTES, Connection, IncomingRequest, get_seconds

logger = logging.getLogger("booking.overload")

MAX_BUFFERED_BYTES = 64_000_000  # of unfinished requests and answers, in one process
HEAD_SECONDS = 10
LINGER_SECONDS = 2
SWEEP_SECONDS = 0.5
QUEUE_SWEEP_SECONDS = 0.05  # while requests wait for a thread
LOG_SECONDS = 5
MAX_ACCEPTED = 8  # connections in one go
# How long a thread computes before the next one may, in seconds: Python's own, and while requests wait. The loop needs
# its turn several times for each connection, and with the first it waited for so long that it could refuse nobody.
USUAL_TURN, SHORT_TURN = 0.005, 0.0003

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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

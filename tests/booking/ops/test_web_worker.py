"""What the web server's loop must never do: tests/failures/test_slow_clients.py has the server as a whole."""

import os
import socket
import time
from selectors import DefaultSelector

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from booking.ops import web_connections, web_worker
from booking.ops.web_connections import ClientSocket, IncomingRequest
from booking.ops.web_worker import WebWorker

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: "


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def worker(listener):
    """A worker that accepts and reads; its threads are not started."""
    config = Config()
    worker = WebWorker(1, os.getppid(), [], None, 30, config, Logger(config))
    worker.poller = DefaultSelector()
    worker.alive = True
    worker.tpool = worker.get_thread_pool()
    worker.tpool.shutdown()
    yield worker
    worker.murder_keepalived(force=True)
    worker.poller.close()
    worker.tmp.close()


def read_all(worker, size):
    """Let the loop read until it has ``size`` bytes, as far as it still has the connection."""
    (conn,) = worker.waiting
    while conn in worker.waiting and conn.buffered < size:
        worker.wait_for_and_dispatch_events(timeout=10)
    return conn


@pytest.mark.parametrize(
    ("value", "length"), [(b"5", 5), (b"\t0005 ", 5), (b"0", 0), (b"000", 0), (b"5x", 0), (b"1" * 4001, 0)]
)
def test_length_of_body_is_read_from_head(value, length):
    request = IncomingRequest()

    request.receive(POST + value + b"\r\n\r\n")

    assert (request.length - request.head_length, request.is_ready) == (length, length == 0)


def test_length_that_is_no_number_takes_no_time():
    """Of every 32 kB such a search went back over all pairs of digits: four seconds for everybody."""
    started = time.process_time()

    IncomingRequest().receive(POST + b"0" * 32_000 + b"x\r\n\r\n")

    assert time.process_time() - started < 0.5


def test_client_that_does_not_take_a_large_answer_in_time_leaves_socket_that_never_blocks(listener, monkeypatch):
    monkeypatch.setattr(web_connections, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(web_connections, "SLOWEST_RATE", 1e12)
    with socket.create_connection(listener.getsockname()), ClientSocket(listener.accept()[0]) as sock:
        with pytest.raises(TimeoutError):
            sock.sendall(b"x" * 20_000_000)

        assert (sock.gettimeout(), sock.send_unsent()) == (0.0, False)


def test_request_that_is_whole_is_not_dropped_for_its_own_bytes(listener, worker, monkeypatch):
    monkeypatch.setattr(web_worker, "MAX_BUFFERED_BYTES", 150_000)
    monkeypatch.setattr(worker, "enqueue_req", (given := []).append)
    with socket.create_connection(listener.getsockname()) as client:
        worker.accept(listener)
        client.sendall(POST + b"180000\r\n\r\n" + b"x" * 140_000)
        conn = read_all(worker, 140_000)
        client.sendall(b"x" * 40_000)
        read_all(worker, 1_000_000)

    assert (given, list(worker.waiting)) == ([conn], [])
    worker.close(conn)
    assert (worker.nr_conns, worker.buffered) == (0, 0)

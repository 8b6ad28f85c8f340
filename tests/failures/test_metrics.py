"""What a web server with two processes tells Prometheus, whichever of them is asked, and when one of them dies.

And what Celery's workers tell.
"""

import socket
from http.client import HTTPConnection
from pathlib import Path

import pytest

from booking.dev.redis import free_port
from booking.models import Heartbeat
from booking.outbox import heartbeats
from tests.booking.ops.metrics.conftest import TOKEN, read_samples
from tests.waiting import wait_until

ROUTE = (("method", "GET"), ("route", "/problems/<slug:code>"))
REQUESTS = ("holdfast_requests_total", *ROUTE, ("status", "200"))
DURATIONS = ("holdfast_request_seconds_count", *ROUTE)


class Server:
    """A web server with two processes, whose metrics have a port of their own and want a token."""

    def __init__(self, clinic):
        self.port, self.metrics_port = free_port(), free_port()
        self.program = clinic.run(
            "web",
            BIND=f"127.0.0.1:{self.port}",
            WEB_PROCESSES="2",
            METRICS_BIND=f"127.0.0.1:{self.metrics_port}",
            METRICS_TOKEN=TOKEN,
        )

    def ask(self, path, port=None, headers=None):
        # A new connection each time: any process may have it.
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def scrape(self, port=None):
        status, text = self.ask("/metrics", port or self.metrics_port, {"Authorization": f"Bearer {TOKEN}"})
        assert status == 200
        return read_samples(text)

    def list_workers(self):
        return self.program.all_processes()[1:]

    def answers(self):
        try:
            return self.ask("/healthz/live")[0] == 200 and len(self.list_workers()) == 2
        except ConnectionError:
            return False


@pytest.fixture
def server(clinic):
    running = Server(clinic)
    wait_until(running.answers)
    return running


def test_counts_are_of_all_processes_and_outlive_them(server):
    for _ in range(20):
        assert server.ask("/problems/slot-taken?patient=alice")[0] == 200
    for port in [server.metrics_port, server.port] * 4:
        samples = server.scrape(port)
        assert (samples[REQUESTS], samples[DURATIONS]) == (20, 20)
    [folder] = {Path(file.path).parent for file in list_files(server.list_workers())}
    files = {path.name for path in folder.glob("*.db")}

    killed = server.list_workers()
    for process in killed:
        process.kill()
    wait_until(lambda: not set(killed) & set(server.list_workers()) and server.answers())
    assert server.scrape()[REQUESTS] == 20
    for _ in range(20):
        server.ask("/problems/slot-taken")

    assert server.scrape()[REQUESTS] == 40
    assert {path.name for path in folder.glob("*.db")} == files
    server.program.process.terminate()
    server.program.process.wait()
    assert not folder.exists()


def list_files(processes):
    """Return the files that processes count in."""
    files = [file for process in processes for file in process.open_files()]
    return [file for file in files if file.path.endswith(".db")]


def test_metrics_are_closed_to_whoever_has_no_token(server):
    assert server.ask("/metrics")[0] == 401
    assert server.ask("/metrics", server.metrics_port)[0] == 401
    assert server.ask("/", server.metrics_port)[0] == 404
    assert server.ask("/healthz/live", server.metrics_port, {"Host": f"127.0.0.1:{server.port}"})[0] == 404


def scrape_worker(port, path="/metrics", token=TOKEN):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    return response.status, read_samples(response.read().decode())


def count_tasks(port):
    """Return how often each task has ended in each way, or nothing while the worker does not listen."""
    try:
        status, samples = scrape_worker(port)
    except ConnectionError:
        return {}
    assert status == 200
    return {tuple(dict(key[1:]).values()): value for key, value in samples.items() if key[0] == "holdfast_tasks_total"}


@pytest.mark.proof
def test_workers_tell_of_their_tasks_and_every_queue_has_a_heartbeat(clinic, book, at):
    ports = {"worker": free_port(), "delivery": free_port()}
    binds = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    programs = {name: clinic.run(name, WORKER_METRICS_BIND=binds[name], METRICS_TOKEN=TOKEN) for name in ports}
    clinic.run("beat", WORKER_METRICS_BIND=binds["worker"])  # which it leaves to workers
    book(at(9))

    wait_until(lambda: clinic.mailbox.accepted and Heartbeat.objects.count() == len(heartbeats.IDS))
    wait_until(lambda: count_tasks(ports["delivery"]).get(("success", "run_messages")))
    wait_until(lambda: count_tasks(ports["worker"]).get(("success", "relay_outbox"), 0) > 2)
    assert count_tasks(ports["worker"])["failure", "relay_outbox"] == 0
    assert scrape_worker(ports["worker"], token="another") == (401, {})
    assert scrape_worker(ports["worker"], path="/") == (404, {})

    _, *children = programs["worker"].all_processes()
    before = count_tasks(ports["worker"])["success", "relay_outbox"]
    for child in children:
        child.kill()
    wait_until(lambda: count_tasks(ports["worker"])["success", "relay_outbox"] > before)

    [folder] = {Path(file.path).parent for file in list_files(programs["worker"].all_processes()[1:])}
    programs["worker"].process.terminate()
    programs["worker"].process.wait()
    assert not folder.exists()


@pytest.mark.proof
def test_worker_whose_port_is_taken_does_not_start(clinic, capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = clinic.run("worker", WORKER_METRICS_BIND=f"127.0.0.1:{taken.getsockname()[1]}")
        assert worker.process.wait(60) == 1

    assert "cannot be had: Address already in use." in capfd.readouterr().err

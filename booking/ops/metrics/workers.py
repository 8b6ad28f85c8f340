"""What Celery's workers count of their tasks, and tell Prometheus at WORKER_METRICS_BIND: each at a port of its own.

The processes of a worker count in files, as those of the web server do. The first of them answers, in a thread: it
runs no tasks itself where there are others, and where tasks are threads, they wait for other systems.
"""

import os
import socket
import sys
from threading import Thread
from time import perf_counter
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from billiard.exceptions import TimeLimitExceeded
from billiard.process import current_process
from celery.signals import task_failure, task_postrun, task_prerun, worker_process_init, worker_shutdown
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from prometheus_client import Counter, Histogram

from booking.ops.metrics import processes
from booking.ops.metrics.middleware import PATH, answer_scrape

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50)

TASKS = Counter("holdfast_tasks", "Tasks that have ended.", ["task", "outcome"])
TASK_SECONDS = Histogram("holdfast_task_seconds", "Time that a task took.", ["task"], buckets=SECONDS)

_started = {}  # when each task did that runs in this process, by its id


def start() -> None:
    """Count this worker's tasks and answer Prometheus, if that is wanted. Call it before the worker has processes.

    Exits if the address is taken.
    """
    if not settings.WORKER_METRICS_BIND:
        return
    host, _, port = settings.WORKER_METRICS_BIND.rpartition(":")
    try:
        server = Server((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        sys.exit(f"WORKER_METRICS_BIND: {settings.WORKER_METRICS_BIND} cannot be had: {error.strerror}.")
    processes.share_counts(processes.MEMORY)
    for signal, receiver in RECEIVERS.items():
        signal.connect(receiver)
    server.set_app(answer)
    # A process that outlives the first one would keep the address from the next worker.
    os.register_at_fork(after_in_child=server.socket.close)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class Server(WSGIServer):
    """A web server for one client, at an IPv4 or IPv6 address."""

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        """Say nothing of a client that is gone."""


class Handler(WSGIRequestHandler):
    """One request, which has some seconds, without a line in the log."""

    timeout = 5

    def log_request(self, *args):
        pass


def answer(environ, start_response):
    """WSGI application: what all processes of the worker have counted."""
    request = WSGIRequest(environ)
    is_scrape = request.path_info == PATH
    response = answer_scrape(request, processes.write_counts) if is_scrape else HttpResponse(status=404)
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return response


def take_own_place(**kwargs):
    """Count at the place of a process that runs tasks."""
    processes.take_place(current_process().index)  # pyright: ignore[reportAttributeAccessIssue] (of a pool)


def note_start(task_id, **kwargs):
    _started[task_id] = perf_counter()


def count_task(task_id, task, state, **kwargs):
    """Count a task that has ended by itself."""
    name = get_name(task)
    TASKS.labels(name, "failure")  # begins with 0: Prometheus sees no increase in what begins with 1
    TASKS.labels(name, state.lower()).inc()
    TASK_SECONDS.labels(name).observe(perf_counter() - _started.pop(task_id))


def count_timeout(sender, exception, **kwargs):
    """Count a task whose process was killed at its time limit: the first process says so."""
    if isinstance(exception, TimeLimitExceeded):
        TASKS.labels(get_name(sender), "timeout").inc()


def get_name(task):
    return task.name.removeprefix("booking.tasks.")


def stop(**kwargs):
    """Leave nothing behind."""
    processes.delete_counts()


RECEIVERS = {
    worker_process_init: take_own_place,
    task_prerun: note_start,
    task_postrun: count_task,
    task_failure: count_timeout,
    worker_shutdown: stop,
}

"""The outbox: beat and the workers of the Procfile deliver webhooks to a receiver on this machine."""

import itertools
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from django.db import connection

from booking.dev.servers import BASE_DIR
from booking.models import OutboxMessage, WebhookEndpoint
from tests.bench.over_http import database_url, wait_for_port

MANY = 5_000
STEADY = {2: 40, 50: 500}  # messages per second: messages in total

WRITE = """
    INSERT INTO booking_outboxmessage (id, kind, payload, endpoint_id, status, due_at, attempts, last_error, created_at)
    SELECT gen_random_uuid(), 'webhook.event',
           '{"type": "appointment.created", "timestamp": "2026-03-30T08:00:00+00:00", "data": {"status": "confirmed"}}',
           endpoint.id, 'waiting', clock_timestamp(), 0, '', clock_timestamp()
      FROM (SELECT id, row_number() OVER () AS number FROM booking_webhookendpoint) AS endpoint,
           generate_series(1, %s) AS message
     WHERE (message + %s) %% (SELECT count(*) FROM booking_webhookendpoint) + 1 = endpoint.number
"""


def print_outbox():
    """Print messages delivered per second, and the delay from commit to arrival."""
    print("Outbox: beat and its workers; an endpoint on this machine, and then four")
    with receiver() as port:
        for endpoints in (1, 4):
            make_endpoints(endpoints, port)
            with workers(port):
                warm_up(port)
                show_throughput(endpoints, port)
                for a_second, number in STEADY.items():
                    show_latency(endpoints, port, a_second, number)
        make_endpoints(4, port)
        with hanging() as dead, workers(port, dead):
            warm_up(port)
            WebhookEndpoint.objects.create(url=f"http://127.0.0.1:{dead}/", secret=secret())
            WebhookEndpoint.objects.create(url=f"http://127.0.0.1:{dead}/too", secret=secret())
            show_throughput(4, port, beside=2)
            show_latency(4, port, 50, 500, beside=2)
    WebhookEndpoint.objects.all().delete()


def warm_up(port):
    """Send messages to every endpoint and return when all have arrived."""
    written = write(8)
    wait_until(lambda: seen(port).keys() >= written.keys())


def make_endpoints(number, port):
    WebhookEndpoint.objects.all().delete()
    for which in range(number):
        WebhookEndpoint.objects.create(url=f"http://127.0.0.1:{port}/{which}", secret=secret())


def secret():
    return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def show_throughput(endpoints, port, beside=0):
    before, started = done(), time.time()
    write(MANY)
    number = MANY * endpoints // (endpoints + beside)
    wait_until(lambda: done() >= before + number)
    last = max(map(max, seen(port).values()))
    rate = number / (last - started)
    label = f"{endpoints} endpoint{'s' * (endpoints > 1)}" + (f" beside {beside} that hang" if beside else "")
    print(f"  {label:<34} {rate:8.0f} messages/s")


def show_latency(endpoints, port, a_second, number, beside=0):
    written = {}
    started = time.monotonic()
    for which in range(number):
        time.sleep(max(0, started + which / a_second - time.monotonic()))
        written |= write(1)
    alive = f":{port}/"
    wanted = OutboxMessage.objects.filter(pk__in=written, endpoint__url__contains=alive).values_list("pk", flat=True)
    wanted = {str(id) for id in wanted}
    wait_until(lambda: seen(port).keys() >= wanted)
    came = seen(port)
    waits = sorted(came[id][0] - at for id, at in written.items() if id in wanted)
    label = f"from commit to arrival, {a_second} a second" + (f" beside {beside} that hang" if beside else "")
    print(
        f"  {label:<34} median {statistics.median(waits) * 1000:5.0f} ms"
        f"   99 % {waits[int(len(waits) * 0.99)] * 1000:5.0f} ms   at most {waits[-1] * 1000:5.0f} ms"
    )


written_before = itertools.count()


def write(number):
    """Write messages and return {id: time of commit}."""
    with connection.cursor() as cursor:
        # Start with another endpoint on each call.
        cursor.execute(WRITE + " RETURNING id", [number, next(written_before)])
        ids = [str(id) for (id,) in cursor]
    return dict.fromkeys(ids, time.time())


def seen(port):
    with urlopen(f"http://127.0.0.1:{port}/") as answer:
        return json.load(answer)


def done():
    return OutboxMessage.objects.filter(status="done").count()


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("messages are missing")
        time.sleep(0.1)


@contextmanager
def receiver():
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.receiver", str(port)], cwd=BASE_DIR)
    try:
        wait_for_port(port)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def hanging():
    """A server that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        yield listening.getsockname()[1]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def workers(*ports):
    """Run the Procfile's processes without web."""
    commands = dict(line.split(": ", 1) for line in (BASE_DIR / "Procfile").read_text().splitlines())
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "PRIVATE_HOSTS": ",".join(f"127.0.0.1:{port}" for port in ports),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    processes = [
        subprocess.Popen(
            shlex.split(command),
            env=environment,
            cwd=BASE_DIR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for name, command in commands.items()
        if name != "web"
    ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()

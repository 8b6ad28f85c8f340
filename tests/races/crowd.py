"""A crowd: a hundred operating-system processes, each with a connection of its own, that start at once.

They are forked from one small server process that has loaded Django already, because a hundred
imports of Django would take most of a minute; and they stay for all races.
"""

import multiprocessing
from collections import Counter
from time import monotonic
from typing import NamedTuple

import psutil
import pytest
from django.db import connection

SIZE = 100
MAX_WAIT = 2  # seconds, after which a web request gives up
RACE_TIMEOUT = 60  # seconds until a hanging race is a failure


class Outcome(NamedTuple):
    """The result of one client: what its act returned or the exception's name, and how long it took."""

    what: object
    seconds: float


class Outcomes(list):
    """The Outcome of each client; ``lost`` is the seconds of processor time that other programs used."""

    lost = 0


class Crowd:
    def __init__(self, database, size=SIZE):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", "tests.races.client"])
        self.go = context.Event()
        self.clients = []
        for _ in range(size):
            ours, theirs = context.Pipe()
            client = context.Process(target=start_client, args=(theirs, self.go, database), daemon=True)
            client.start()
            theirs.close()
            self.clients.append((client, ours))

    def race(self, acts, *, ready=lambda: None):
        """Let one client per act perform it, all at once, and return their Outcomes in order.

        An act is ``(function of client.py, its arguments)``. ``ready`` is called when everybody has
        prepared, at the last moment before they start.
        """
        runners = [pipe for _, pipe in self.clients[: len(acts)]]
        for pipe, act in zip(runners, acts, strict=True):
            pipe.send(act)
        receive(runners)
        ready()
        busy = busy_seconds()
        self.go.set()
        answers = receive(runners)
        busy = busy_seconds() - busy
        self.go.clear()
        outcomes = Outcomes(Outcome(what, seconds) for what, seconds, _ in answers)
        outcomes.lost = max(0, busy - sum(used for *_, used in answers)) / psutil.cpu_count()
        return outcomes

    def leave(self):
        for client, pipe in self.clients:
            pipe.send(None)
            client.join(RACE_TIMEOUT)


def start_client(*arguments):
    from tests.races.client import serve

    serve(*arguments)


def receive(pipes):
    """Receive the next message of each pipe."""
    deadline = monotonic() + RACE_TIMEOUT
    for pipe in pipes:
        assert pipe.poll(max(0, deadline - monotonic())), "a client hangs"
    return [pipe.recv() for pipe in pipes]


def busy_seconds():
    """Return the machine's busy processor time in seconds."""
    times = psutil.cpu_times()
    kinds = ("user", "nice", "system", "irq", "softirq", "steal")
    return sum(getattr(times, kind, 0) for kind in kinds)


def at_length(*values):
    """Return parameters for races that are run again only by `make test-all`."""
    return [pytest.param(value, marks=pytest.mark.proof) for value in values]


def tally(outcomes):
    """Count the outcomes, and assert that no client waited too long for the others."""
    assert max(outcome.seconds for outcome in outcomes) - outcomes.lost < MAX_WAIT
    return Counter(outcome.what for outcome in outcomes)


def deadlocks():
    """Return the database's deadlock counter."""
    return ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def double_bookings():
    """Return the number of overlapping pairs of slots of one clinician."""
    return ask("""
        SELECT count(*) FROM scheduling_slot one JOIN scheduling_slot other
            ON one.clinician_id = other.clinician_id AND one.id < other.id AND one.period && other.period
    """)


def unexplained_overlaps():
    """Return how many pairs overlap of which no slot is double, or three are at once, or a double one has no reason."""
    return ask("""
        SELECT (SELECT count(*) FROM scheduling_slot one JOIN scheduling_slot other
                    ON one.clinician_id = other.clinician_id AND one.id < other.id AND one.period && other.period
                 WHERE one.lane = other.lane OR NOT (one.is_double OR other.is_double))
             + (SELECT count(*) FROM scheduling_slot slot LEFT JOIN booking_appointment ON slot_id = slot.id
                 WHERE is_double AND coalesce(override_reason, '') = '')
    """)


def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]

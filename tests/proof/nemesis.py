"""The nemesis: it hurts one part of a running installation after the other, and mends each."""

import random
import signal
import time
from collections import Counter
from functools import partial
from operator import attrgetter
from threading import Event, Thread
from typing import NamedTuple

import psutil

from booking.dev.processes import wait_until_ready
from tests.proof.installation import CELERY


class Fault(NamedTuple):
    """``begin(installation, rng)`` hurts, and returns a function that mends, or None where nothing is to be mended."""

    name: str
    begin: object


def hurt(part, act, mend, *names):
    """Return how a fault begins that calls ``act``, and then ``mend``, of a part of the installation with ``names``."""

    def begin(installation, rng):
        victim = attrgetter(part)(installation)
        getattr(victim, act)(*names)
        return partial(getattr(victim, mend), *names)

    return begin


def kill_web_process(installation, rng):
    """Kill one of the web server's processes in the middle of its requests: the first starts another."""
    first = psutil.Process(installation.programs["web"].process.pid)
    rng.choice(first.children()).kill()


def kill_program(*names):
    def begin(installation, rng):
        name = rng.choice(names)
        installation.programs[name].kill()
        return lambda: installation.start(name)

    return begin


def freeze_program(*names):
    def begin(installation, rng):
        program = installation.programs[rng.choice(names)]
        program.signal(signal.SIGSTOP)
        return lambda: program.signal(signal.SIGCONT)

    return begin


def empty_redis(installation, rng):
    installation.redis.forget()


def kill_backend(installation, rng):
    """Kill the process of one connection: PostgreSQL ends all others, and recovers."""
    [[number]] = installation.ask(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " ORDER BY state = 'active' DESC LIMIT 1"
    )
    psutil.Process(number).kill()
    return partial(wait_until_ready, "PostgreSQL", installation.cluster.primary.answers)


def promote_standby(installation, rng):
    """Kill the primary, promote its standby at once, and have another follow that."""
    installation.cluster.fail_over()
    return installation.cluster.attach_standby


FAULTS = [
    Fault("web: one process killed", kill_web_process),
    Fault("web: killed, started again", kill_program("web")),
    Fault("web: frozen", freeze_program("web")),
    Fault("web: network cut", hurt("links", "cut", "mend", "web")),
    Fault("web: network stalled", hurt("links", "stall", "mend", "web")),
    Fault("Celery: a program killed, started again", kill_program(*CELERY)),
    Fault("Celery: a program frozen", freeze_program(*CELERY)),
    Fault("Redis: killed, started again", hurt("redis", "kill", "start")),
    Fault("Redis: frozen", hurt("redis", "freeze", "thaw")),
    Fault("Redis: emptied", empty_redis),
    Fault("Redis: network cut", hurt("links", "cut", "mend", "redis")),
    Fault("Redis: network stalled", hurt("links", "stall", "mend", "redis")),
    Fault("PostgreSQL: killed, started again", hurt("cluster.primary", "kill", "start")),
    Fault("PostgreSQL: immediate restart", hurt("cluster.primary", "stop_immediately", "start")),
    Fault("PostgreSQL: a connection's process killed", kill_backend),
    Fault("PostgreSQL: frozen", hurt("cluster.primary", "freeze", "thaw")),
    Fault("PostgreSQL: network cut", hurt("links", "cut", "mend", "postgres")),
    Fault("PostgreSQL: network stalled", hurt("links", "stall", "mend", "postgres")),
    # No commit is acknowledged meanwhile.
    Fault("PostgreSQL: standby frozen", hurt("cluster.standby", "freeze", "thaw")),
    Fault("PostgreSQL: network to the standby cut", hurt("links", "cut", "mend", "replication")),
    Fault("PostgreSQL: killed, the synchronous standby promoted", promote_standby),
]
BY_NAME = {fault.name: fault for fault in FAULTS}


class Nemesis(Thread):
    """Does the faults in an order that ``seed`` decides, again and again until it is told to stop.

    Each lasts, and is followed by a pause, of a length out of ``seconds``. ``done`` counts them by name, and ``log``
    says when each was.
    """

    def __init__(self, installation, *, seed, seconds, faults=FAULTS, rounds=None):
        super().__init__(name="nemesis", daemon=True)
        self.installation, self.faults, self.seconds, self.rounds = installation, list(faults), seconds, rounds
        self.rng, self.stopping = random.Random(f"nemesis {seed}"), Event()
        self.done, self.log, self.error = Counter(), [], None

    def run(self):
        try:
            while not self.stopping.is_set() and self.rounds != 0:
                self.rng.shuffle(self.faults)
                for fault in self.faults:
                    if self.stopping.wait(self.rng.uniform(*self.seconds)):
                        return
                    self.do(fault)
                self.rounds = self.rounds and self.rounds - 1
        except Exception as error:  # noqa: BLE001 - raised where the thread is joined
            self.error = error

    def do(self, fault):
        while True:
            started_at = time.time()
            try:
                mend = fault.begin(self.installation, self.rng)
                break
            except (psutil.NoSuchProcess, ValueError, IndexError):  # what it would kill has just ended, and comes again
                if self.stopping.wait(0.2):
                    return
        self.stopping.wait(self.rng.uniform(*self.seconds))
        if mend:
            mend()
        self.done[fault.name] += 1
        self.log.append({"fault": fault.name, "at": started_at, "until": time.time()})

    def stop(self):
        """Let the nemesis mend what it hurts, and return once it has."""
        self.stopping.set()
        self.join()
        if self.error:
            raise self.error

"""What is true of the whole installation: read from the database and the broker when Prometheus asks.

One process of a web server reads, at most once in MAX_AGE seconds; all others tell what it has found.
"""

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import NamedTuple

from django.db import Error
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from booking.ops.metrics import broker, database
from booking.ops.metrics.processes import get_folder

logger = logging.getLogger(__name__)

MAX_AGE = 5.0  # seconds


class Reading(NamedTuple):
    """What was read, as Prometheus has it, when by the machine's monotonic clock, and the events up to then."""

    text: str
    read_at: float
    events: database.EventCounts | None


class LastReading:
    """The last Reading of all processes: in a file beside their counts, or here if this process is alone."""

    def __init__(self):
        self.turn = Lock()
        self.forget()

    def forget(self):
        self.here = Reading("", float("-inf"), None)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let one thread of one process at a time in here."""
        folder = get_folder()
        with self.turn, open(folder / "turn" if folder else "/dev/null", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def load(self) -> Reading:
        path = self._get_path()
        if not path or not path.exists():
            return self.here
        text, read_at, events = json.loads(path.read_text())
        return Reading(text, read_at, events and database.EventCounts(*events))

    def store(self, reading: Reading) -> None:
        if path := self._get_path():
            path.write_text(json.dumps(reading))
        else:
            self.here = reading

    def _get_path(self):
        folder = get_folder()
        return folder and folder / "reading.json"


last_reading = LastReading()


def write_readings() -> bytes:
    """Return what the database and the broker say, or have said up to MAX_AGE seconds ago."""
    with last_reading.in_turn():
        reading = last_reading.load()
        if monotonic() - reading.read_at > MAX_AGE:
            reading = read(reading.events)
            last_reading.store(reading)
    return reading.text.encode()


class Found(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: list[Metric]):
        self.metrics = metrics

    def collect(self):
        return self.metrics


def read(events: database.EventCounts | None) -> Reading:
    """Return a new Reading. What cannot be read is left out of it, and is said to be away."""
    metrics = []
    try:
        events = database.count_events(events)
        metrics = [database.write_event_counts(events)]
        for read_some in (
            database.read_gauges,
            database.read_workers,
            database.read_outbox,
            database.read_connections,
            database.read_replicas,
        ):
            metrics += read_some()
        is_up = True
    except Error as error:
        logger.warning("the database could not be read for /metrics: %s", type(error).__name__)
        is_up = False
    metrics.append(GaugeMetricFamily("holdfast_database_up", "Whether the database answers.", value=is_up))
    try:
        metrics.append(broker.read_queues())
        is_up = True
    except broker.BrokerAway:
        is_up = False
    metrics.append(GaugeMetricFamily("holdfast_broker_up", "Whether Celery's broker answers.", value=is_up))
    return Reading(generate_latest(Found(metrics)).decode(), monotonic(), events)

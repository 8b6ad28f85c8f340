"""A faulty upstream system, asked by workers that are killed every few seconds.

UPSTREAM_APPOINTMENTS says how many appointments are made; a thousand take some minutes.
"""

import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import product

import pytest
from django.db import connection

from booking.access.signatures import make_secret
from booking.dev.upstream import StandIn
from booking.domain.appointments import cancel
from booking.domain.approvals import (
    ApprovalTimeouts,
    ProviderRefused,
    ProviderUnavailable,
    obtain_approval,
)
from booking.domain.confirmation import confirm_with_approval
from booking.domain.holds import Holder, place_hold
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Event, Heartbeat, Hold, OutboxMessage, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.conftest import make_clinician
from tests.failures.visitor import answers
from tests.waiting import wait_until

MANY = int(os.environ.get("UPSTREAM_APPOINTMENTS", "60"))
AT_ONCE = 8
LIVES = 2.0  # seconds of a worker that is at work
ANSWER_TIMEOUTS = [timedelta(seconds=seconds) for seconds in (4, 8, 16)]
# Until a deadline is seen to: somebody has to be alive for it.
LATE = timedelta(seconds=60)


@pytest.fixture
def lab(clinic, harbour, settings):
    """A lab in a mood, that everybody asks; its times pass four times as fast."""
    secret = make_secret()
    with StandIn(secret=secret, behaviour="mixed", speed=4) as server:
        hosts = server.url.removeprefix("http://")
        settings.PRIVATE_HOSTS = [hosts]
        _, settings.SITE_URL = clinic.serve()
        clinic.environment |= {"PRIVATE_HOSTS": hosts, "SITE_URL": settings.SITE_URL}
        wait_until(lambda: answers(f"{settings.SITE_URL}/healthz/live"))
        provider = Provider.objects.create(name="The lab", slug="lab", kind="upstream", url=server.url, secret=secret)
        provider.locations.add(harbour)
        server.provider = provider
        yield server


@pytest.fixture
def openings(harbour, consultation, at):
    """Times enough, two for each appointment, no two at once with one clinician."""
    everyone = [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]) for n in range(6)]
    hours = [(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]
    times = [
        {
            "clinician": clinician,
            "location": harbour,
            "starts_at": at(*clock) + timedelta(days=days),
            "is_remote": False,
        }
        for days, clinician, clock in product(range(45), everyone, hours)
    ]
    assert len(times) >= 2 * MANY
    return list(zip(times[:MANY], times[MANY : 2 * MANY], strict=True))


class KilledWorkers(threading.Thread):
    """Workers that are killed every few seconds, and others started in their place, until the block ends."""

    def __init__(self, clinic):
        super().__init__(daemon=True)
        self.clinic, self.enough, self.killed = clinic, threading.Event(), 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.enough.set()
        self.join()

    def run(self):
        while True:
            beats = Heartbeat.objects.filter(seen_at__gt=database_now())
            workers = [self.clinic.run(name) for name in ("worker", "delivery")]
            wait_until(beats.exists)  # on a busy machine they take their time to start
            if self.enough.wait(LIVES):
                connection.close()
                return  # these may go on
            for worker in workers:
                worker.kill()
            self.killed += 1


def somebody(number):
    return Patient(
        first_name="Alice",
        last_name=f"Archer-{number}",
        date_of_birth=date(1985, 4, 12),
        email=f"alice{number}@example.org",
    )


def go_through_it(number, opening, another, consultation, lab):
    """Hold a time and confirm it, some dying on the way; then some change their mind. Return what came of it."""
    chance = random.Random(number)
    try:
        hold = place_hold(OpeningRequest(consultation, **opening), holder=Holder(f"patient {number}"), actor="patient")
        timeouts = ApprovalTimeouts(
            sync=timedelta(seconds=0.3), is_async=chance.random() < 0.8, answer_within=chance.choice(ANSWER_TIMEOUTS)
        )
        if chance.random() < 0.1:
            obtain_approval(hold, patient=somebody(number), actor="patient", timeouts=timeouts)
            return "died"
        appointment = confirm_with_approval(hold, patient=somebody(number), actor="patient", timeouts=timeouts)
        change = chance.random()
        if change < 0.1:
            cancel(appointment, reason="other", actor="patient")
        elif change < 0.2:
            reschedule(appointment, OpeningRequest(consultation, **another), actor="patient")
        return appointment.status
    except (ProviderRefused, ProviderUnavailable) as error:
        return type(error).__name__
    finally:
        connection.close()


def run_all_now():
    """Have all that waits, or was claimed by a worker that died, be due at once."""
    unfinished = OutboxMessage.objects.filter(status__in=["waiting", "running"], kind__startswith="provider.")
    return unfinished.update(due_at=database_now())


@pytest.mark.proof
def test_appointments_of_faulty_upstream_end_in_time_and_once(clinic, lab, openings, consultation):
    clinic.run("beat")
    started = time.monotonic()

    with KilledWorkers(clinic) as worker, ThreadPoolExecutor(AT_ONCE) as crowd:
        jobs = [crowd.submit(go_through_it, number, *times, consultation, lab) for number, times in enumerate(openings)]
        first = Counter(job.result() for job in jobs)
        wait_until(lambda: not Appointment.objects.filter(status="pending").exists(), timeout=180)
    decided = time.monotonic() - started

    # Each by its deadline.
    late = [
        event.created_at - Appointment.objects.get(pk=event.subject_id).answer_by
        for event in Event.objects.filter(data__reason="not_acknowledged")
    ]
    assert max(late, default=timedelta()) < LATE
    assert set(Appointment.objects.values_list("status", flat=True)) <= {"confirmed", "reserved", "cancelled"}
    for appointment in Appointment.objects.exclude(status="cancelled"):
        acknowledged = Event.objects.filter(
            subject_id=appointment.pk, to_status__in=["reserved", "confirmed"], kind__startswith="appointment."
        )
        assert acknowledged.exists()

    # In line, once the lab answers and what a dead worker had claimed is done by another.
    lab.behaviour = "answers"
    wait_until(lambda: not run_all_now(), timeout=90)
    standing = Appointment.objects.exclude(status="cancelled").select_related("location")
    assert {str(each.pk): each.local_start.isoformat() for each in standing} == {
        id: booking["start_time"] for id, booking in lab.live().items()
    }
    assert lab.faults == []
    assert {booking["times_booked"] for booking in lab.bookings.values()} <= {0, 1}

    # No time is lost, and none leaked.
    living = Hold.objects.filter(status="active", slot__isnull=False)
    owned = [*standing.values_list("slot", flat=True), *living.values_list("slot", flat=True)]
    assert sorted(owned) == sorted(Slot.objects.values_list("pk", flat=True))

    ends = Counter(Appointment.objects.values_list("status", "cancellation_reason"))
    seconds = sorted(one.total_seconds() for one in late) or [0]
    print(
        f"\n{MANY} bookings; at first {dict(first)}; in the end {dict(ends)}; decided after {decided:.0f} s, "
        f"{worker.killed} workers killed; at the deadline {len(late)}, "
        f"in the middle {seconds[len(seconds) // 2]:.1f} s after it, at most {seconds[-1]:.1f} s"
    )

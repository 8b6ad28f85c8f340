"""The figures: what is measured, and how it is printed."""

import statistics
import time
from datetime import date, timedelta
from functools import partial
from itertools import count

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.domain.confirmation import confirm_hold
from booking.domain.holds import Holder, place_hold
from booking.domain.slot_selection import OpeningRequest
from patients.models import Patient
from scheduling.availability.assignment import Assign, assign_clinicians
from scheduling.availability.openings import as_instant
from scheduling.availability.queries import OpeningFilters, load_busy, load_hours
from scheduling.availability.search import find_open_starts, open_times
from scheduling.models import Clinician, Location, Slot
from tests.bench import patient_access, staff_figures
from tests.bench.admin_lists import print_admin_lists
from tests.bench.best_sql import OPENINGS
from tests.bench.calendars import print_calendars
from tests.bench.clinic import copy_service, make_clinic
from tests.bench.events import make_measures
from tests.bench.growth import print_growth
from tests.bench.oracle import print_oracle
from tests.bench.outbox import print_outbox
from tests.bench.over_http import print_http
from tests.bench.pair import print_pair
from tests.bench.patients import print_search
from tests.bench.rush import print_rush
from tests.bench.sameness import print_sameness
from tests.bench.vaccination_day import print_vaccination_day

TWO_WEEKS = timedelta(days=14)
EVENTS = 200  # events in each clinician's own calendar


def print_availability():
    """Print what availability costs in one process, and over HTTP."""
    service = make_clinic(clinicians=50, slots=10_000)
    print("50 clinicians x 14 days, 60 % booked")
    copy = copy_service(service, events=EVENTS)
    show(two_weeks(service, copy))
    print("\nOne clinician")
    show(one_clinician(service))
    print("\nOver HTTP: gunicorn, two workers")
    print_http(service, copy)


def print_sizes():
    """Print how availability grows with the clinic."""
    print("Growth with the number of clinicians: 14 days, 200 slots each")
    for clinicians in (5, 50, 500):
        show_growth(f"{clinicians} clinicians", make_clinic(clinicians=clinicians, slots=200 * clinicians))
    print("\nGrowth with the number of slots: 500 clinicians")
    for slots in (10_000, 100_000, 1_000_000):
        show_growth(f"{slots:,} slots", make_clinic(clinicians=500, slots=slots))


def print_people():
    """Print what the search for patients costs, and whether a page takes as long for one who is known."""
    print_search()
    print()
    print_sameness()


def print_events():
    """Print what the feed of events and the log of looks cost."""
    print("The feed, among a million events")
    show(make_measures())
    print(f"\nWho looked, after {patient_access.NUMBER:,} looks")
    show(patient_access.make_measures())


def print_staff():
    """Print what staff's figures and lists cost."""
    print("Managers' figures of 117,000 visits in a year, and of the period before")
    show(staff_figures.make_measures())
    print_admin_lists()


# What `make bench ONLY="..."` may name: each prints figures by itself, in an empty database of its own.
SECTIONS = {
    "availability": print_availability,
    "pair": print_pair,
    "sizes": print_sizes,
    "outbox": print_outbox,
    "search": print_people,
    "calendars": print_calendars,
    "events": print_events,
    "staff": print_staff,
    "rush": print_rush,
    "growth": print_growth,
    "vaccination-day": print_vaccination_day,
    "oracle": print_oracle,
}


def two_weeks(service, copy):
    """Return the measures of availability of all clinicians and of its lower bounds."""
    now = timezone.now()
    return {
        "availability": partial(openings, service, now),
        "the same, balanced": partial(balanced, service, now),
        f"the same, {EVENTS} events of each": partial(openings, copy, now),
        "its rows alone, fetched": partial(fetch, service, now),
        "the best single SQL statement": partial(best_sql, service, now),
    }


def one_clinician(service):
    """Return the measures of one patient's visit."""
    return {
        "one clinician's day": partial(one_day, service, timezone.now()),
        "place a hold and confirm it": booker(service),
    }


def openings(service, now, **filters):
    return open_times(OpeningFilters(service, **filters), start_at=now, end_at=now + TWO_WEEKS, now=now)


def balanced(service, now):
    found = find_open_starts(OpeningFilters(service), start_at=now, end_at=now + TWO_WEEKS, now=now)
    return assign_clinicians(found, Assign.BALANCED, now=now)


def one_day(service, now):
    noon = now + timedelta(days=7)
    clinician = Clinician.objects.filter(services=service).values_list("pk", flat=True)[0]
    filters = OpeningFilters(service, clinician_ids=[clinician])
    return open_times(filters, start_at=noon, end_at=noon + timedelta(days=1), now=now)


def fetch(service, now):
    return load_busy(load_hours(OpeningFilters(service)), as_instant(now), as_instant(now + TWO_WEEKS), now=now)


def best_sql(service, now):
    clinicians = list(service.clinicians.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            OPENINGS,
            {"service": service.pk, "clinicians": clinicians, "start": now, "end": now + TWO_WEEKS, "now": now},
        )
        return cursor.fetchall()


def booker(service):
    """Return a function that places and confirms a hold at the next of many free times."""
    location = Location.objects.get()
    free = iter(openings(service, timezone.now()))
    numbers = count()

    def book():
        opening = next(free)
        hold = place_hold(
            OpeningRequest(service, opening.starts_at, Clinician(pk=opening.clinician_id), location, is_remote=False),
            holder=Holder(f"phone {next(numbers)}"),
            actor="patient",
        )
        patient = Patient(
            first_name="Alice", last_name=f"Archer {opening.start}", date_of_birth=date(1985, 4, 12), email="a@b.org"
        )
        confirm_hold(hold, patient=patient, actor="patient")

    return book


def show(measures):
    """Print the median milliseconds and the number of queries of each function."""
    for name, times, queries in measure(measures):
        print(f"  {name:<32} {statistics.median(times):8.2f} ms   {queries:2} queries")


def show_growth(label, service):
    """Print the cost of one service's availability on one line."""
    now = timezone.now()
    measures = {
        "all, 14 days": partial(openings, service, now),
        "SQL": partial(best_sql, service, now),
        "one clinician's day": partial(one_day, service, now),
    }
    figures = [f"{name} {statistics.median(times):7.2f} ms" for name, times, _ in measure(measures)]
    print(f"  {label:<16} {'   '.join(figures)}   ({Slot.objects.count():,} slots)")


def measure(measures, rounds=31):
    """Call the functions in turns and return [(name, milliseconds of each call, queries)]."""
    times = {name: [] for name in measures}
    queries = {}
    for name, function in measures.items():  # warm up, and count queries
        with CaptureQueriesContext(connection) as captured:
            function()
        queries[name] = len(captured)
    for _ in range(rounds):
        for name, function in measures.items():
            started = time.perf_counter()
            function()
            times[name].append((time.perf_counter() - started) * 1000)
    return [(name, times[name], queries[name]) for name in measures]

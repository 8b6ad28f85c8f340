"""Clinics that hypothesis generates: odd hours, buffers and steps, time off, taken time, own calendars."""

from contextlib import contextmanager, suppress
from datetime import time, timedelta
from types import SimpleNamespace

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from hypothesis import strategies as st

from scheduling.availability.intervals import merge
from scheduling.calendars.storing import store_busy
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, Clinician, Location, Service, TimeOff, WorkingHours
from scheduling.slots import SlotTaken, take_slot

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]


@contextmanager
def forgotten():
    """Roll back the block, so that each example has an empty database."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def make_clinic(draw):
    """Return the service, locations and clinicians of a new clinic, and three days to look at."""
    now = database_now()
    tomorrow = (now + DAY).replace(minute=0, second=0, microsecond=0)
    clinic = SimpleNamespace(
        service=make_service(draw),
        locations=[make_location(draw, name) for name in ("Harbour Street", "Mill Lane")],
        clinicians=[Clinician.objects.create(name=name) for name in ("Dana Reed", "Otis Hale")],
        now=now,
        start_at=tomorrow,
        end_at=tomorrow + draw(st.sampled_from([DAY, 2 * DAY, 3 * DAY])),
    )
    clinic.service.clinicians.set(clinic.clinicians)
    for clinician in clinic.clinicians:
        give_hours(draw, clinician, clinic.locations)
        take_some_time(draw, clinician, clinic)
        connect_calendars(draw, clinician, clinic)
    for _ in range(draw(st.integers(0, 2))):
        start, end = stretch(draw, clinic, limit=16 * 60)
        owner = draw(st.sampled_from([{"clinician": clinic.clinicians[0]}, {"location": clinic.locations[0]}]))
        TimeOff.objects.create(starts_at=start, ends_at=end, **owner)
    return clinic


def make_service(draw):
    return Service.objects.create(
        name="Consultation",
        slug="consultation",
        mode=draw(st.sampled_from(Service.Mode.values)),
        duration=draw(st.sampled_from([1, 25, 30, 45, 60, 100, 240])) * MINUTE,
        buffer_before=draw(st.sampled_from([0, 0, 5, 12, 60])) * MINUTE,
        buffer_after=draw(st.sampled_from([0, 0, 5, 13, 60])) * MINUTE,
        step=draw(st.sampled_from([7, 10, 15, 20, 30, 45, 60, 90])) * MINUTE,
        notice=draw(st.sampled_from([0, 90])) * MINUTE,
        horizon=draw(st.sampled_from([2, 60])) * DAY,
        price=60,
    )


def make_location(draw, name):
    return Location.objects.create(name=name, city="London", timezone=draw(st.sampled_from(ZONES)))


def give_hours(draw, clinician, locations):
    """Create up to three rules for most weekdays, which may overlap, touch, and end at midnight."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.sampled_from(range(0, 24 * 60, 5)))
        end = min(start + draw(st.sampled_from([20, 180, 240, 480, 24 * 60])), 24 * 60)
        location, is_remote = draw(st.sampled_from(locations)), draw(st.booleans())
        WorkingHours.objects.bulk_create(
            WorkingHours(
                clinician=clinician,
                location=location,
                weekday=weekday,
                start_time=time(start // 60, start % 60),
                end_time=time(end // 60 % 24, end % 60),
                is_remote=is_remote,
            )
            for weekday in set(range(7)) - draw(st.sets(st.integers(0, 6), max_size=2))
        )


def take_some_time(draw, clinician, clinic):
    """Take up to six slots: permanent, held for half an hour, or lapsed."""
    for _ in range(draw(st.integers(0, 6))):
        lifetime = draw(st.sampled_from([None, None, 30 * MINUTE, -30 * MINUTE]))
        with suppress(SlotTaken):  # it overlaps another slot; one is enough
            take_slot(
                clinician=clinician,
                location=clinic.locations[0],
                period=DateTimeTZRange(*stretch(draw, clinic, limit=150)),
                lifetime=lifetime,
            )


def connect_calendars(draw, clinician, clinic):
    """Connect up to two calendars with busy times; some are unreachable or not read that far ahead."""
    for _ in range(draw(st.integers(0, 2))):
        calendar = Calendar.objects.create(
            clinician=clinician,
            name="Own calendar",
            url="https://calendar.example/",
            when_unreachable=draw(st.sampled_from(Calendar.WhenUnreachable.values)),
            last_synced_at=draw(st.sampled_from([clinic.now, clinic.now, clinic.now - DAY, None])),
            read_until=draw(st.sampled_from([None, clinic.end_at + 9 * DAY, stretch(draw, clinic, limit=60)[0]])),
        )
        busy = [stretch(draw, clinic, limit=48 * 60) for _ in range(draw(st.integers(0, 4)))]
        store_busy(calendar, merge((int(start.timestamp()), int(end.timestamp())) for start, end in busy))


def stretch(draw, clinic, *, limit):
    """Draw a period of up to ``limit`` minutes that starts within the days to look at, or just before."""
    minutes = int((clinic.end_at - clinic.start_at) / MINUTE)
    start = clinic.start_at + draw(st.sampled_from(range(-60, minutes))) * MINUTE
    return start, start + draw(st.sampled_from(range(1, limit))) * MINUTE


def padded(service, starts_at):
    """Return the period that an appointment takes, buffers included."""
    return starts_at - service.buffer_before, starts_at + service.duration + service.buffer_after

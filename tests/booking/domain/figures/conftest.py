"""A small clinic in the week in which the clocks go forward, from Monday 23 March 2026, looked at on its Thursday."""

from datetime import date, datetime, time, timedelta
from itertools import count

import pytest

from booking.domain.figures import Period, Selection, compute_figures
from booking.models import Appointment, Event, Hold
from patients.models import Patient
from scheduling.models import Clinician, Location, Service, Slot, WorkingHours
from tests.conftest import LONDON

MONDAY = date(2026, 3, 23)
WEEK = Period(MONDAY, MONDAY + timedelta(days=6))
NOW = datetime(2026, 3, 26, 12, tzinfo=LONDON)
HALF_HOUR = timedelta(minutes=30)
numbers = count(1)


def local(day, hour=9, minute=0, zone=LONDON):
    """Return a wall time of a day of that March."""
    return datetime.combine(date(2026, 3, 1), time(hour, minute), zone) + timedelta(days=day - 1)


@pytest.fixture
def bea(consultation, harbour):
    """A clinician who works on Mondays from 9 to 12."""
    bea = Clinician.objects.create(name="Bea Unsworth")
    WorkingHours.objects.create(clinician=bea, location=harbour, weekday=0, start_time=time(9), end_time=time(12))
    return bea


@pytest.fixture
def bob(db):
    return Patient.objects.create(first_name="Bob", last_name="Baker")


@pytest.fixture
def place(harbour, bea, consultation):
    """Write down a hold: ``place(local(23), local(25), holder="staff:1")``."""

    def place(held_at, starts_at, *, holder="visitor", status="confirmed", **changes):
        what = {
            "service": consultation,
            "clinician": bea,
            "location": harbour,
            "price": 60,
            "currency": "GBP",
        } | changes
        return Hold.objects.create(
            starts_at=starts_at,
            ends_at=starts_at + HALF_HOUR,
            created_at=held_at,
            expires_at=held_at,
            lifetime=HALF_HOUR,
            holder=holder,
            status=status,
            token_hash=b"%032d" % next(numbers),
            **what,
        )

    return place


@pytest.fixture
def visit(harbour, bea, consultation, bob):
    """Write down a visit: ``visit(local(23), "no_show")``; a cancelled one was cancelled at ``cancelled_at``."""

    def visit(starts_at, status="completed", *, cancelled_at=None, **changes):
        number = next(numbers)
        what = {
            "service": consultation,
            "clinician": bea,
            "location": harbour,
            "patient": bob,
            "ends_at": starts_at + HALF_HOUR,
        }
        what |= {"price": 60, "currency": "GBP", **changes}
        slot = status != "cancelled" and Slot.objects.create(
            clinician=what["clinician"],
            location=what["location"],
            period=(starts_at, what["ends_at"]),
            taken_at=starts_at,
        )
        appointment = Appointment.objects.create(
            starts_at=starts_at,
            status=status,
            slot=slot or None,
            reference=f"R{number}",
            attendee_name="Bob Baker",
            answer_by=starts_at if status == "pending" else None,
            **what,
        )
        if cancelled_at:
            Event.objects.create(
                kind="appointment.cancelled",
                subject_type="booking",
                subject_id=appointment.pk,
                sequence=1,
                created_at=cancelled_at,
                actor="patient",
            )
        return appointment

    return visit


@pytest.fixture
def figures(harbour):
    """Compute the figures of the week by name: ``figures(clinician_id=bea.pk)``."""

    def figures(period=WEEK, **changes):
        locations = [location.pk for location in Location.objects.all()]
        selection = Selection(period, **{"location_ids": locations, "now": NOW, **changes})
        return {figure.name: figure for figure in compute_figures(selection)}

    return figures


@pytest.fixture
def other_service(db):
    return Service.objects.create(name="X-ray", slug="x-ray", price=40)

"""The demo's clinic: believable, the same every time, and consistent with what the verbs write."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from booking.access.patient_links import order_token
from booking.dev.bookings import total
from booking.dev.clinic import create_clinic, create_staff
from booking.domain.orders import find_order
from booking.models import Appointment, Event, Hold, Order, OutboxMessage, Provider
from patients.models import PossibleDuplicate
from scheduling.availability.intervals import clip, merge, subtract
from scheduling.availability.openings import Hours, as_instant, compute_working_time
from scheduling.models import Clinician, Location, Service, Slot, TimeOff

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def clinic(django_db_setup, django_db_blocker):
    """The demo's clinic, made once: what a test changes is undone with the savepoint that it runs in."""
    with django_db_blocker.unblock(), transaction.atomic():
        create_clinic()
        yield
        transaction.set_rollback(True)


def test_demo_clinic_has_promised_size(clinic):
    sizes = [model.objects.count() for model in (Location, Clinician, Service)]

    assert sizes == [3, 8, 6]
    assert Location.objects.values("timezone").distinct().count() == 2
    assert set(Service.objects.values_list("mode", flat=True)) == {"in_person", "remote", "both"}
    assert TimeOff.objects.exists()
    assert PossibleDuplicate.objects.count() == 1
    assert Hold.objects.filter(status="active", expires_at__gt=timezone.now()).count() == 4


def test_demo_clinic_is_booked_to_about_sixty_percent(clinic):
    now = timezone.now()
    start, end = as_instant(now), as_instant(now + timedelta(days=13))
    working = taken = 0
    for clinician in Clinician.objects.all():
        slots = merge((as_instant(slot.period.lower), as_instant(slot.period.upper)) for slot in clinician.slots.all())
        away = merge(
            (as_instant(row.starts_at), as_instant(row.ends_at))
            for row in TimeOff.objects.filter(clinician=clinician) | TimeOff.objects.filter(clinician=None)
        )
        for location in Location.objects.filter(working_hours__clinician=clinician).distinct():
            hours = clinician.working_hours.filter(location=location)
            weekly = tuple(Hours(*row) for row in hours.values_list("weekday", "start_time", "end_time"))
            spells = compute_working_time(weekly, location.zone, now.date(), now.date() + timedelta(days=13)).spells
            spells = subtract(clip(spells, start, end), away)
            working += total(spells)
            taken += sum(total(clip(slots, *spell)) for spell in spells)

    assert 0.55 < taken / working < 0.72


def test_demo_bookings_are_as_verbs_leave_them(clinic):
    booked = Appointment.objects.exclude(status="cancelled")

    assert Appointment.objects.filter(status="cancelled").exclude(slot=None).count() == 0
    assert booked.filter(slot__clinician=F("clinician")).count() == booked.count()
    pending = booked.filter(status="pending")
    assert pending.filter(slot__expires_at=F("answer_by")).count() == pending.count()
    assert booked.exclude(status="pending").exclude(slot__expires_at=None).count() == 0
    assert (
        booked.filter(
            slot__period__startswith=F("starts_at") - F("service__buffer_before"),
            slot__period__endswith=F("ends_at") + F("service__buffer_after"),
        ).count()
        == booked.count()
    )
    assert Hold.objects.filter(status="confirmed").count() == Appointment.objects.count()
    assert set(Appointment.objects.values_list("pk", flat=True)) <= set(Hold.objects.values_list("pk", flat=True))
    assert Slot.objects.count() == booked.count() + 4
    assert set(OutboxMessage.objects.values_list("kind", flat=True)) == {"email.order_link"}


def test_demo_events_end_in_status_of_appointment(clinic):
    last = {}
    for booking, status in Event.objects.order_by("sequence").values_list("subject_id", "to_status"):
        last[booking] = status

    assert {pk: last[pk] for pk in last} | dict(Appointment.objects.values_list("pk", "status")) == last


def test_demo_appointments_have_statuses_that_fit_their_times(clinic):
    now = timezone.now()
    past = set(Appointment.objects.filter(ends_at__lt=now).values_list("status", flat=True))
    future = set(Appointment.objects.filter(starts_at__gt=now).values_list("status", flat=True))

    assert past == {"completed", "no_show", "cancelled"}
    assert future == {"confirmed", "cancelled", "pending"}


def test_demo_queue_has_pending_appointments(clinic):
    now, [desk] = timezone.now(), Provider.objects.all()
    pending = Appointment.objects.filter(status="pending")

    assert desk.kind == "staff"
    assert 2 <= pending.count() <= 25
    assert not pending.exclude(provider=desk).exists()
    assert not pending.exclude(answer_by__gt=now, answer_by__lt=now + desk.answer_within).exists()
    assert not Appointment.objects.filter(service__providers=desk).exclude(provider=desk).exists()
    assert not Appointment.objects.filter(provider=desk).exclude(service__providers=desk).exists()


def test_demo_orders_are_booked_or_have_working_links(clinic):
    orders = list(Order.objects.all())
    booked = [order for order in orders if order.get_booked_appointment()]
    linked = [order for order in orders if order_token(order)]

    assert (len(orders), len(booked), len(linked)) == (12, 5, 3)
    assert all(order.get_booked_appointment().patient_id == order.patient_id for order in booked)
    assert {find_order(order_token(order)) for order in linked} == set(linked)
    assert Hold.objects.exclude(order=None).count() == 5


def test_demo_staff_can_log_in(clinic):
    create_staff("open sesame")
    create_staff("another password")  # those who have one keep it

    assert {
        name: list(authenticate(username=name, password="open sesame").groups.values_list("name", flat=True))
        for name in ("admin", "erin", "dana", "morgan")
    } == {
        "admin": [],
        "erin": ["reception"],
        "dana": ["clinician"],
        "morgan": ["manager"],
    }
    assert User.objects.get(username="dana").clinician.name == "Dana Reed"
    assert list(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == ["admin"]

"""Which online bookings look made up, and why."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from booking.domain.appointments import cancel
from booking.domain.unusual_bookings import OnlineBooking, find_unusual, list_signs
from booking.models import Appointment, Hold
from patients.models import Patient

NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
HARBOUR = uuid4()


def make_bookings(*emails, minutes=30, network=None, network_48=""):
    """Return online bookings from a network each, half an hour between two."""
    return [
        OnlineBooking(
            id=uuid4(),
            location_id=HARBOUR,
            network=network or f"{number:064x}"[::-1],
            network_48=network_48,
            email=email,
            created_at=NOON + number * timedelta(minutes=minutes),
        )
        for number, email in enumerate(emails)
    ]


def list_kinds(bookings, known=("mail.example",), usual=None):
    """Return how many bookings have each sign, as (kind, label, number)."""
    signs = list_signs(bookings, known_domains=known, usual=usual or {})
    found = [(sign.kind, sign.label, sign.number) for signs in signs.values() for sign in signs]
    return {sign: found.count(sign) for sign in found}


PEOPLE = [f"{name}@mail.example" for name in ("ann", "bob", "carol.m", "dave85", "erin+clinic", "frank")]
FIVE = [*PEOPLE[:4], PEOPLE[5]]


def test_people_who_book_one_by_one_have_no_sign():
    assert list_kinds(make_bookings(*PEOPLE)) == {}


def test_three_from_one_network_have_a_sign():
    assert list_kinds(make_bookings(*PEOPLE[:2], network="abcdef99")) == {}
    assert list_kinds(make_bookings(*PEOPLE[:3], network="abcdef99")) == {("network", "abcdef", 3): 3}


def test_five_from_networks_of_one_customer_have_a_sign():
    assert list_kinds(make_bookings(*PEOPLE[:4], network_48="fedcba99")) == {}
    assert list_kinds(make_bookings(*PEOPLE[:5], network_48="fedcba99")) == {("network_48", "fedcba", 5): 5}


def test_three_at_a_domain_that_the_clinic_does_not_know_have_a_sign():
    emails = ["ann@bots.example", "bob@bots.example", "carol@bots.example"]

    assert list_kinds(make_bookings(*emails)) == {("domain", "@bots.example", 3): 3}
    assert list_kinds(make_bookings(*emails), known=["bots.example"]) == {}


def test_counted_up_addresses_have_a_sign():
    emails = ["bot1@mail.example", "bot2@mail.example", "bot_33@mail.example", "ann7@mail.example"]

    assert list_kinds(make_bookings(*emails)) == {("counted", "bot…@mail.example", 3): 3}


def test_two_with_a_plus_of_one_mailbox_have_a_sign():
    emails = ["ann+1@mail.example", "ann+x@mail.example", "bob+clinic@mail.example"]

    assert list_kinds(make_bookings(*emails)) == {("plus", "ann+…@mail.example", 2): 2}


def test_many_within_minutes_have_a_sign_unless_that_is_usual():
    bookings = make_bookings(*PEOPLE, minutes=1)
    bookings += [OnlineBooking(**{**vars(bookings[0]), "id": uuid4(), "created_at": NOON + timedelta(hours=2)})]

    assert list_kinds(bookings) == {("burst", f"{NOON:%a} 12:00–12:05", 6): 6}
    assert list_kinds(bookings, usual={HARBOUR: 300}) == {}


def test_two_bursts_are_two():
    first, second = make_bookings(*FIVE, minutes=0), make_bookings(*FIVE, minutes=0)
    second = [OnlineBooking(**{**vars(each), "created_at": NOON + timedelta(minutes=9)}) for each in second]

    labels = {f"{NOON:%a} 12:00–12:00", f"{NOON:%a} 12:09–12:09"}
    assert {label for _, label, _ in list_kinds([*first, *second])} == labels


@pytest.fixture
def from_one_network(book, at):
    """Three bookings from one network by three people at a well-known provider."""
    people = [
        Patient(first_name=name, last_name="Archer", date_of_birth="1990-01-01", email=f"{name.lower()}@gmail.com")
        for name in ("Ann", "Bob", "Carol")
    ]
    return [
        book(at(9 + number), patient=person, holder=person.email, network="abcdef99")
        for number, person in enumerate(people)
    ]


def find():
    return {id: [(sign.kind, sign.number) for sign in signs] for id, signs in find_unusual(Appointment.objects).items()}


def test_find_unusual_returns_the_coming_ones_of_the_last_48_hours(from_one_network):
    first, second, third = from_one_network
    signs = [("network", 3)]
    assert find() == {first.pk: signs, second.pk: signs, third.pk: signs}

    cancel(first, reason="unusual", actor="erin", email=False)
    Appointment.objects.filter(pk=second.pk).update(verification="verified")
    assert find() == {third.pk: signs}  # the others still count
    assert [*find_unusual(Appointment.objects, includes_verified=True)] == [second.pk, third.pk]

    Appointment.objects.update(created_at=timezone.now() - timedelta(hours=49))
    assert find() == {}


def test_find_unusual_finds_nothing_once_holds_have_forgotten_their_networks(from_one_network):
    Hold.objects.update(network="", network_48="")

    assert find() == {}


def test_domain_that_people_had_before_is_known(book, at, from_one_network):
    Appointment.objects.update(attendee_email="ann@firm.example")
    assert next(iter(find().values())) == [("network", 3), ("domain", 3)]

    Appointment.objects.bulk_create(
        Appointment(**{**values, "id": uuid4(), "reference": f"old {number}", "slot_id": None, "status": "cancelled"})
        for number, values in enumerate(Appointment.objects.values())
    )
    Appointment.objects.filter(status="cancelled").update(created_at=timezone.now() - timedelta(days=60))
    assert next(iter(find().values())) == [("network", 3)]

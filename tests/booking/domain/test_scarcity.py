"""What a network may book and hold online, and from where on somebody has to prove something."""

import json
from dataclasses import replace
from datetime import timedelta

import altcha
import pytest

from booking.access.email_addresses import get_email_id
from booking.access.proof_of_work import get_price, make_challenge
from booking.domain.confirmation import confirm_hold
from booking.domain.holds import TooManyExtensions, TooManyHolds, extend_hold, move_hold, release_hold
from booking.domain.scarcity import NeedsProof, Visitor, get_seconds_left
from booking.domain.slot_selection import OpeningRequest
from booking.domain.verification import verify_appointment
from booking.models import Appointment, Hold, LocationActivity, Networks, SolvedChallenge
from scheduling.lib.clock import database_now
from scheduling.models import Location
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes

HALF_HOURS = [(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]
WAITING_ROOM = Networks("waiting room")


@pytest.fixture
def hold_online(hold_time, at):
    """Hold Dana's next free time for a visitor: ``hold_online(CAFE, can_work=True)``."""
    starts = iter(at(*half_hour) for half_hour in HALF_HOURS)

    def hold_online(networks=WAITING_ROOM, limit=None, **shown):
        changes = {"clinician": shown.pop("clinician")} if "clinician" in shown else {}
        return hold_time(next(starts), visitor=Visitor(networks, **shown), holder="visitor", limit=limit, **changes)

    return hold_online


@pytest.fixture
def few(settings):
    """Let one booking of a network be confirmed at once each day."""
    settings.ONLINE_BOOKINGS_PER_NETWORK = 1


def age(holds, days=1):
    """Let holds have been placed and run out so many days ago."""
    for hold in holds:
        then = hold.created_at - timedelta(days=days)
        Hold.objects.filter(pk=hold.pk).update(created_at=then, expires_at=hold.expires_at - timedelta(days=days))


def work(price, network=WAITING_ROOM.network):
    challenge = altcha.Challenge.from_dict(json.loads(make_challenge(network, price=price)))
    return altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()


# At once, or to be verified


def test_sixth_hold_of_a_network_must_be_verified(hold_online):
    assert [hold_online().must_verify for _ in range(6)] == [False] * 5 + [True]
    assert not hold_online(Networks("café")).must_verify


def test_hold_given_back_or_run_out_leaves_the_networks_number(hold_online, few):
    first = hold_online()
    assert hold_online().must_verify

    release_hold(first, actor="patient")
    second = hold_online()
    assert not second.must_verify

    lapse(second)
    assert not hold_online().must_verify


def test_confirmed_hold_keeps_the_networks_number_though_it_is_cancelled(hold_online, few, alice):
    hold = hold_online()
    confirm_hold(hold, patient=alice, actor="patient")
    Appointment.objects.update(status="cancelled", slot=None)

    assert hold_online().must_verify


def test_network_has_its_number_again_the_next_day(hold_online, few):
    age([hold_online()])

    assert not hold_online().must_verify


def test_hold_remembers_where_it_came_from(hold_online):
    hold = hold_online(Networks("a", "b", "c"), page="https://www.clinic.example")

    hold.refresh_from_db()
    assert (hold.network, hold.network_56, hold.network_48) == ("a", "b", "c")
    assert (hold.page, hold.verified_email) == ("https://www.clinic.example", "")


def test_wider_networks_have_twice_and_four_times_the_number(hold_online, few):
    networks = [Networks(f"{narrow} of {wide}", wide, "provider") for wide in "abc" for narrow in (1, 2, 3)]

    assert [hold_online(each).must_verify for each in networks] == [
        *[False, False, True],  # the /56 has two
        *[False, False, True],
        *[True, True, True],  # the /48 has four
    ]


def test_location_that_is_not_calm_has_everything_verified(hold_online, settings):
    settings.ONLINE_BOOKINGS_FLOOR = 2
    placed = [hold_online(Networks(f"home {n}")) for n in range(3)]

    assert [hold.must_verify for hold in placed] == [False, False, True]

    age(placed)
    assert not hold_online(Networks("home 4")).must_verify


def test_location_is_calm_while_another_is_not(hold_time, at, settings, consultation, harbour):
    settings.ONLINE_BOOKINGS_FLOOR = 0
    hill = Location.objects.create(name="Hill", timezone="Europe/London", country="GB")
    otis = make_clinician("Otis Lane", location=hill, services=[consultation])
    LocationActivity.objects.create(location=hill, bookings_per_day=1, counted_at=database_now())
    at_home = Visitor(Networks("home"))

    assert hold_time(at(9), visitor=at_home).must_verify
    assert not hold_time(at(9), visitor=at_home, clinician=otis, location=hill).must_verify


def test_location_is_calm_up_to_a_multiple_of_what_is_usual(hold_online, settings, harbour):
    settings.ONLINE_BOOKINGS_FLOOR, settings.ONLINE_BOOKINGS_FACTOR = 1, 3
    LocationActivity.objects.create(location=harbour, bookings_per_day=1, counted_at=database_now())

    assert [hold_online(Networks(f"home {n}")).must_verify for n in range(4)] == [False, False, False, True]


def test_servers_and_staff_are_not_counted(hold_online, hold_time, at, few, dana):
    hold_time(at(16, 30), holder="key:lab")

    assert not hold_online().must_verify


# Proof of work


def test_browser_that_can_work_has_to(hold_online, few):
    hold_online()

    with nothing_changes(), pytest.raises(NeedsProof) as refused:
        hold_online(can_work=True)

    assert refused.value.price == get_price(1)
    assert 0 < refused.value.retry_after <= 25 * 60 * 60
    assert hold_online(proof_of_work=work(get_price(1)), can_work=True).must_verify


def test_price_rises_with_what_the_network_has_held(hold_online, few):
    for _ in range(3):
        hold_online()

    with pytest.raises(NeedsProof) as refused:
        hold_online(can_work=True)

    assert refused.value.price == get_price(3)


@pytest.mark.parametrize("proof", ["nonsense", work(get_price(1), network="café")])
def test_proof_that_is_none_is_refused(hold_online, few, proof):
    hold_online()

    with nothing_changes(), pytest.raises(NeedsProof):
        hold_online(proof_of_work=proof)


def test_proof_of_work_is_not_spent_where_none_is_asked_for(hold_online):
    hold_online(proof_of_work=work(2))

    assert not SolvedChallenge.objects.exists()


def test_proof_of_work_is_good_for_one_hold(hold_online, few):
    hold_online()
    proof = work(get_price(2))
    hold_online(proof_of_work=proof)

    with pytest.raises(NeedsProof):
        hold_online(proof_of_work=proof)


# Held hours


def test_network_holds_no_more_than_its_hours(hold_online, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    for _ in range(4):
        hold_online()

    with nothing_changes(), pytest.raises(NeedsProof) as refused:
        hold_online(proof_of_work=work(2))

    assert refused.value.price is None
    assert not hold_online(Networks("café")).must_verify


def test_held_hours_count_until_a_hold_was_given_back(hold_online, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    for _ in range(4):
        release_hold(hold_online(), actor="patient")

    assert not hold_online().must_verify


def test_held_hours_count_what_has_run_out(hold_online, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    for _ in range(4):
        hold = hold_online()
        Hold.objects.filter(pk=hold.pk).update(status="expired")

    with pytest.raises(NeedsProof):
        hold_online()


def test_held_hours_do_not_count_what_was_confirmed(hold_online, settings, alice):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    settings.ONLINE_VISITS_PER_PERSON = 9
    for _ in range(4):
        confirm_hold(hold_online(), patient=alice, actor="patient")

    assert not hold_online().must_verify


def test_held_hours_count_what_waits_for_its_link_until_it_is_pressed(hold_online, settings, alice):
    settings.ONLINE_BOOKINGS_PER_NETWORK, settings.ONLINE_HELD_HOURS_PER_NETWORK = 0, 1
    appointment = confirm_hold(hold_online(), patient=alice, actor="patient")

    with pytest.raises(NeedsProof) as refused:
        hold_online()
    assert refused.value.price is None

    verify_appointment(appointment)
    assert hold_online().must_verify


def test_held_hours_count_what_may_wait_for_its_link_once_it_is_booked(hold_online, settings):
    settings.ONLINE_BOOKINGS_PER_NETWORK, settings.ONLINE_HELD_HOURS_PER_NETWORK = 0, 2
    first, _ = [hold_online(proof_of_work=work(get_price(number))) for number in (1, 2)]

    with nothing_changes(), pytest.raises(NeedsProof) as refused:
        hold_online(proof_of_work=work(get_price(3)))
    assert refused.value.price is None

    release_hold(first, actor="patient")
    assert hold_online(proof_of_work=work(get_price(3))).must_verify


def test_quarter_of_the_hours_is_held_without_work(hold_online, settings):
    settings.ONLINE_BOOKINGS_PER_NETWORK, settings.ONLINE_HELD_HOURS_PER_NETWORK = 0, 10
    assert [hold_online().must_verify for _ in range(2)] == [True, True]

    with nothing_changes(), pytest.raises(NeedsProof) as refused:
        hold_online()

    assert refused.value.price == get_price(3)
    assert hold_online(proof_of_work=work(get_price(3))).must_verify


def test_hold_is_not_extended_beyond_the_networks_hours(hold_online, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    *_, hold = [hold_online() for _ in range(4)]
    soon = database_now() + timedelta(minutes=1)
    Hold.objects.filter(pk=hold.pk).update(created_at=hold.created_at - timedelta(minutes=14), expires_at=soon)

    with nothing_changes(), pytest.raises(TooManyExtensions):
        extend_hold(hold, actor="patient")

    settings.ONLINE_HELD_HOURS_PER_NETWORK = 2
    assert extend_hold(hold, actor="patient")


# Who has pressed a link


def test_verified_visitor_counts_against_no_network(hold_online, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    for _ in range(4):
        hold_online()
    alice = get_email_id("alice@example.org")

    hold = hold_online(verified_email=alice, can_work=True)

    assert (hold.must_verify, hold.verified_email) == (True, alice)


def test_verified_visitor_has_three_live_holds(hold_online):
    alice, bob = get_email_id("alice@example.org"), get_email_id("bob@example.org")
    for _ in range(3):
        hold_online(verified_email=alice)

    with nothing_changes(), pytest.raises(TooManyHolds):
        hold_online(verified_email=alice)

    assert hold_online(verified_email=bob)


def test_bookings_for_other_addresses_count_as_holds_of_the_verified_visitor_until_pressed(hold_online, alice):
    mallory = get_email_id("mallory@example.net")
    waiting = [confirm_hold(hold_online(verified_email=mallory), patient=alice, actor="patient") for _ in range(3)]
    assert {appointment.verification for appointment in waiting} == {"required"}

    with nothing_changes(), pytest.raises(TooManyHolds) as refusal:
        hold_online(verified_email=mallory)

    assert 3500 < refusal.value.retry_after <= 3600
    verify_appointment(waiting[0])
    assert hold_online(verified_email=mallory)


def test_hold_moved_to_a_location_that_is_not_calm_must_be_verified(hold_time, at, settings, consultation):
    settings.ONLINE_BOOKINGS_FLOOR = 1
    hill = Location.objects.create(name="Hill", timezone="Europe/London", country="GB")
    otis = make_clinician("Otis Lane", location=hill, services=[consultation])
    to_hill = OpeningRequest(consultation, at(10), otis, hill, is_remote=False)
    first = move_hold(hold_time(at(9), visitor=Visitor(Networks("home"))), to_hill, actor="patient")
    second = hold_time(at(9), visitor=Visitor(Networks("café")))
    assert (first.must_verify, second.must_verify) == (False, False)

    move_hold(second, replace(to_hill, starts_at=at(11)), actor="patient")

    assert second.must_verify
    second.refresh_from_db()
    assert second.must_verify


def test_seconds_left_are_those_of_the_locations_day(harbour):
    now = database_now().replace(month=11, day=30, hour=23, minute=59, second=0, microsecond=0)

    assert get_seconds_left(harbour, now) == 61

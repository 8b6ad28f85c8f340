"""Placing a hold: what it writes, whom it keeps out, and when it is refused."""

from datetime import UTC, timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from booking.access.tokens import hash_token
from booking.domain.holds import TooManyHolds, find_hold, release_hold
from booking.domain.slot_selection import NotOffered
from booking.models import Event, Hold
from scheduling.lib.clock import database_now
from scheduling.models import Location, Slot, TimeOff
from scheduling.slots import SlotTaken
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes, rows


@pytest.fixture
def otis(harbour, consultation):
    """A clinician who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def test_a_hold_is_written_with_its_slot_and_its_event(hold_time, at, consultation, dana, harbour):
    hold = hold_time(at(9))

    placed_at, [slot], [event] = hold.created_at, rows(Slot), rows(Event)
    assert rows(Hold) == [
        {
            "id": hold.pk,
            "service_id": consultation.pk,
            "clinician_id": dana.pk,
            "location_id": harbour.pk,
            "slot_id": slot["id"],
            "starts_at": at(9),
            "ends_at": at(9, 30),
            "is_remote": False,
            "price": 60,
            "currency": "GBP",
            "created_at": placed_at,
            "updated_at": hold.updated_at,
            "status": "active",
            "expires_at": placed_at + timedelta(minutes=15),
            "lifetime": timedelta(minutes=15),
            "extensions": 0,
            "holder": "alice's phone",
            "visitor": "",
            "network": "",
            "token_hash": hash_token(hold.token),
            "order_id": None,
            "patient_id": None,
        }
    ]
    assert slot == {
        "id": hold.slot_id,
        "clinician_id": dana.pk,
        "location_id": harbour.pk,
        "lane": 0,
        "period": DateTimeTZRange(at(9), at(9, 30)),
        "taken_at": placed_at,
        "expires_at": placed_at + timedelta(minutes=15),
    }
    assert event == {
        "id": event["id"],
        "kind": "hold.placed",
        "subject_type": "booking",
        "subject_id": hold.pk,
        "sequence": 1,
        "created_at": placed_at,
        "actor": "patient",
        "from_status": "",
        "to_status": "active",
        "data": {},
        "transaction_id": event["transaction_id"],
    }


def test_a_hold_takes_its_buffers_too(hold_time, at, consultation):
    consultation.buffer_before, consultation.buffer_after = timedelta(minutes=10), timedelta(minutes=5)
    consultation.save()

    hold = hold_time(at(9))

    assert (hold.starts_at, hold.ends_at) == (at(9), at(9, 30))
    assert hold.slot.period == DateTimeTZRange(at(8, 50), at(9, 35))


def test_a_hold_lasts_as_long_as_its_location_says_and_a_change_touches_new_holds_only(hold_time, at, harbour):
    first = hold_time(at(9))
    harbour.hold_seconds = 60
    harbour.save()
    second = hold_time(at(10))

    lives = [hold.expires_at - hold.created_at for hold in Hold.objects.order_by("starts_at")]
    assert lives == [timedelta(minutes=15), timedelta(minutes=1)]
    assert [first.slot.expires_at, second.slot.expires_at] == [first.expires_at, second.expires_at]


def test_the_token_is_shown_once_and_stored_as_a_hash_only(hold_time, at):
    token = hold_time(at(9)).token

    assert len(token) >= 32
    assert bytes(Hold.objects.get().token_hash) == hash_token(token)
    assert token not in str(rows(Hold)) + str(rows(Event)) + str(rows(Slot))
    assert not hasattr(Hold.objects.get(), "token")
    assert find_hold(token) == Hold.objects.get()


def test_no_two_tokens_are_alike(hold_time, at):
    assert hold_time(at(9)).token != hold_time(at(10)).token


# Refusals


def test_a_held_time_cannot_be_held_again(hold_time, at):
    hold_time(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9), holder="bob's phone")


def test_a_booked_time_cannot_be_held(book, hold_time, at):
    book(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9))


def test_the_buffer_of_one_appointment_may_not_lie_in_another(book, hold_time, at, consultation):
    book(at(9))
    consultation.buffer_before = timedelta(minutes=5)

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9, 30))


def test_a_time_that_is_not_offered_cannot_be_held(hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered) as refusal:
        hold_time(at(12))

    assert refusal.value.reasons == ["closed"]


def test_a_refusal_names_every_reason(hold_time, at, dana, consultation):
    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10))
    consultation.notice = timedelta(days=30)

    with nothing_changes(), pytest.raises(NotOffered) as refusal:
        hold_time(at(9))

    assert refusal.value.reasons == ["time-off", "too-soon"]


@pytest.mark.parametrize("moved_by", [timedelta(days=-8), timedelta(days=90)])
def test_neither_the_past_nor_the_far_future_can_be_held(moved_by, hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered):
        hold_time(at(9) + moved_by)


def test_by_video_cannot_be_held_what_is_offered_in_person(hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered) as refusal:
        hold_time(at(9), is_remote=True)

    assert refusal.value.reasons == ["not-offered-here"]


def test_a_start_off_by_a_microsecond_cannot_be_held(hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered):
        hold_time(at(9) + timedelta(microseconds=1))


def test_a_time_may_be_given_in_any_zone(hold_time, at):
    assert hold_time(at(9).astimezone(UTC)).starts_at == at(9)


# Lapsed holds


def test_a_lapsed_hold_does_not_block_the_slot(hold_time, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)

    again = hold_time(at(9), holder="bob's phone")

    assert [slot["id"] for slot in rows(Slot)] == [again.slot_id]
    lapsed.refresh_from_db()
    assert (lapsed.status, lapsed.slot) == ("active", None)  # until the sweeper marks it


def test_a_lapsed_hold_does_not_count_for_its_holder(hold_time, at):
    for hour in (9, 10, 11):
        lapse(hold_time(at(hour)))

    assert hold_time(at(9)).is_live(database_now())


# The number of holds


def test_one_holder_has_three_holds_at_most(hold_time, at):
    first, *_ = [hold_time(at(hour)) for hour in (9, 10, 11)]

    with nothing_changes(), pytest.raises(TooManyHolds) as refusal:
        hold_time(at(14))

    seconds = (first.expires_at - database_now()).total_seconds()
    assert seconds < refusal.value.retry_after <= seconds + 2


def test_after_the_given_wait_there_is_room_again(hold_time, at):
    first, *_ = [hold_time(at(hour)) for hour in (9, 10, 11)]
    lapse(first)

    assert hold_time(at(14)).is_live(database_now())


def test_another_holder_has_holds_of_their_own(hold_time, at):
    for hour in (9, 10, 11):
        hold_time(at(hour))

    assert hold_time(at(14), holder="bob's phone").is_live(database_now())


def test_holds_that_were_released_or_confirmed_do_not_count(hold_time, book, at):
    release_hold(hold_time(at(9)), actor="patient")
    book(at(10))

    assert [hold_time(at(hour)).status for hour in (13, 14, 15)] == ["active"] * 3


def test_the_most_holds_can_be_set_or_lifted(hold_time, at):
    hold_time(at(9), limit=1)

    with nothing_changes(), pytest.raises(TooManyHolds):
        hold_time(at(10), limit=1)
    for hour in (10, 11, 13, 14):
        hold_time(at(hour), limit=None)


# One hold instead of another


def test_a_hold_instead_of_another_gives_the_other_back(hold_time, at):
    nine = hold_time(at(9))
    ten = hold_time(at(10), replaces=nine)

    assert [(hold.starts_at, hold.status) for hold in Hold.objects.order_by("starts_at")] == [
        (at(9), "released"),
        (at(10), "active"),
    ]
    assert [slot["id"] for slot in rows(Slot)] == [ten.slot_id]
    assert hold_time(at(9), holder="bob's phone").status == "active"


@pytest.mark.parametrize("hour", [10, 12])
def test_when_the_other_time_cannot_be_held_the_old_hold_stays(hour, hold_time, at):
    hold_time(at(10), holder="bob's phone")
    nine = hold_time(at(9))

    with nothing_changes(), pytest.raises((SlotTaken, NotOffered)):
        hold_time(at(hour), replaces=nine)

    assert nine.status == "active"
    assert find_hold(nine.token).is_live(database_now())


def test_the_same_time_can_be_held_anew(hold_time, at):
    first = hold_time(at(9))
    again = hold_time(at(9), replaces=first)

    assert again != first
    assert [slot["id"] for slot in rows(Slot)] == [again.slot_id]


def test_a_time_overlapping_ones_own_can_be_held_instead(hold_time, at, consultation):
    consultation.step = timedelta(minutes=10)
    consultation.save()

    assert hold_time(at(9, 20), replaces=hold_time(at(9))).starts_at == at(9, 20)


def test_another_clinicians_time_can_be_held_instead(hold_time, at, otis, dana):
    with_dana = hold_time(at(9))
    with_otis = hold_time(at(9), clinician=otis, replaces=with_dana)

    assert [(slot["clinician_id"], slot["id"]) for slot in rows(Slot)] == [(otis.pk, with_otis.slot_id)]


def test_instead_of_makes_room_among_three(hold_time, at):
    first, *_ = [hold_time(at(hour)) for hour in (9, 10, 11)]

    hold_time(at(14), replaces=first)

    assert [hold.starts_at for hold in Hold.objects.filter(status="active").order_by("starts_at")] == [
        at(10),
        at(11),
        at(14),
    ]


def test_a_lapsed_hold_can_be_taken_anew_while_the_time_is_free(hold_time, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)

    assert hold_time(at(9), replaces=lapsed).is_live(database_now())


def test_times_at_two_locations_are_one_persons_time(hold_time, at, dana, consultation):
    mill = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    hold_time(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9), location=mill)

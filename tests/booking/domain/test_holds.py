"""Placing a hold: what place_hold writes, what it refuses, and how it replaces another hold."""

from datetime import UTC, timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from booking.access.tokens import hash_token
from booking.domain.audit import describe_subject
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
    """Otis, who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def test_place_hold_writes_hold_slot_and_event(hold_time, at, consultation, dana, harbour):
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
            "external_id": "",
            "metadata": {},
            "created_at": placed_at,
            "updated_at": hold.updated_at,
            "status": "active",
            "expires_at": placed_at + timedelta(minutes=15),
            "lifetime": timedelta(minutes=15),
            "extensions": 0,
            "holder": "alice's phone",
            "network": "",
            "network_56": "",
            "network_48": "",
            "page": "",
            "must_verify": False,
            "verified_email": "",
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
        "is_double": False,
        "period": DateTimeTZRange(at(9), at(9, 30)),
        "taken_at": placed_at,
        "expires_at": placed_at + timedelta(minutes=15),
    }
    assert event == {
        "id": event["id"],
        "kind": "hold.placed",
        "subject_type": "booking",
        "subject_id": hold.pk,
        "location_id": hold.location_id,
        "sequence": 1,
        "created_at": placed_at,
        "actor": "patient",
        "from_status": "",
        "to_status": "active",
        "data": {},
        "announcement": describe_subject(hold),
        "transaction_id": event["transaction_id"],
    }


def test_place_hold_takes_buffers_of_service_into_slot(hold_time, at, consultation):
    consultation.buffer_before, consultation.buffer_after = timedelta(minutes=10), timedelta(minutes=5)
    consultation.save()

    hold = hold_time(at(9))

    assert (hold.starts_at, hold.ends_at) == (at(9), at(9, 30))
    assert hold.slot.period == DateTimeTZRange(at(8, 50), at(9, 35))


def test_place_hold_lasts_hold_seconds_of_location_at_placement(hold_time, at, harbour):
    first = hold_time(at(9))
    harbour.hold_seconds = 60
    harbour.save()
    second = hold_time(at(10))

    lives = [hold.expires_at - hold.created_at for hold in Hold.objects.order_by("starts_at")]
    assert lives == [timedelta(minutes=15), timedelta(minutes=1)]
    assert [first.slot.expires_at, second.slot.expires_at] == [first.expires_at, second.expires_at]


def test_hold_token_is_returned_once_and_stored_as_hash_only(hold_time, at):
    token = hold_time(at(9)).token

    assert len(token) >= 32
    assert bytes(Hold.objects.get().token_hash) == hash_token(token)
    assert token not in str(rows(Hold)) + str(rows(Event)) + str(rows(Slot))
    assert not hasattr(Hold.objects.get(), "token")
    assert find_hold(token) == Hold.objects.get()


def test_hold_tokens_are_unique(hold_time, at):
    assert hold_time(at(9)).token != hold_time(at(10)).token


# Refusals


def test_place_hold_on_held_time_raises_slot_taken_and_changes_nothing(hold_time, at):
    hold_time(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9), holder="bob's phone")


def test_place_hold_on_booked_time_raises_slot_taken_and_changes_nothing(book, hold_time, at):
    book(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9))


def test_place_hold_with_buffer_overlapping_appointment_raises_slot_taken_and_changes_nothing(
    book, hold_time, at, consultation
):
    book(at(9))
    consultation.buffer_before = timedelta(minutes=5)

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9, 30))


def test_place_hold_outside_working_hours_raises_not_offered_and_changes_nothing(hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered) as refusal:
        hold_time(at(12))

    assert refusal.value.reasons == ["closed"]


def test_place_hold_not_offered_lists_every_reason(hold_time, at, dana, consultation):
    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10))
    consultation.notice = timedelta(days=30)

    with nothing_changes(), pytest.raises(NotOffered) as refusal:
        hold_time(at(9))

    assert refusal.value.reasons == ["time-off", "too-soon"]


@pytest.mark.parametrize("moved_by", [timedelta(days=-8), timedelta(days=90)])
def test_place_hold_in_past_or_beyond_horizon_raises_not_offered_and_changes_nothing(moved_by, hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered):
        hold_time(at(9) + moved_by)


def test_place_hold_by_video_on_in_person_time_raises_not_offered_and_changes_nothing(hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered) as refusal:
        hold_time(at(9), is_remote=True)

    assert refusal.value.reasons == ["not-offered-here"]


def test_place_hold_off_by_a_microsecond_raises_not_offered_and_changes_nothing(hold_time, at):
    with nothing_changes(), pytest.raises(NotOffered):
        hold_time(at(9) + timedelta(microseconds=1))


def test_place_hold_accepts_start_in_any_time_zone(hold_time, at):
    assert hold_time(at(9).astimezone(UTC)).starts_at == at(9)


# Lapsed holds


def test_place_hold_on_lapsed_hold_takes_its_time(hold_time, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)

    again = hold_time(at(9), holder="bob's phone")

    assert [slot["id"] for slot in rows(Slot)] == [again.slot_id]
    lapsed.refresh_from_db()
    assert (lapsed.status, lapsed.slot) == ("active", None)  # until expire_stale_holds marks it


def test_lapsed_holds_do_not_count_towards_limit_of_holder(hold_time, at):
    for hour in (9, 10, 11):
        lapse(hold_time(at(hour)))

    assert hold_time(at(9)).is_live(database_now())


# The limit per holder


def test_place_hold_fourth_of_one_holder_raises_too_many_holds_and_changes_nothing(hold_time, at):
    first, *_ = [hold_time(at(hour)) for hour in (9, 10, 11)]

    with nothing_changes(), pytest.raises(TooManyHolds) as refusal:
        hold_time(at(14))

    seconds = (first.expires_at - database_now()).total_seconds()
    assert seconds < refusal.value.retry_after <= seconds + 2


def test_place_hold_after_earliest_hold_lapsed_succeeds(hold_time, at):
    first, *_ = [hold_time(at(hour)) for hour in (9, 10, 11)]
    lapse(first)

    assert hold_time(at(14)).is_live(database_now())


def test_hold_limit_is_counted_per_holder(hold_time, at):
    for hour in (9, 10, 11):
        hold_time(at(hour))

    assert hold_time(at(14), holder="bob's phone").is_live(database_now())


def test_released_and_confirmed_holds_do_not_count_towards_limit_of_holder(hold_time, book, at):
    release_hold(hold_time(at(9)), actor="patient")
    book(at(10))

    assert [hold_time(at(hour)).status for hour in (13, 14, 15)] == ["active"] * 3


def test_hold_limit_can_be_set_or_lifted(hold_time, at):
    hold_time(at(9), limit=1)

    with nothing_changes(), pytest.raises(TooManyHolds):
        hold_time(at(10), limit=1)
    for hour in (10, 11, 13, 14):
        hold_time(at(hour), limit=None)


# Replacing a hold


def test_place_hold_replacing_another_releases_it(hold_time, at):
    nine = hold_time(at(9))
    ten = hold_time(at(10), replaces=nine)

    assert [(hold.starts_at, hold.status) for hold in Hold.objects.order_by("starts_at")] == [
        (at(9), "released"),
        (at(10), "active"),
    ]
    assert [slot["id"] for slot in rows(Slot)] == [ten.slot_id]
    assert hold_time(at(9), holder="bob's phone").status == "active"


@pytest.mark.parametrize("hour", [10, 12])
def test_place_hold_replacing_another_when_refused_keeps_it_and_changes_nothing(hour, hold_time, at):
    hold_time(at(10), holder="bob's phone")
    nine = hold_time(at(9))

    with nothing_changes(), pytest.raises((SlotTaken, NotOffered)):
        hold_time(at(hour), replaces=nine)

    assert nine.status == "active"
    assert find_hold(nine.token).is_live(database_now())


def test_place_hold_replacing_hold_of_same_time_takes_its_time(hold_time, at):
    first = hold_time(at(9))
    again = hold_time(at(9), replaces=first)

    assert again != first
    assert [slot["id"] for slot in rows(Slot)] == [again.slot_id]


def test_place_hold_replacing_overlapping_hold_succeeds(hold_time, at, consultation):
    consultation.step = timedelta(minutes=10)
    consultation.save()

    assert hold_time(at(9, 20), replaces=hold_time(at(9))).starts_at == at(9, 20)


def test_place_hold_with_another_clinician_frees_slot_of_replaced_hold(hold_time, at, otis, dana):
    with_dana = hold_time(at(9))
    with_otis = hold_time(at(9), clinician=otis, replaces=with_dana)

    assert [(slot["clinician_id"], slot["id"]) for slot in rows(Slot)] == [(otis.pk, with_otis.slot_id)]


def test_place_hold_replacing_one_of_three_stays_within_limit(hold_time, at):
    first, *_ = [hold_time(at(hour)) for hour in (9, 10, 11)]

    hold_time(at(14), replaces=first)

    assert [hold.starts_at for hold in Hold.objects.filter(status="active").order_by("starts_at")] == [
        at(10),
        at(11),
        at(14),
    ]


def test_place_hold_replacing_lapsed_hold_takes_its_free_time(hold_time, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)

    assert hold_time(at(9), replaces=lapsed).is_live(database_now())


def test_place_hold_at_second_location_of_busy_clinician_raises_slot_taken_and_changes_nothing(
    hold_time, at, dana, consultation
):
    mill = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    hold_time(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9), location=mill)

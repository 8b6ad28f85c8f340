"""The life of a hold: found, extended, released, expired."""

from datetime import timedelta

import pytest

from booking.domain.audit import describe_subject
from booking.domain.confirmation import confirm_hold
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import TooManyExtensions, extend_hold, find_hold, move_hold, release_hold
from booking.domain.rescheduling import reschedule_to_hold
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import HoldExpired, HoldNotFound, WrongState
from booking.models import Event, Hold
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes, rows

MINUTE = timedelta(minutes=1)


def advance_time(hold, passed):
    """Let time pass for a hold by moving its expiry closer."""
    Hold.objects.filter(pk=hold.pk).update(expires_at=hold.expires_at - passed)
    Slot.objects.filter(pk=hold.slot_id).update(expires_at=hold.expires_at - passed)


@pytest.fixture
def hold_factories(hold_time, book, at):
    """Map each state to a function that makes Alice's hold at nine in that state."""

    def confirmed():
        return Hold.objects.get(pk=book(at(9)).pk)

    def released():
        hold = hold_time(at(9))
        release_hold(hold, actor="patient")
        return hold

    def lapsed():
        hold = hold_time(at(9))
        lapse(hold)
        return hold

    def expired():
        hold = lapsed()
        expire_stale_holds()
        hold.refresh_from_db()
        return hold

    return {"confirmed": confirmed, "released": released, "lapsed": lapsed, "expired": expired}


# find_hold


def test_find_hold_returns_released_hold_by_token(hold_factories, hold_time, at):
    hold = hold_time(at(9))

    release_hold(hold, actor="patient")

    assert find_hold(hold.token).status == "released"


@pytest.mark.parametrize("token", ["", "guess", "\x00", "é" * 5_000, "\ud800"])
def test_find_hold_with_unknown_token_raises_hold_not_found(token, hold_time, at):
    hold_time(at(9))

    with pytest.raises(HoldNotFound):
        find_hold(token)


def test_find_hold_by_id_or_stored_hash_raises_hold_not_found(hold_time, at):
    hold = hold_time(at(9))

    for guess in (str(hold.pk), hold.token_hash.hex(), hold.token[:-1]):
        with pytest.raises(HoldNotFound):
            find_hold(guess)


# extend_hold


def test_extend_hold_renews_full_lifetime_of_hold_and_slot(hold_time, at):
    hold = hold_time(at(9))
    advance_time(hold, 14 * MINUTE)

    extend_hold(hold, actor="patient")

    [row], [slot], event = rows(Hold), rows(Slot), rows(Event)[-1]
    assert row["expires_at"] == slot["expires_at"] == hold.expires_at == event["created_at"] + 15 * MINUTE
    assert (row["status"], row["extensions"], hold.extensions_left) == ("active", 1, 9)
    assert event == {
        "id": event["id"],
        "kind": "hold.extended",
        "subject_type": "booking",
        "subject_id": hold.pk,
        "location_id": hold.location_id,
        "sequence": 2,
        "created_at": event["created_at"],
        "actor": "patient",
        "from_status": "",
        "to_status": "",
        "data": {"expires_at": hold.expires_at.isoformat()},
        "announcement": describe_subject(hold) | {"expires_at": hold.expires_at.isoformat()},
        "transaction_id": event["transaction_id"],
    }


def test_extend_hold_after_location_changed_uses_original_lifetime(hold_time, at, harbour):
    hold = hold_time(at(9))
    before = hold.expires_at
    harbour.hold_seconds = 30
    harbour.save()

    extend_hold(find_hold(hold.token), actor="patient")

    assert rows(Hold)[0]["expires_at"] == rows(Slot)[0]["expires_at"] > before


def test_extend_hold_eleventh_time_raises_too_many_extensions_and_changes_nothing(hold_time, at):
    hold = hold_time(at(9))
    for _ in range(10):
        extend_hold(hold, actor="patient")

    with nothing_changes(), pytest.raises(TooManyExtensions):
        extend_hold(hold, actor="patient")

    assert hold.extensions_left == 0


def test_extend_hold_from_eleventh_stale_page_raises_too_many_extensions_and_changes_nothing(hold_time, at):
    token = hold_time(at(9)).token
    pages = [find_hold(token) for _ in range(11)]
    for page in pages[:10]:
        extend_hold(page, actor="patient")

    with nothing_changes(), pytest.raises(TooManyExtensions):
        extend_hold(pages[10], actor="patient")


@pytest.mark.parametrize(
    ("state", "refusal"),
    [("confirmed", WrongState), ("released", HoldNotFound), ("lapsed", HoldExpired), ("expired", HoldExpired)],
)
def test_extend_hold_that_is_not_live_is_refused_and_changes_nothing(state, refusal, hold_factories):
    hold = hold_factories[state]()

    with nothing_changes(), pytest.raises(refusal):
        extend_hold(hold, actor="patient")


# No hold outlives the start of what it holds


MONTH = timedelta(days=30)  # longer than until any of these starts


def get_ends(hold):
    """Return when a hold and its slot end, by the database."""
    return Hold.objects.get(pk=hold.pk).expires_at, Slot.objects.get(pk=hold.slot_id).expires_at


def test_place_hold_for_longer_than_until_start_lasts_until_start(hold_time, at):
    hold = hold_time(at(9), lifetime=MONTH)

    assert get_ends(hold) == (at(9), at(9))
    assert (hold.expires_at, hold.is_reservation, hold.extensions_left) == (at(9), False, 0)
    with nothing_changes():
        extend_hold(hold, actor="patient")


def test_extend_hold_near_start_lasts_until_start(hold_time, at):
    hold = hold_time(at(9), lifetime=MONTH)
    advance_time(hold, MINUTE)

    extend_hold(hold, actor="patient")

    assert get_ends(hold) == (at(9), at(9))
    assert rows(Event)[-1]["data"] == {"expires_at": hold.expires_at.isoformat()}


def test_move_hold_to_earlier_time_lasts_until_its_start_and_back_no_longer(hold_time, at, consultation, dana, harbour):
    hold = hold_time(at(14), lifetime=MONTH)
    for hour in (9, 16):
        move_hold(hold, OpeningRequest(consultation, at(hour), dana, harbour, is_remote=False), actor="patient")

    assert (hold.starts_at, *get_ends(hold)) == (at(16), at(9), at(9))


def test_confirm_hold_of_earlier_release_that_outlives_its_start_raises_hold_expired(hold_time, alice, at):
    hold = hold_time(at(9))
    now = database_now()
    Hold.objects.filter(pk=hold.pk).update(starts_at=now - MINUTE, ends_at=now + 29 * MINUTE)

    with nothing_changes(), pytest.raises(HoldExpired):
        confirm_hold(find_hold(hold.token), patient=alice, actor="patient")

    assert find_hold(hold.token).seconds_left(database_now()) == 0


def test_notice_that_has_begun_since_hold_was_placed_refuses_neither_extension_nor_confirmation(
    hold_time, book, alice, consultation, at
):
    hold, other = hold_time(at(9)), hold_time(at(14))
    appointment = book(at(10))
    type(consultation).objects.update(notice=MONTH)

    extend_hold(find_hold(hold.token), actor="patient")
    reschedule_to_hold(appointment, find_hold(other.token), actor="patient")

    assert confirm_hold(find_hold(hold.token), patient=alice, actor="patient").status == "confirmed"
    assert appointment.starts_at == at(14)


# release_hold


def test_release_hold_frees_slot_at_once(hold_time, at):
    hold = hold_time(at(9))

    release_hold(hold, actor="patient")

    event = rows(Event)[-1]
    assert (hold.status, rows(Hold)[0]["status"], rows(Hold)[0]["slot_id"]) == ("released", "released", None)
    assert rows(Slot) == []
    assert event == {
        "id": event["id"],
        "kind": "hold.released",
        "subject_type": "booking",
        "subject_id": hold.pk,
        "location_id": hold.location_id,
        "sequence": 2,
        "created_at": event["created_at"],
        "actor": "patient",
        "from_status": "active",
        "to_status": "released",
        "data": {},
        "announcement": describe_subject(hold),
        "transaction_id": event["transaction_id"],
    }
    hold_time(at(9), holder="bob's phone")


@pytest.mark.parametrize("state", ["released", "expired"])
def test_release_hold_already_released_or_expired_changes_nothing(state, hold_factories):
    hold = hold_factories[state]()

    with nothing_changes():
        release_hold(hold, actor="patient")


def test_release_hold_after_confirmation_raises_wrong_state_and_changes_nothing(hold_factories):
    hold = hold_factories["confirmed"]()

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        release_hold(hold, actor="patient")

    assert (refusal.value.state, refusal.value.allowed) == ("confirmed", [])


def test_release_hold_from_stale_page_after_confirmation_raises_wrong_state_and_changes_nothing(hold_time, alice, at):
    hold = hold_time(at(9))
    stale = find_hold(hold.token)
    confirm_hold(hold, patient=alice, actor="patient")

    with nothing_changes(), pytest.raises(WrongState):
        release_hold(stale, actor="patient")


def test_release_hold_after_bob_took_its_lapsed_time_keeps_slot_of_bob(hold_time, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)
    bobs = hold_time(at(9), holder="bob's phone")

    release_hold(lapsed, actor="patient")

    assert lapsed.status == "expired"  # its release came after its expiry

    assert [slot["id"] for slot in rows(Slot)] == [bobs.slot_id]


# expire_stale_holds


def test_expire_stale_holds_expires_lapsed_holds_only(hold_time, book, at, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    lapsed = [hold_time(at(9)), hold_time(at(10)), hold_time(at(9), clinician=otis)]
    live = hold_time(at(11), holder="bob's phone")
    appointment = book(at(14), holder="carol's phone")
    for hold in lapsed:
        lapse(hold)

    assert expire_stale_holds() == 3

    states = {row["id"]: row["status"] for row in rows(Hold)}
    assert states == dict.fromkeys([hold.pk for hold in lapsed], "expired") | {
        live.pk: "active",
        appointment.pk: "confirmed",
    }
    assert {slot["id"] for slot in rows(Slot)} == {live.slot_id, appointment.slot_id}
    announced = Event.objects.filter(kind="hold.expired")
    assert {(event.subject_id, event.actor, event.from_status, event.to_status) for event in announced} == {
        (hold.pk, "worker", "active", "expired") for hold in lapsed
    }


def test_expire_stale_holds_again_changes_nothing(hold_time, at):
    lapse(hold_time(at(9)))
    expire_stale_holds()

    with nothing_changes():
        assert expire_stale_holds() == 0


def test_expire_stale_holds_after_bob_took_lapsed_time_keeps_slot_of_bob(hold_time, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)
    bobs = hold_time(at(9), holder="bob's phone")

    assert expire_stale_holds() == 1

    assert {row["id"]: row["status"] for row in rows(Hold)} == {lapsed.pk: "expired", bobs.pk: "active"}
    assert [slot["id"] for slot in rows(Slot)] == [bobs.slot_id]


def test_hold_at_its_expiry_instant_is_not_live(hold_time, at):
    hold = hold_time(at(9))

    assert hold.is_live(hold.expires_at - timedelta(microseconds=1))
    assert not hold.is_live(hold.expires_at)
    assert hold.seconds_left(database_now()) in (899, 900)
    assert hold.seconds_left(hold.expires_at) == 0

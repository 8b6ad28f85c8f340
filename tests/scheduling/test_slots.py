"""The ledger of taken time. The first tests ask the database itself, with no code of ours between."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from scheduling.lib.clock import database_now
from scheduling.lib.constraints import get_violated_constraint
from scheduling.models import Location, Slot
from scheduling.slots import SlotTaken, free_slot, move_slot, set_slot_expiry, take_slot
from tests.conftest import make_clinician

HOUR = timedelta(hours=1)


@pytest.fixture
def write(dana, harbour):
    """Write a slot of Dana's without asking anyone."""

    def write(*bounds, **changes):
        arguments = {"clinician": dana, "location": harbour, "taken_at": database_now(), **changes}
        return Slot.objects.create(period=DateTimeTZRange(*bounds), **arguments)

    return write


@pytest.fixture
def take(dana, harbour):
    """Take a stretch of Dana's time."""

    def take(*bounds, **changes):
        arguments = {"clinician": dana, "location": harbour, **changes}
        return take_slot(period=DateTimeTZRange(*bounds), **arguments)

    return take


def ledger():
    return list(Slot.objects.order_by("pk").values())


# The database


@pytest.mark.parametrize(
    ("start", "end"),
    [((9, 0), (10, 0)), ((9, 59), (11, 0)), ((8, 0), (9, 1)), ((9, 20), (9, 40)), ((8, 0), (11, 0))],
)
def test_overlapping_slot_is_refused_by_database(start, end, write, at):
    write(at(9), at(10))
    before = ledger()

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write(at(*start), at(*end))

    assert get_violated_constraint(refusal.value) == Slot.NO_OVERLAP == "slot_no_overlap"
    assert ledger() == before


@pytest.fixture
def undeferred(db):
    """Undo what a test writes before the end of its transaction, when a slot that is double would need a reason."""
    with suppress(_Over), transaction.atomic():
        yield
        raise _Over


class _Over(Exception):
    pass


@pytest.mark.usefixtures("undeferred")
def test_third_overlapping_slot_is_refused_by_database(write, at):
    write(at(9), at(10))
    write(at(9), at(10), lane=1, is_double=True)

    for lane, is_double in [(0, False), (0, True), (1, True)]:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            write(at(9, 30), at(10, 30), lane=lane, is_double=is_double)
        assert get_violated_constraint(refusal.value) == Slot.NO_OVERLAP
    assert Slot.objects.count() == 2


@pytest.mark.usefixtures("undeferred")
def test_slot_over_double_one_alone_is_refused_by_database_unless_it_is_double(write, take, at):
    double = write(at(9), at(10), lane=1, is_double=True)

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write(at(9, 30), at(10, 30))
    assert get_violated_constraint(refusal.value) == Slot.NO_OVERLAP
    with pytest.raises(SlotTaken):
        take(at(9, 30), at(10, 30))
    later = take(at(10), at(11))
    with pytest.raises(SlotTaken):
        move_slot(later, clinician=later.clinician, location=later.location, period=double.period)
    assert later.period.lower == at(10)

    free_slot(later.pk)
    assert write(at(9, 30), at(10, 30), is_double=True).lane == 0


def test_slot_in_lane_1_that_is_not_double_is_refused_by_database(write, at):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write(at(9), at(10), lane=1)

    assert get_violated_constraint(refusal.value) == "slot_lane_1_is_double"


@pytest.mark.django_db(transaction=True)
def test_double_slot_without_appointment_is_refused_by_database_at_commit(write, at):
    write(at(9), at(10))

    with pytest.raises(IntegrityError) as refusal:
        write(at(9), at(10), lane=1, is_double=True)

    assert get_violated_constraint(refusal.value) == "slot_double_has_reason"
    assert Slot.objects.count() == 1


def test_slot_in_third_lane_is_refused_by_database(write, at):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write(at(9), at(10), lane=2)

    assert get_violated_constraint(refusal.value) == "slot_lane"


def test_slot_overlapping_lapsed_one_is_refused_by_database(write, at):
    write(at(9), at(10), expires_at=database_now() - HOUR)

    with pytest.raises(IntegrityError), transaction.atomic():
        write(at(9), at(10))


def test_slot_stretched_into_another_is_refused_by_database(write, at):
    write(at(9), at(10))
    later = write(at(10), at(11))

    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.filter(pk=later.pk).update(period=DateTimeTZRange(at(9, 59), at(11)))


def test_adjacent_slots_are_accepted(write, at):
    slots = [write(at(10), at(11)), write(at(9), at(10)), write(at(11), at(12))]

    assert [slot["id"] for slot in ledger()] == [slot.pk for slot in slots]


def test_slots_of_two_clinicians_may_overlap(write, harbour, at):
    slots = [write(at(9), at(10))]
    slots.append(write(at(9), at(10), clinician=make_clinician("Otis Hale", location=harbour, services=[])))

    assert [slot["id"] for slot in ledger()] == [slot.pk for slot in slots]


def test_overlapping_slot_at_another_location_is_refused(write, at):
    write(at(9), at(10))
    elsewhere = Location.objects.create(name="Mill Lane", city="Leeds")

    with pytest.raises(IntegrityError), transaction.atomic():
        write(at(9), at(10), location=elsewhere)


@pytest.mark.parametrize(
    "bounds",
    [
        lambda at: (None, at(9)),
        lambda at: (at(9), None),
        lambda at: (at(9), at(9)),
        lambda at: (at(9), at(9) + 24 * HOUR + timedelta(seconds=1)),
    ],
    ids=["without start", "without end", "empty", "longer than a day"],
)
def test_unbounded_slot_is_refused_by_database(bounds, write, at):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write(*bounds(at))

    assert get_violated_constraint(refusal.value) == "slot_is_bounded"


def test_slot_of_a_whole_day_is_accepted(write, at):
    slot = write(at(9), at(9) + 24 * HOUR)

    assert [row["id"] for row in ledger()] == [slot.pk]


# take_slot, prolong_slot, free_slot


def test_take_slot_keeps_time_until_it_is_freed(take, at, dana, harbour):
    slot = take(at(9), at(10))

    assert ledger() == [
        {
            "id": slot.pk,
            "clinician_id": dana.pk,
            "location_id": harbour.pk,
            "lane": 0,
            "is_double": False,
            "period": DateTimeTZRange(at(9), at(10)),
            "taken_at": slot.taken_at,
            "expires_at": None,
        }
    ]
    free_slot(slot.pk)
    assert ledger() == []


def test_take_slot_stamps_database_time(take, at):
    before = database_now()
    slot = take(at(9), at(10), lifetime=HOUR)

    assert before < slot.taken_at < database_now()
    assert slot.expires_at == slot.taken_at + HOUR


def test_take_slot_on_taken_time_raises_and_changes_nothing(take, at):
    take(at(9), at(10))
    before = ledger()

    with pytest.raises(SlotTaken):
        take(at(9, 30), at(10, 30))

    assert ledger() == before


def test_take_slot_beside_taken_time_succeeds(take, at):
    slots = [take(at(9), at(10)), take(at(10), at(11))]

    assert [slot["id"] for slot in ledger()] == [slot.pk for slot in slots]


def test_take_slot_replaces_lapsed_slot(take, at):
    lapsed = take(at(9), at(10), lifetime=-timedelta(microseconds=1))
    kept = take(at(9, 30), at(10, 30))

    assert [slot["id"] for slot in ledger()] == [kept.pk] != [lapsed.pk]


def test_take_slot_leaves_lapsed_slot_at_another_time(take, at):
    lapsed = take(at(14), at(15), lifetime=-HOUR)
    kept = take(at(9), at(10))

    assert [slot["id"] for slot in ledger()] == [lapsed.pk, kept.pk]


def test_take_slot_blocked_by_live_slot_keeps_lapsed_one(take, at):
    take(at(9), at(10), lifetime=-HOUR)
    take(at(10), at(11))
    before = ledger()

    with pytest.raises(SlotTaken):
        take(at(9), at(11))

    assert ledger() == before


def test_take_slot_breaking_another_constraint_is_not_slot_taken(take, at):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        take(at(9), at(9) + 25 * HOUR)

    assert get_violated_constraint(refusal.value) == "slot_is_bounded"


def test_set_slot_expiry_prolongs_slot_or_keeps_it_for_good(take, at):
    slot = take(at(9), at(10), lifetime=HOUR)

    set_slot_expiry(slot.pk, expires_at=at(8))
    assert [row["expires_at"] for row in ledger()] == [at(8)]
    set_slot_expiry(slot.pk, expires_at=None)
    assert [row["expires_at"] for row in ledger()] == [None]


def test_set_slot_expiry_of_freed_slot_raises_slot_taken(hold_time, at):
    hold = hold_time(at(9))
    free_slot(hold.slot_id)
    hold.refresh_from_db()

    with pytest.raises(SlotTaken):
        set_slot_expiry(hold.slot_id, expires_at=None)
    assert ledger() == []


def test_free_slot_twice_succeeds(take, at):
    slot = take(at(9), at(10))

    free_slot(slot.pk)
    free_slot(slot.pk)

    assert ledger() == []


# move_slot


@pytest.fixture
def shift(dana, harbour):
    """Move a slot to another stretch of Dana's time, or of another's."""

    def shift(slot, *bounds, **changes):
        arguments = {"clinician": dana, "location": harbour, **changes}
        move_slot(slot, period=DateTimeTZRange(*bounds), **arguments)

    return shift


def test_move_slot_keeps_its_id(take, shift, harbour, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[])
    slot = take(at(9), at(10), lifetime=HOUR)
    [before] = ledger()

    shift(slot, at(14), at(16), clinician=otis)

    moved = {"clinician_id": otis.pk, "period": DateTimeTZRange(at(14), at(16)), "taken_at": slot.taken_at}
    assert ledger() == [before | moved]
    assert slot.period == DateTimeTZRange(at(14), at(16))


def test_move_slot_into_its_own_time_succeeds(take, shift, at):
    slot = take(at(9), at(10))

    shift(slot, at(9, 30), at(10, 30))

    assert [row["period"] for row in ledger()] == [DateTimeTZRange(at(9, 30), at(10, 30))]


def test_move_slot_to_taken_time_changes_nothing(take, shift, at):
    slot = take(at(9), at(10))
    take(at(11), at(12))
    before = ledger()

    with pytest.raises(SlotTaken):
        shift(slot, at(10, 30), at(11, 30))

    assert ledger() == before


def test_move_slot_replaces_lapsed_slot(take, shift, at):
    slot = take(at(9), at(10))
    take(at(11), at(12), lifetime=-HOUR)

    shift(slot, at(11), at(12))

    assert [row["id"] for row in ledger()] == [slot.pk]


def test_move_slot_at_an_earlier_time_is_refused_by_slot_that_has_lapsed_since(take, shift, at):
    slot = take(at(9), at(10))
    lapsed = take(at(11), at(12), lifetime=-HOUR)
    before = ledger()

    with pytest.raises(SlotTaken):
        shift(slot, at(11), at(12), at=lapsed.expires_at - timedelta(microseconds=1))

    assert ledger() == before
    shift(slot, at(11), at(12), at=lapsed.expires_at)
    assert [row["id"] for row in ledger()] == [slot.pk]


def test_move_slot_that_has_lapsed_succeeds(take, shift, at):
    slot = take(at(9), at(10), lifetime=-timedelta(microseconds=1))

    shift(slot, at(9, 30), at(10, 30))

    assert [(row["id"], row["period"].lower) for row in ledger()] == [(slot.pk, at(9, 30))]


def test_move_freed_slot_raises_slot_taken(take, shift, at):
    slot = take(at(9), at(10))
    free_slot(slot.pk)

    with pytest.raises(SlotTaken):
        shift(slot, at(11), at(12))

    assert ledger() == []

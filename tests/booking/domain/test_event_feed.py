"""The event feed: no event is lost to a late commit, to a page's end or to a restore."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction

from booking.dev.servers import BASE_DIR
from booking.domain import event_feed
from booking.domain.appointments import cancel
from booking.domain.event_feed import OVERLAP, Position, read_feed
from booking.domain.holds import extend_hold
from booking.domain.patients import register
from booking.models import Event, OutboxMessage
from booking.models.enums import ANNOUNCED_KINDS
from scheduling.lib.clock import database_now
from tests.waiting import no_event_is_unsettled, wait_until

BEGINNING = Position()


@pytest.fixture
def place(transactional_db, hold_time, at):
    """Hold a time with Dana, and commit, as the feed wants it: ``place(9)``."""
    return lambda hour: hold_time(at(hour), limit=None)


def read(position=BEGINNING, *, kinds=ANNOUNCED_KINDS, limit=50, is_early=False):
    """Return a page; with ``is_early`` while one of our own transactions is open."""
    if not is_early:
        wait_until(no_event_is_unsettled)
    return read_feed(position, kinds=kinds, limit=limit)


def list_ids(page):
    return [int(event["id"]) for event in page.events]


def read_all(position=BEGINNING, **options):
    """Return the ids of all pages' events from there, and the position after them."""
    ids, has_more = [], True
    while has_more:
        page = read(position, **options)
        ids, position, has_more = ids + list_ids(page), page.position, page.has_more
    return ids, position


def list_announced():
    return list(Event.objects.filter(kind__in=ANNOUNCED_KINDS).order_by("id").values_list("id", flat=True))


def test_feed_tells_what_was_delivered_with_ids(transactional_db, endpoint, book, at, order):
    cancel(book(at(9)), reason="other", actor="erin")

    page = read()

    told = [{name: event[name] for name in ("type", "timestamp", "data")} for event in page.events]
    order_of_events = {id: number for number, id in enumerate(list_announced())}
    assert [order_of_events[int(event["id"])] for event in page.events] == list(range(len(told)))
    delivered = OutboxMessage.objects.filter(kind="webhook.event").values_list("payload", flat=True)
    assert told == sorted(delivered, key=lambda one: told.index(one))
    assert {event["type"] for event in told} == {
        "patient.created",
        "order.created",
        "hold.placed",
        "appointment.created",
        "appointment.cancelled",
    }
    assert not page.has_more


def test_feed_tells_event_as_it_was_then(transactional_db, book, at):
    appointment = book(at(9))
    cancel(appointment, reason="other", actor="erin")

    statuses = {event["type"]: event["data"]["status"] for event in read().events if "status" in event["data"]}

    assert statuses == {
        "hold.placed": "active",
        "appointment.created": "confirmed",
        "appointment.cancelled": "cancelled",
    }


def test_event_of_earlier_release_is_told_with_id_status_and_sequence(transactional_db, at):
    created_at = at(9)
    event = Event.objects.create(
        kind="appointment.cancelled",
        subject_type="booking",
        subject_id="5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04",
        sequence=4,
        created_at=created_at,
        actor="erin",
        to_status="cancelled",
        data={"reason": "other"},
    )

    assert read().events == [
        {
            "id": str(event.pk),
            "type": "appointment.cancelled",
            "timestamp": event.created_at.isoformat(),
            "data": {
                "id": "5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04",
                "status": "cancelled",
                "reason": "other",
                "sequence": 4,
            },
        }
    ]


def test_pages_of_feed_have_each_event_once(place):
    for hour in (9, 10, 11):
        extend_hold(place(hour), actor="patient")

    for limit in (1, 2, 4, 6, 50):
        assert read_all(limit=limit)[0] == list_announced()


def test_last_page_of_feed_has_position_to_go_on_from(place):
    hold = place(9)
    seen, position = read_all()
    assert read(position).events == []

    extend_hold(hold, actor="patient")

    assert seen + read_all(position)[0] == list_announced()
    assert list_ids(read(position)) == list_announced()[1:]


def test_empty_feed_has_position_to_go_on_from(place):
    position = read().position
    place(9)

    assert list_ids(read(position)) == list_announced()


def test_position_moves_past_events_of_other_kinds(monkeypatch, place):
    monkeypatch.setattr(event_feed, "SCAN_LIMIT", 3)
    hold = place(9)
    for _ in range(4):
        extend_hold(hold, actor="patient")
    place(10)

    first = read(kinds=["hold.placed"])
    second = read(first.position, kinds=["hold.placed"])

    assert (len(first.events), first.has_more, len(second.events), second.has_more) == (1, True, 1, True)
    assert second.position.event_id == list_announced()[-1]


def test_internal_kinds_are_not_told(transactional_db, book, at):
    book(at(9))

    assert "hold.confirmed" in set(Event.objects.values_list("kind", flat=True))
    assert "hold.confirmed" not in {event["type"] for event in read().events}


# Transactions that commit late


def get_transaction_id():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        return int(cursor.fetchone()[0])


def test_plain_cursor_would_lose_event_that_commits_late(open_transaction, place, alice):
    commit = open_transaction(lambda: register(alice, actor="erin"))
    place(9)
    seen = list_announced()

    commit()

    assert len(seen) == 1
    [early, late] = list_announced()
    assert ([late], Event.objects.get(pk=early).kind) == (seen, "patient.created")


def test_feed_waits_for_older_transaction_and_loses_nothing(open_transaction, place, alice):
    place(9)
    first, position = read_all()
    commit = open_transaction(lambda: register(alice, actor="erin"))
    place(10)
    meanwhile, position = read_all(position, is_early=True)

    commit()

    assert meanwhile == []
    assert first + read_all(position)[0] == list_announced()
    assert len(list_announced()) == 3


def test_feed_shows_event_of_transaction_that_began_later_but_wrote_first(open_transaction, place, alice):
    """Ids in one order, transactions in the other: the feed follows the transactions."""
    commit = open_transaction(get_transaction_id)
    place(9)
    assert read(is_early=True).events == []

    commit()

    assert read_all()[0] == list_announced()


def test_transaction_that_only_reads_does_not_stop_feed(open_transaction, place):
    open_transaction(lambda: Event.objects.count())
    place(9)

    assert read_all()[0] == list_announced()


def test_rolled_back_transaction_leaves_no_gap_in_feed(place, alice):
    with transaction.atomic():
        register(alice, actor="erin")
        transaction.set_rollback(True)
    place(9)

    assert read_all()[0] == list_announced() and len(list_announced()) == 1


# Since


def test_since_is_inclusive_and_stays_with_position(place):
    for hour in (9, 10, 11):
        place(hour)
    [_, second, third] = Event.objects.order_by("id")

    ids, position = read_all(Position(since=second.created_at), limit=1)

    assert ids == [second.pk, third.pk]
    assert position.since == second.created_at


def test_since_later_than_everything_is_empty_and_goes_on(place):
    place(9)
    position = read(Position(since=database_now())).position
    place(10)

    assert list_ids(read(position)) == list_announced()[1:]


# A table of one row costs the same whichever way it is read: forbid what a large one would not do.
@pytest.mark.parametrize(
    ("since", "costly", "index"),
    [
        (None, ["seqscan", "bitmapscan", "sort"], "event_feed"),
        ("2020-01-01T00:00Z", ["seqscan", "indexscan", "indexonlyscan"], "event_created"),  # BRIN: bitmaps only
    ],
)
def test_feed_is_read_by_index(since, costly, index, place):
    place(9)
    statement = event_feed.SINCE if since else event_feed.IN_FEED
    parameters = {"transaction_id": "5", "event_id": 1, "kinds": ["hold.placed"], "limit": 50, "scan_limit": 2000}
    with transaction.atomic(), connection.cursor() as cursor:
        for way in costly:
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {statement}", {**parameters, "since": since or "-infinity"})
        plan = "\n".join(line for [line] in cursor)

    assert index in plan


# After a restore into another cluster: stored transaction ids may be higher than any here


FAR = 2**40  # more transactions than this cluster will see


def restore(*, transaction_id=FAR, lose_after=None):
    """Leave the events as a restore does, with the other cluster's transactions, without those written after the
    backup, of which ``lose_after`` is the last event kept."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_event DISABLE TRIGGER booking_event_stays")
        cursor.execute("UPDATE booking_event SET transaction_id = (id + %s)::text::xid8", [transaction_id])
        if lose_after:
            cursor.execute("DELETE FROM booking_event WHERE id > %s", [lose_after])
            cursor.execute("SELECT setval(pg_get_serial_sequence('booking_event', 'id'), %s)", [lose_after])
        cursor.execute("ALTER TABLE booking_event ENABLE TRIGGER booking_event_stays")


def forget_transactions():
    """Do what docs/upgrading.md tells those who have restored a backup."""
    [statements] = re.findall(r"```sql\n(BEGIN;.*?)```", (BASE_DIR / "docs" / "upgrading.md").read_text(), re.DOTALL)
    with connection.cursor() as cursor:
        cursor.execute(statements)


@pytest.fixture
def clinic_of_before(place):
    """Four holds, of which a reader has seen three; return that reader's Position."""
    for hour in (9, 10, 11):
        place(hour)
    position = read().position
    place(13)
    return position


@pytest.mark.parametrize("after", [restore, lambda: (restore(), forget_transactions())], ids=["at once", "prepared"])
def test_restored_events_come_first_and_new_ones_after_them(after, clinic_of_before, place):
    after()
    place(14)

    for limit in (1, 3, 50):
        assert read_all(limit=limit)[0] == list_announced()
    assert len(list_announced()) == 5


@pytest.mark.parametrize("after", [restore, lambda: (restore(), forget_transactions())], ids=["at once", "prepared"])
def test_position_of_before_restore_goes_on_without_losing_event(after, clinic_of_before, place):
    after()
    place(14)

    ids, position = read_all(clinic_of_before)

    assert ids == list_announced()  # a minute again, and all that is new
    place(15)
    assert read_all(position)[0] == list_announced()[-1:]


def test_position_of_before_restore_repeats_a_minute_only(clinic_of_before, place):
    [old, *others] = list_announced()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_event DISABLE TRIGGER booking_event_stays")
        cursor.execute(
            "UPDATE booking_event SET created_at = %s WHERE id = %s",
            [clinic_of_before.created_at - OVERLAP - timedelta(seconds=1), old],
        )
        cursor.execute("ALTER TABLE booking_event ENABLE TRIGGER booking_event_stays")
    restore()
    place(14)

    assert read_all(clinic_of_before)[0] == [*others, list_announced()[-1]]


def test_position_of_event_that_was_lost_goes_on_by_time(clinic_of_before, place):
    [first, *_] = list_announced()
    restore(transaction_id=3, lose_after=first)
    place(14)

    [_, new] = list_announced()
    assert new <= clinic_of_before.event_id  # its number had been given already
    assert new in read_all(clinic_of_before)[0]


def test_position_of_before_restore_is_known_even_when_as_many_transactions_are_done(clinic_of_before, place):
    restore()
    forget_transactions()
    place(14)
    later = replace(clinic_of_before, transaction_id=get_transaction_id() + 1000)

    assert list_announced()[-1] in read_all(later)[0]

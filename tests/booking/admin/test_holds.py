"""Staff see what is held and give it back; messages that failed are run again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.domain.holds import confirm_hold
from booking.models import Hold, OutboxMessage
from scheduling.models import Slot
from tests.booking.admin.pages import act, queries, rows, said, url

HOLDS, MESSAGES = "booking_hold", "booking_outboxmessage"


def test_live_holds_are_listed_with_the_time_that_is_left(erin, hold_time, at, day):
    live, lapsed = hold_time(at(9)), hold_time(at(10))
    Hold.objects.filter(pk=live.pk).update(expires_at=timezone.now() + timedelta(seconds=125, milliseconds=900))
    Hold.objects.filter(pk=lapsed.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    [row] = rows(erin.get(url(HOLDS)))

    assert row[0] == f"{day:%a %-d %b %Y}, 09:00"
    assert row[1] in ("2:05", "2:04")
    assert row[2:5] == ["Consultation", "Dana Reed", "Harbour Street"]
    assert len(rows(erin.get(url(HOLDS), {"status": "all"}))) == 2


def test_a_released_hold_gives_its_time_back(erin, hold_time, at):
    hold = hold_time(at(9))

    response = act(erin, HOLDS, "release", hold)

    assert said(response) == [f"{hold} is released."]
    hold.refresh_from_db()
    assert hold.status == "released"
    assert Slot.objects.count() == 0


def test_a_confirmed_hold_is_not_released(erin, hold_time, at, alice):
    hold = hold_time(at(9))
    confirm_hold(hold, patient=alice, actor="patient")

    response = act(erin, HOLDS, "release", hold, query="?status=all")

    assert said(response) == [f"{hold} was not released: it is confirmed by now."]
    assert Slot.objects.count() == 1


def test_holds_are_not_written_by_hand(erin, morgan, hold_time, at):
    hold = hold_time(at(9))

    for browser in (erin, morgan):
        assert browser.get(url(HOLDS, "add")).status_code == 403
        assert browser.post(url(HOLDS, "change", hold.pk), {"status": "released"}).status_code == 403
        assert browser.post(url(HOLDS, "delete", hold.pk), {"post": "yes"}).status_code == 403
    hold.refresh_from_db()
    assert hold.status == "active"


def test_more_holds_take_no_more_queries(erin, hold_time, at):
    for half_hour in range(5):
        hold_time(at(9) + half_hour * timedelta(minutes=30), holder=str(half_hour))
    for_five = queries(erin, url(HOLDS))
    for half_hour in range(7):
        hold_time(at(13) + half_hour * timedelta(minutes=30), holder=str(half_hour))

    assert len(rows(erin.get(url(HOLDS)))) == 12
    assert queries(erin, url(HOLDS)) == for_five


@pytest.fixture
def failed(db):
    """A message that was tried until the last time."""
    return OutboxMessage.objects.create(kind="email.x", status="failed", attempts=8, last_error="OSError: no route")


def test_a_failed_message_is_found_by_its_error_and_run_again(morgan, failed):
    done = OutboxMessage.objects.create(kind="email.x", status="done")
    running = OutboxMessage.objects.create(kind="email.x", status="running")

    assert len(rows(morgan.get(url(MESSAGES), {"q": "no route", "status__exact": "failed"}))) == 1
    response = act(morgan, MESSAGES, "retry", failed, done, running)

    assert sorted(said(response)) == sorted(
        [
            f"{failed} is due now.",
            f"{done} was not run again: it is done.",
            f"{running} was not run again: it is being run.",
        ]
    )
    assert list(OutboxMessage.objects.order_by("status").values_list("status", "attempts")) == [
        ("done", 0),
        ("running", 0),
        ("waiting", 0),
    ]


def test_messages_are_the_managers_business(erin, failed):
    assert erin.get(url(MESSAGES)).status_code == 403
    assert act(erin, MESSAGES, "retry", failed).status_code == 403
    failed.refresh_from_db()
    assert failed.status == "failed"

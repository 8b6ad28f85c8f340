"""Staff list live holds and release them."""

from datetime import timedelta

from django.utils import timezone

from booking.domain.confirmation import confirm_hold
from booking.models import Hold
from scheduling.models import Slot
from tests.booking.admin.pages import count_queries, get_rows, list_messages, run_action, url

HOLDS = "booking_hold"


def test_hold_list_shows_live_holds_with_time_left(erin, hold_time, at, day):
    live, lapsed = hold_time(at(9)), hold_time(at(10))
    Hold.objects.filter(pk=live.pk).update(expires_at=timezone.now() + timedelta(seconds=125, milliseconds=900))
    Hold.objects.filter(pk=lapsed.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    [row] = get_rows(erin.get(url(HOLDS)))

    assert row[0] == f"{day:%a %-d %b %Y}, 09:00"
    assert row[1] in ("2:05", "2:04")
    assert row[2:5] == ["Consultation", "Dana Reed", "Harbour Street"]
    assert len(get_rows(erin.get(url(HOLDS), {"status": "all"}))) == 2


def test_release_action_frees_slot(erin, hold_time, at):
    hold = hold_time(at(9))

    response = run_action(erin, HOLDS, "release", hold)

    assert list_messages(response) == [f"{hold} is released."]
    hold.refresh_from_db()
    assert hold.status == "released"
    assert Slot.objects.count() == 0


def test_release_action_on_confirmed_hold_changes_nothing(erin, hold_time, at, alice):
    hold = hold_time(at(9))
    confirm_hold(hold, patient=alice, actor="patient")

    response = run_action(erin, HOLDS, "release", hold, query="?status=all")

    assert list_messages(response) == [f"{hold} was not released: it is confirmed by now."]
    assert Slot.objects.count() == 1


def test_hold_is_read_only(erin, morgan, hold_time, at):
    hold = hold_time(at(9))

    for browser in (erin, morgan):
        assert browser.get(url(HOLDS, "add")).status_code == 403
        assert browser.post(url(HOLDS, "change", hold.pk), {"status": "released"}).status_code == 403
        assert browser.post(url(HOLDS, "delete", hold.pk), {"post": "yes"}).status_code == 403
    hold.refresh_from_db()
    assert hold.status == "active"


def test_hold_list_query_count_is_constant(erin, hold_time, at):
    for half_hour in range(5):
        hold_time(at(9) + half_hour * timedelta(minutes=30), holder=str(half_hour))
    for_five = count_queries(erin, url(HOLDS))
    for half_hour in range(7):
        hold_time(at(13) + half_hour * timedelta(minutes=30), holder=str(half_hour))

    assert len(get_rows(erin.get(url(HOLDS)))) == 12
    assert count_queries(erin, url(HOLDS)) == for_five

"""Delays after failed sign-ins."""

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from booking.access import sign_in_attempts, sign_in_log
from booking.access.client_identity import get_network_id
from booking.access.sign_in_attempts import Delay, SignInDelayed, attempt
from booking.models import SignInEvent
from scheduling.lib.clock import database_now

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.1"


def visit(network):
    return RequestFactory(REMOTE_ADDR=network).post("/admin/login/")


def fail(count, *, name="erin", network=ELSEWHERE, ago=timedelta(), known=False):
    """Write failures as if they had been made."""
    SignInEvent.objects.bulk_create(
        SignInEvent(
            kind="failed",
            account=sign_in_log.get_account_id(name),
            network=get_network_id(visit(network)),
            data={"known": known},
            created_at=database_now() - ago,
        )
        for _ in range(count)
    )


def sign_in(name="erin", network=ELSEWHERE):
    """Return the seconds to wait, or 0 when the password is looked at."""
    try:
        attempt(visit(network), name, lambda: "erin", method="password")
    except SignInDelayed as delay:
        return delay.seconds
    return 0


@pytest.fixture
def erin(db):
    """A receptionist who has signed in from home."""
    erin = User.objects.create_user("erin")
    sign_in_log.record(SignInEvent.Kind.SIGNED_IN, request=visit(HOME), user=erin)
    return erin


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (9, 16), (14, 512), (15, 900), (500, 900)]
)
def test_delay_doubles_with_each_failure_up_to_its_longest(failures, seconds):
    delay = Delay(5, timedelta(days=1), timedelta(minutes=15))
    now = datetime(2027, 3, 1, tzinfo=UTC)

    assert delay.get_end(failures, now) == now + timedelta(seconds=seconds)


def test_failures_of_strangers_delay_strangers(erin):
    fail(10)

    assert 28 < sign_in() <= 32
    assert 28 < sign_in(network="203.0.113.9") <= 32  # the account waits everywhere


def test_failures_of_strangers_never_delay_network_known_for_the_account(erin):
    for number in range(30):
        fail(10, network=f"203.0.113.{number}")

    assert sign_in(network=ELSEWHERE) > 0
    assert sign_in(network=HOME) == 0


def test_failures_in_known_network_delay_only_there_and_for_a_minute_at_most(erin):
    fail(30, network=HOME, known=True)

    assert 55 < sign_in(network=HOME) <= 60
    assert sign_in(network=ELSEWHERE) == 0


def test_failures_on_many_accounts_delay_their_network(erin):
    for number in range(22):
        fail(1, name=f"name{number}", ago=timedelta(minutes=2) if number < 21 else timedelta())

    assert 1 <= sign_in("morgan") <= 4
    assert sign_in("morgan", network="203.0.113.9") == 0


def test_failures_of_all_strangers_together_are_bounded(erin):
    for number in range(sign_in_attempts.MAX_FAILURES_PER_MINUTE):
        fail(1, name=f"name{number}", network=f"203.0.113.{number}")

    assert 55 < sign_in("morgan", network=ELSEWHERE) <= 60
    assert sign_in(network=HOME) == 0


def test_failures_of_yesterday_delay_nobody(erin):
    fail(50, ago=timedelta(days=1, minutes=1))

    assert sign_in() == 0


def test_failed_attempt_is_recorded_without_what_was_typed(erin):
    assert attempt(visit(ELSEWHERE), "my-password", lambda: None, method="password") is None

    event = SignInEvent.objects.get(kind="failed")
    assert "my-password" not in str(vars(event))
    assert (event.address, event.data) == (ELSEWHERE, {"method": "password", "known": False})


def test_delayed_attempts_are_recorded_once_a_minute(erin):
    fail(10)

    assert [sign_in() > 0 for _ in range(3)] == [True] * 3
    assert SignInEvent.objects.filter(kind="delayed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_only_one_password_is_hashed_at_a_time(elsewhere):
    """While somebody's password is hashed, a stranger is sent away and whoever is known waits."""
    began, go_on = Event(), Event()

    def hash_slowly():
        began.set()
        assert go_on.wait(30)
        return "erin"

    erin = User.objects.create_user("erin")
    sign_in_log.record(SignInEvent.Kind.SIGNED_IN, request=visit(HOME), user=erin)
    slow = elsewhere(attempt, visit("203.0.113.9"), "morgan", hash_slowly, method="password")
    assert began.wait(30)

    assert sign_in() == 1
    waiting = elsewhere(sign_in, "erin", HOME)
    assert not waiting.done()
    go_on.set()

    assert (slow.result(30), waiting.result(30)) == ("erin", 0)


@pytest.mark.django_db(transaction=True)
def test_parallel_failures_are_counted_exactly(elsewhere):
    """However many try at once, no more than the free ones are looked at."""
    looked_at = []

    def look():
        looked_at.append(1)

    def try_once(number):
        try:
            attempt(visit(f"203.0.113.{number}"), "erin", look, method="password")
        except SignInDelayed:
            return False
        return True

    futures = [elsewhere(try_once, number) for number in range(60)]
    results = [future.result(60) for future in futures]

    assert sum(results) == len(looked_at) == SignInEvent.objects.filter(kind="failed").count()
    assert len(looked_at) <= sign_in_attempts.PER_ACCOUNT.free + 1  # the one after that waits for a second

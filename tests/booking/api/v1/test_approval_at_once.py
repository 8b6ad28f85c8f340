"""Requests that ask another system at the same time, each with its own connection to the database."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from booking.models import Appointment, Hold
from scheduling.models import Slot
from scheduling.slots import lock_clinician
from tests.booking.api.v1.test_approvers import PERSON, SHORT_TIMEOUT, opening  # noqa: F401 (a fixture)
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def requests(api, lab, opening):  # noqa: F811
    """The two ways to book, each as a function that sends its request."""
    hold = api.post("/holds", opening | {"start_time": opening["start_time"].replace("T09", "T10")}).json()["data"]

    def confirm(**headers):
        return api.post(f"/holds/{hold['id']}/confirm", {"patient": PERSON, **SHORT_TIMEOUT}, **headers)

    def book(**headers):
        return api.post("/appointments", {**opening, "patient": PERSON, **SHORT_TIMEOUT}, **headers)

    return {"confirm": confirm, "book": book}


def at_once(*jobs):
    """Do them at the same time and return what they return."""

    def alone(job):
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as crowd:
        return list(crowd.map(alone, jobs))


def in_order(responses):
    return sorted((response.status_code, response.headers.get("Idempotent-Replayed", "")) for response in responses)


@pytest.mark.parametrize("headers", [{}, {"idempotency_key": "k1"}])
@pytest.mark.parametrize("way", ["confirm", "book"])
def test_approval_request_does_not_lock_the_clinician(way, headers, requests, lab, dana):
    put = lab.put

    def lock_and_put(id, wanted):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
                lock_clinician(dana.pk)
                Slot.objects.select_for_update().count()
        finally:
            connection.close()
        return put(id, wanted)

    lab.put = lock_and_put

    assert requests[way](**headers).status_code == 201
    assert len(lab.live()) == 1


def test_concurrent_confirmations_of_a_hold_make_one_appointment(requests, lab):
    lab.behaviour, lab.speed = "slow", 20

    responses = at_once(*[requests["confirm"]] * 2)

    assert in_order(responses) == [(200, ""), (201, "")] or in_order(responses) == [(201, ""), (201, "")]
    assert len({response.json()["data"]["id"] for response in responses}) == 1
    assert (Appointment.objects.count(), len(lab.live())) == (1, 1)


@pytest.mark.parametrize("way", ["confirm", "book"])
def test_concurrent_direct_bookings_under_one_idempotency_key_book_once(way, requests, lab):
    lab.behaviour, lab.speed = "slow", 20

    responses = at_once(*[lambda: requests[way](idempotency_key="k1")] * 2)

    assert in_order(responses) == [(201, ""), (201, "true")]
    assert responses[0].content == responses[1].content
    assert (Appointment.objects.count(), len(lab.live())) == (1, 1)
    held = 0 if way == "confirm" else 1  # the fixture's, of the other time
    assert Hold.objects.filter(status="active").count() == held


def test_concurrent_duplicates_never_see_the_time_taken_by_each_other(requests, lab):
    lab.behaviour, lab.speed = "slow", 10

    responses = at_once(*[lambda: requests["book"](idempotency_key="k1")] * 6)

    assert in_order(responses) == [(201, ""), *[(201, "true")] * 5]
    assert (Appointment.objects.count(), len(lab.live())) == (1, 1)


def test_duplicate_that_misses_its_twins_hold_does_not_see_the_time_taken(requests, lab):
    """One has found out that the lab must be asked; before it holds the time, the other looks whether it does."""
    one_is_there, other_is_there = threading.Event(), threading.Event()

    def before_it_holds():
        one_is_there.set()
        other_is_there.wait(10)

    def after_it_has_looked():
        other_is_there.set()
        wait_until(lambda: Hold.objects.filter(status="active").count() == 2)  # the fixture's, and the duplicate's

    def one():
        with connection.execute_wrapper(at_lock(3, before_it_holds)):  # two were for the try that is undone
            return requests["book"](idempotency_key="k1")

    def other():
        one_is_there.wait(10)
        with connection.execute_wrapper(at_lock(1, after_it_has_looked)):
            return requests["book"](idempotency_key="k1")

    responses = at_once(one, other)

    assert in_order(responses) == [(201, ""), (201, "true")]
    assert (Appointment.objects.count(), len(lab.live())) == (1, 1)


def at_lock(number, do):
    """Return an execute_wrapper that calls ``do`` before a clinician is locked for the ``number``-th time."""
    times = iter(range(1, 100))

    def wrapper(execute, sql, *arguments):
        if "FROM scheduling_clinician" in sql and "FOR NO KEY UPDATE" in sql and next(times) == number:
            do()
        return execute(sql, *arguments)

    return wrapper

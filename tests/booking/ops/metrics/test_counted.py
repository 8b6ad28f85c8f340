"""What a process counts by itself: refusals by their code, whoever is refused, and the wait for a clinician."""

import pytest
from django.db import transaction
from prometheus_client import REGISTRY

from booking.api.problems import PROBLEMS
from booking.widget import refusals
from scheduling.lib.lock_waits import LOCK_SECONDS
from scheduling.slots import lock_clinician
from tests.booking.api.conftest import api, client, make_key, secret_key  # noqa: F401
from tests.booking.widget.conftest import opening  # noqa: F401
from tests.waiting import somebody_waits_for_us, wait_until


@pytest.fixture
def count():
    """Return how often a code has been refused since the test began: ``count("slot-taken")``."""

    def read(code):
        return REGISTRY.get_sample_value("holdfast_refusals_total", {"code": code}) or 0

    before = {problem.code: read(problem.code) for problem in PROBLEMS.values()}
    return lambda code: read(code) - before[code]


def test_refusal_of_the_api_is_counted_by_its_code(api, hold_time, consultation, dana, harbour, at, count):  # noqa: F811
    hold_time(at(9))
    ids = {"appointment_type_id": consultation.pk, "clinician_id": dana.pk, "location_id": harbour.pk}
    wish = {name: str(value) for name, value in ids.items()} | {"start_time": at(9).isoformat()}

    assert api.post("/holds", wish).status_code == 409

    assert count("slot-taken") == 1


def test_refusal_of_a_dialect_is_counted_by_the_same_code(client, db, count):  # noqa: F811
    assert client.get("/onsched/v3/locations").status_code == 401

    assert count("invalid-key") == 1


def test_refusal_by_django_below_the_api_is_counted_once(api, count):  # noqa: F811
    assert api.post("/holds", body=b"x" * 1_100_000).status_code == 413

    assert count("too-large") == 1


def test_refusal_on_a_page_is_counted_by_the_same_code(client, hold_time, opening, at, count):  # noqa: F811
    hold_time(at(9))

    assert client.post("/book/consultation/hold", {"opening": opening(at(9))}).status_code == 409

    assert count("slot-taken") == 1


def test_codes_of_refusals_on_pages_are_those_of_problems():
    codes = {refusal.code for refusal in vars(refusals).values() if isinstance(refusal, refusals.Refusal)}
    assert codes - {problem.code for problem in PROBLEMS.values()} == {"not-verified"}  # only a page has that


def test_wait_for_the_lock_of_a_clinician_is_measured(elsewhere, dana):
    def get_waits():
        [metric] = LOCK_SECONDS.collect()
        return {dict(sample.labels).get("le"): sample.value for sample in metric.samples if "bucket" in sample.name}

    before = get_waits()
    with transaction.atomic():
        lock_clinician(dana.pk)
        waiting = elsewhere(transaction.atomic(lock_clinician), dana.pk)
        wait_until(somebody_waits_for_us)
    waiting.result()

    assert get_waits()["+Inf"] - before["+Inf"] == 2

"""What a worker of Celery's counts, in one process. tests/failures/test_metrics.py has real ones."""

from wsgiref.util import setup_testing_defaults

import pytest
from billiard.exceptions import TimeLimitExceeded
from prometheus_client import REGISTRY

from booking import tasks
from booking.ops.metrics import workers
from tests.booking.ops.metrics.conftest import TOKEN


@pytest.fixture
def count():
    """``count()`` returns how many ``beat`` tasks have ended in each way since, and how many were timed."""

    def get(name, **labels):
        return REGISTRY.get_sample_value(name, labels | {"task": "beat"}) or 0

    def read():
        ends = [get("holdfast_tasks_total", outcome=end) for end in ("success", "failure", "timeout")]
        return [*ends, get("holdfast_task_seconds_count")]

    before = read()
    return lambda: [now - then for now, then in zip(read(), before, strict=True)]


def run(state):
    workers.note_start(task_id="7f")
    workers.count_task(task_id="7f", task=tasks.beat, state=state)


def test_task_is_counted_by_its_name_and_timed(count):
    run("SUCCESS")
    assert count() == [1, 0, 0, 1]


def test_task_that_fails_is_counted_and_timed(count):
    run("FAILURE")
    assert count() == [0, 1, 0, 1]


def test_task_whose_process_was_killed_at_its_time_limit_is_counted(count):
    workers.count_timeout(sender=tasks.beat, exception=TimeLimitExceeded(50))
    workers.count_timeout(sender=tasks.beat, exception=ValueError())  # its own process counts that
    assert count() == [0, 0, 1, 0]


def ask(path="/metrics", **environ):
    setup_testing_defaults(environ)
    answered = []
    body = b"".join(workers.answer(environ | {"PATH_INFO": path}, lambda *answer: answered.append(answer)))
    [(status, headers)] = answered
    return status, dict(headers), body


def test_worker_answers_with_what_is_counted(settings):
    settings.METRICS_TOKEN = ""
    workers.TASKS.labels("beat", "success")
    status, headers, body = ask()
    assert (status, headers["Content-Type"]) == ("200 OK", "text/plain; version=0.0.4; charset=utf-8")
    assert b'holdfast_tasks_total{outcome="success",task="beat"}' in body


def test_worker_wants_the_token_where_there_is_one(settings):
    settings.METRICS_TOKEN = TOKEN
    assert ask()[0] == "401 Unauthorized"
    assert ask(HTTP_AUTHORIZATION=f"Bearer {TOKEN}")[0] == "200 OK"


def test_worker_has_nothing_else(settings):
    settings.METRICS_TOKEN = ""
    assert ask("/")[0] == "404 Not Found"

"""Who waits for a thread, who goes first, and who is refused, by a given clock."""

from random import Random

import pytest

from booking.ops.overload import MAX_CROWD, MAX_QUEUE, MAX_RUNNING, Pace, Rank, RequestQueue, get_rank

HOLD = "2f6e0e2c-4c57-4f5e-9a0b-8e1f6f0a7f11"
TOKEN = "fjgrVCV9VtKEc2ztZmhs_pxMnqTkWRmBBiGOZKl7bnk"


@pytest.mark.parametrize(
    ("line", "rank"),
    [
        ("GET /healthz/live", Rank.URGENT),
        ("GET /admin/booking/appointment/", Rank.URGENT),
        (f"POST /api/v1/holds/{HOLD}/confirm", Rank.HOLDING),
        (f"OPTIONS /api/v1/holds/{HOLD}/confirm", Rank.HOLDING),
        (f"POST /api/v1/holds/{HOLD}/extend", Rank.HOLDING),
        (f"POST /onsched/v3/appointment/{HOLD}/book", Rank.HOLDING),
        (f"DELETE /api/v1/holds/{HOLD}", Rank.HOLDING),
        (f"POST /hold/{TOKEN}/confirm", Rank.HOLDING),
        (f"GET /de/hold/{TOKEN}/", Rank.HOLDING),
        (f"POST /ar/in/abc/appointment/{TOKEN}/to/{TOKEN}/confirm", Rank.HOLDING),
        ("GET /static/widget/widget.css", Rank.HOLDING),
        ("POST /api/v1/holds", Rank.LOOKING),
        (f"GET /api/v1/holds/{HOLD}", Rank.LOOKING),
        ("GET /api/v1/availability", Rank.LOOKING),
        ("GET /book/consultation/", Rank.LOOKING),
        ("POST /book/consultation/hold", Rank.LOOKING),
        ("GET /administration", Rank.LOOKING),
        (f"GET /?next=/hold/{TOKEN}/", Rank.LOOKING),
        ("GET /", Rank.LOOKING),
    ],
)
def test_rank_is_what_the_request_line_asks_for(line, rank):
    assert get_rank(f"{line} HTTP/1.1\r\nHost: localhost\r\n".encode()) == rank


def put(queue, number, rank=Rank.LOOKING, *, now=0.0):
    for n in range(number):
        queue.put(f"{rank.name.lower()} {n}", rank, now)


def take_all(queue, now=0.0):
    return list(iter(lambda: queue.take(now), None))


def finish_all(queue, now=0.0):
    for request in list(queue.running):
        queue.finish(request, now)


def test_crowd_that_comes_at_once_is_answered_to_the_last():
    queue = RequestQueue(threads=8)
    put(queue, 8 + MAX_CROWD)

    assert len(take_all(queue)) == 8
    assert queue.refuse(0.1) == []
    answered = 8
    while queue:
        queue.finish(next(iter(queue.running)), 0.1)
        answered += len(take_all(queue))
        assert queue.refuse(4.9) == []
    assert answered == 8 + MAX_CROWD


def test_more_than_a_crowd_leaves_a_short_queue_of_the_last_of_whom_the_last_goes_first():
    queue = RequestQueue(threads=8)
    put(queue, 8)
    running = take_all(queue)
    put(queue, MAX_CROWD + 1, now=0.2)

    assert len(queue.refuse(0.2)) == MAX_CROWD + 1 - MAX_QUEUE
    assert [request for _, request in queue.waiting[Rank.LOOKING]] == [
        f"looking {n}" for n in range(MAX_CROWD + 1 - MAX_QUEUE, MAX_CROWD + 1)
    ]
    assert len(running) == 8
    for request in running:
        queue.running.pop(request)
    assert queue.take(0.2) == f"looking {MAX_CROWD}"


@pytest.fixture
def overloaded():
    """A queue in an overload, with nothing in it."""
    queue = RequestQueue(threads=8)
    put(queue, MAX_CROWD + 1)
    queue.refuse(0.0)
    queue.waiting[Rank.LOOKING].clear()
    return queue


def test_overload_leaves_threads_to_those_who_hold_a_time(overloaded):
    put(overloaded, 2)
    assert take_all(overloaded) == ["looking 1"]

    put(overloaded, 2, Rank.HOLDING)
    put(overloaded, 1, Rank.URGENT)

    assert take_all(overloaded) == ["urgent 0", "holding 0", "holding 1"]


def answer_looks(queue, number, seconds):
    """Have so many who look answered in so many seconds each, and return how many may run at once then."""
    for _ in range(number):
        queue.put(object(), Rank.LOOKING, 0.0)
        queue.take(0.0)
        finish_all(queue, seconds)
    return queue.pace.limit


def test_more_may_look_at_once_in_an_overload_as_long_as_they_are_answered_nearly_as_fast_as_in_the_calm():
    queue = RequestQueue(threads=8)
    answer_looks(queue, 200, 0.1)  # in the calm
    queue.is_overloaded = True

    limits = [answer_looks(queue, Pace.SAMPLE, seconds) for seconds in (0.1, 0.15, 0.19, 0.3, 0.3, 0.3)]

    assert limits == [2, MAX_RUNNING, MAX_RUNNING, 2, 1, 1]


def test_one_who_looks_and_waits_for_a_lock_keeps_no_other_out_for_long(overloaded):
    put(overloaded, MAX_RUNNING + 1)
    found = [(take_all(overloaded, now=now), len(overloaded.running)) for now in (0.0, 0.4, 0.6, 1.2, 1.8)]

    assert found == [(["looking 3"], 1), ([], 1), (["looking 2"], 2), (["looking 1"], 3), ([], 3)]


def test_each_overload_begins_with_one_who_looks_at_once():
    queue = RequestQueue(threads=8)
    queue.is_overloaded = True
    assert answer_looks(queue, Pace.SAMPLE * MAX_RUNNING, 0.0) == MAX_RUNNING
    queue.is_overloaded = False

    put(queue, MAX_CROWD + 1)
    queue.refuse(0.0)

    assert queue.pace.limit == 1


def test_what_is_usual_is_learned_from_requests_that_begin_alone():
    queue = RequestQueue(threads=8)
    usual = queue.pace.usual
    put(queue, 8)
    first, *others = take_all(queue)

    for other in others:
        queue.finish(other, 60.0)
    assert queue.pace.usual == usual

    queue.finish(first, 60.0)
    assert queue.pace.usual > usual


@pytest.mark.parametrize("rank", [Rank.HOLDING, Rank.IN_LINE, Rank.LOOKING])
def test_whoever_asks_for_staffs_pages_without_end_leaves_a_twelfth_to_each_of_the_others(overloaded, rank):
    put(overloaded, 200, Rank.URGENT)
    put(overloaded, 50, rank)
    answered = []
    for _ in range(120):
        answered.append(overloaded.take(0.0).partition(" ")[0])
        finish_all(overloaded)

    assert answered.count(rank.name.lower()) == 10
    assert answered.count("urgent") == 110


def test_those_who_look_are_refused_before_they_have_waited_long(overloaded):
    put(overloaded, 8, Rank.URGENT)
    take_all(overloaded)
    put(overloaded, 1, now=0.50)
    put(overloaded, 1, Rank.HOLDING, now=0.50)

    assert overloaded.refuse(0.59) == []
    assert overloaded.refuse(0.61) == ["looking 0"]
    assert overloaded.refuse(5.49) == []
    assert overloaded.refuse(5.51) == ["holding 0"]


def test_staff_and_probes_are_never_refused(overloaded):
    put(overloaded, 1000, Rank.URGENT)

    assert overloaded.refuse(1000.0) == []
    assert len(overloaded) == 1000


def test_overload_ends_within_seconds_when_half_as_many_come_as_one_thread_answers(overloaded):
    overloaded.pace.usual = 0.001  # so that it stays with one
    draw, ends = Random(1), 0.0
    for millisecond in range(5_000):
        now = millisecond / 1000
        if overloaded.running and now >= ends:
            finish_all(overloaded, now)
        if draw.random() < 0.05:
            overloaded.put(object(), Rank.LOOKING, now)
        if overloaded.take(now):
            ends = now + 0.01
        overloaded.refuse(now)
        if not overloaded.is_overloaded:
            break

    assert (overloaded.is_overloaded, overloaded.pace.limit) == (False, 1)


def test_overload_ends_a_second_after_the_last_refusal(overloaded):
    overloaded.refuse(0.9)
    assert overloaded.is_overloaded

    overloaded.refuse(1.1)
    assert not overloaded.is_overloaded

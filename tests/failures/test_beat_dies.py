"""Nobody sweeps: no beat, no worker, no Redis. What has run out is free all the same."""

from booking.models import Hold
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.clock import database_now
from tests.failures.visitor import answers, hold_on_the_web, offered, visit
from tests.ledger import lapse
from tests.waiting import wait_until


def test_the_time_of_a_hold_that_ran_out_is_offered_and_taken_at_once(hold_time, consultation, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)

    openings = open_times(OpeningFilters(consultation), start_at=at(0), end_at=at(23), now=database_now())
    assert openings[0].starts_at == at(9)
    hold = hold_time(at(9), holder="bob's phone")

    assert {(one.pk, one.status, one.slot_id) for one in Hold.objects.all()} == {
        (lapsed.pk, "active", None),
        (hold.pk, "active", hold.slot_id),
    }


def test_the_time_of_a_hold_that_ran_out_can_be_pressed_on_the_page_at_once(clinic, hold_time, at, day):
    clinic.redis.kill()
    _, address = clinic.serve()
    wait_until(lambda: answers(f"{address}/healthz/live"))
    free = offered(address, day)
    lapsed = hold_time(at(9))
    assert offered(address, day) == free[1:]
    lapse(lapsed)

    assert offered(address, day) == free
    details = hold_on_the_web(address, free[0])

    assert "09:00" in visit(details)[1]
    assert Hold.objects.exclude(pk=lapsed.pk).get().starts_at == at(9)

"""Beat expires holds. Without beat, worker and Redis, what has run out is free all the same."""

from datetime import timedelta

from booking.models import Appointment, Event, Hold, Provider
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.clock import database_now
from tests.failures.visitor import answers, hold_on_the_web, offered, visit
from tests.ledger import lapse
from tests.waiting import wait_until

SHORT = timedelta(seconds=1)


def test_beat_expires_holds_and_requests_and_without_it_their_time_is_free(clinic, consultation, book, hold_time, at):
    desk = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    desk.services.add(consultation)
    pending = book(at(9))
    held = hold_time(at(10), holder="bob's phone", lifetime=SHORT)
    Appointment.objects.update(answer_by=database_now() + SHORT)

    programs = clinic.run_workers()

    wait_until(lambda: Hold.objects.filter(pk=held.pk, status="expired", slot=None).exists())
    wait_until(lambda: Appointment.objects.filter(pk=pending.pk, cancellation_reason="not_acknowledged").exists())
    expired = Event.objects.get(kind="hold.expired")
    assert (expired.actor, expired.created_at >= held.expires_at) == ("worker", True)

    for program in programs.values():
        program.kill()
    held = hold_time(at(11), lifetime=SHORT)
    wait_until(lambda: database_now() > held.expires_at)
    hold_time(at(11), holder="bob's phone")

    assert Hold.objects.get(pk=held.pk).status == "active"  # nobody was there to tidy up
    assert Event.objects.get(kind="hold.expired") == expired


def test_time_of_lapsed_hold_is_offered_and_taken_without_beat(hold_time, consultation, at):
    lapsed = hold_time(at(9))
    lapse(lapsed)

    openings = open_times(OpeningFilters(consultation), start_at=at(0), end_at=at(23), now=database_now())
    assert openings[0].starts_at == at(9)
    hold = hold_time(at(9), holder="bob's phone")

    assert {(one.pk, one.status, one.slot_id) for one in Hold.objects.all()} == {
        (lapsed.pk, "active", None),
        (hold.pk, "active", hold.slot_id),
    }


def test_time_of_lapsed_hold_is_bookable_on_page_without_beat(clinic, hold_time, at, day):
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

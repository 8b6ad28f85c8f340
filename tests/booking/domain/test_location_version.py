"""The version of a location: it changes with all that can be seen of its times, however late it was committed."""

from datetime import time, timedelta

import pytest
from django.db import transaction

from booking.domain.appointments import cancel
from booking.domain.event_feed import Position, read_feed
from booking.domain.holds import extend_hold, move_hold, release_hold
from booking.domain.locations import change_location, get_location_version
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.slot_selection import OpeningRequest
from scheduling.calendars.reading import Reading
from scheduling.calendars.scope import get_scopes
from scheduling.calendars.storing import discard_reading, store_reading
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, Location, Service, TimeOff, WorkingHours
from tests.booking.admin.pages import url
from tests.booking.admin.test_schedule import hours_form, time_off
from tests.booking.domain.test_event_feed import get_transaction_id
from tests.conftest import make_clinician
from tests.waiting import no_event_is_unsettled, somebody_waits_for_us, wait_until


@pytest.fixture
def mill(dana):
    """Another location, where Dana works in the evening."""
    mill = Location.objects.create(name="Mill Lane", city="London", timezone="Europe/London")
    WorkingHours.objects.bulk_create(
        WorkingHours(clinician=dana, location=mill, weekday=day, start_time=time(18), end_time=time(20))
        for day in range(7)
    )
    return mill


@pytest.fixture
def changes(transactional_db, harbour, mill):
    """Return which locations a verb changes, by their names: ``changes(verb)``."""

    def list_changed(verb):
        before = get_versions()
        verb()
        return [name for name, version in get_versions().items() if version != before[name]]

    return list_changed


def get_versions():
    wait_until(no_event_is_unsettled)
    return {place.name: get_location_version(place.pk) for place in Location.objects.order_by("name")}


def test_version_is_the_same_until_something_changes(changes, book, at):
    book(at(9))

    assert changes(lambda: None) == []


def test_bookings_change_version_of_their_location(changes, book, hold_time, at):
    hold, appointment = hold_time(at(9)), book(at(10))

    assert changes(lambda: hold_time(at(11))) == ["Harbour Street"]
    assert changes(lambda: extend_hold(hold, actor="patient")) == ["Harbour Street"]
    assert changes(lambda: release_hold(hold, actor="patient")) == ["Harbour Street"]
    assert changes(lambda: cancel(appointment, reason="other", actor="erin")) == ["Harbour Street"]


@pytest.fixture
def evening(consultation, dana, mill, at):
    """An opening at the other location."""
    return OpeningRequest(service=consultation, clinician=dana, location=mill, is_remote=False, starts_at=at(18))


def test_moved_booking_changes_both_locations(changes, book, hold_time, at, evening, mill):
    hold, appointment = hold_time(at(9)), book(at(10))
    there = hold_time(at(19), location=mill)

    both = ["Harbour Street", "Mill Lane"]
    assert changes(lambda: move_hold(hold, evening, actor="patient")) == both
    assert changes(lambda: reschedule_to_hold(appointment, there, actor="erin")) == both
    assert changes(lambda: release_hold(hold, actor="patient")) == ["Mill Lane"]
    appointment.refresh_from_db()
    assert changes(lambda: reschedule(appointment, evening, actor="erin")) == ["Mill Lane"]


def test_reschedule_to_another_location_changes_both(changes, book, at, evening):
    appointment = book(at(10))

    assert changes(lambda: reschedule(appointment, evening, actor="erin")) == ["Harbour Street", "Mill Lane"]


def test_setting_of_location_changes_its_version(changes, harbour):
    assert changes(lambda: change_location(harbour, hold_seconds=600, actor="erin")) == ["Harbour Street"]


def test_schedule_changed_in_admin_changes_all_versions(changes, morgan, dana, consultation, day):
    both = ["Harbour Street", "Mill Lane"]
    clinician = url("scheduling_clinician", "change", dana.pk)

    assert changes(lambda: morgan.post(clinician, hours_form(dana))) == both
    assert changes(lambda: morgan.post(clinician, hours_form(dana, keep=lambda rule: rule.weekday))) == both
    add = url("scheduling_timeoff", "add")
    assert changes(lambda: morgan.post(add, time_off(day, "08:00", "12:00", clinician=str(dana.pk)))) == both
    away = TimeOff.objects.get()
    delete = url("scheduling_timeoff", "delete", away.pk)
    assert changes(lambda: morgan.post(delete, {"post": "yes"})) == both
    assert not TimeOff.objects.exists()
    service = (
        {
            name: str(getattr(consultation, name) or "")
            for name in ("name", "slug", "mode", "price", "currency", "position", "color")
        }
        | dict.fromkeys(("duration", "step"), "45")
        | dict.fromkeys(("buffer_before", "buffer_after", "notice"), "0")
    )
    service |= {"position": "0", "horizon": "60 d", "cancellation_notice": "1 d", "is_active": "on"}
    assert changes(lambda: morgan.post(url("scheduling_service", "change", consultation.pk), service)) == both
    assert Service.objects.get().duration == timedelta(minutes=45)


def test_location_saved_in_admin_is_locked_in_the_order_that_cannot_deadlock(morgan, elsewhere, harbour, mill):
    first, second = sorted([harbour, mill], key=lambda place: place.pk)
    fields = {"name": "The annexe", "address_line_1": "1 Mill Lane", "city": "London", "country": "GB"}
    fields |= {"timezone": "Europe/London", "hold_seconds": "900"}

    with transaction.atomic():  # another change, which goes from the first to the second
        Location.objects.select_for_update(no_key=True).get(pk=first.pk)
        saving = elsewhere(morgan.post, url("scheduling_location", "change", second.pk), fields)
        wait_until(somebody_waits_for_us)
        Location.objects.select_for_update(no_key=True, nowait=True).get(pk=second.pk)

    assert saving.result().status_code == 302
    assert Location.objects.get(pk=second.pk).name == "The annexe"


def test_reading_of_calendar_changes_locations_of_its_clinician(changes, dana, harbour, mill):
    dana.working_hours.filter(location=mill).delete()
    calendar = Calendar.objects.create(clinician=dana, name="Own", url="https://calendar.example/")
    scope = get_scopes([calendar], database_now())[calendar.pk]

    def store(**reading):
        calendar.refresh_from_db()
        store_reading(calendar, Reading(etag="", last_modified="", **reading), scope, at=database_now())

    start = int(scope.start.timestamp())
    assert changes(lambda: store(busy=[(start, start + 3600)], fingerprint="a")) == ["Harbour Street"]
    assert changes(lambda: store(busy=None, fingerprint="a")) == []
    Calendar.objects.update(last_synced_at=database_now() - timedelta(hours=2))
    assert changes(lambda: store(busy=None, fingerprint="a")) == ["Harbour Street"]
    assert changes(lambda: discard_reading(calendar)) == ["Harbour Street"]


def test_late_commit_changes_version_that_later_event_had_changed_already(
    open_transaction, harbour, consultation, hold_time, at
):
    """An event of an older transaction becomes visible after a younger one: both times the version changes."""
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    versions = [get_location_version(harbour.pk)]
    commit = open_transaction(lambda: hold_time(at(9), clinician=otis, holder="bob's phone"))
    hold_time(at(9))
    versions.append(get_location_version(harbour.pk))

    commit()

    versions.append(get_location_version(harbour.pk))
    assert len(set(versions)) == 3


def test_younger_event_changes_version_at_once_while_older_transaction_is_open(
    open_transaction, harbour, hold_time, at
):
    before = get_location_version(harbour.pk)
    open_transaction(get_transaction_id)
    hold_time(at(9))

    assert read_feed(Position(), kinds=["hold.placed"], limit=1).events == []
    assert get_location_version(harbour.pk) != before


def test_version_takes_one_statement(harbour, django_assert_num_queries):
    with django_assert_num_queries(1):
        get_location_version(harbour.pk)

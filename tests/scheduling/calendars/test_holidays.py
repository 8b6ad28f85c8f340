"""A location's calendar of holidays: the location is closed on its all-day events."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, get_not_offered_reasons, open_times
from scheduling.calendars.scope import READ_AHEAD
from scheduling.calendars.status import list_calendar_statuses
from scheduling.calendars.syncing import claim_due_calendars, sync_calendar, sync_now
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar, Clinician, Location, Service
from tests.conftest import make_clinician
from tests.receivers import answer, in_turn
from tests.scheduling.calendars.conftest import get_scope, utc
from tests.scheduling.calendars.texts import calendar, event


@pytest.fixture
def holidays(harbour):
    """Connect a calendar of Harbour Street's holidays: ``holidays(server)``."""

    def holidays(server, location=harbour):
        url = getattr(server, "url", server)
        return Calendar.objects.create(location=location, kind="holidays", name="Holidays", url=url)

    return holidays


@pytest.fixture
def holiday(day):
    """A calendar as Google publishes holidays, free and in UTC; next week's day is one."""
    lines = [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}"]
    return calendar("X-WR-TIMEZONE:UTC", event(*lines, "TRANSP:TRANSPARENT"))


@pytest.fixture
def explain(consultation, dana, harbour):
    def explain(starts_at, clinician=dana, location=harbour):
        filters = OpeningFilters(consultation, [clinician.pk], location.pk, False)
        return get_not_offered_reasons(filters, starts_at=starts_at, now=database_now())

    return explain


def test_location_is_closed_on_a_holiday_and_no_other(holidays, holiday, listen, explain, at, consultation):
    mill = Location.objects.create(name="Mill Lane", city="Leeds")
    otis = make_clinician("Otis Hale", location=mill, services=[consultation])
    next_day = timedelta(days=1)
    assert not Location.objects.filter(schedule_changed_at__isnull=False).exists()

    assert sync_calendar(holidays(listen(answer(200, body=holiday)))) is None

    assert explain(at(9)) == explain(at(16, 30)) == {Reason.HOLIDAY}
    assert explain(at(16, 30) - next_day) == explain(at(9) + next_day) == set()
    assert explain(at(9), otis, mill) == set()
    found = open_times(OpeningFilters(consultation), start_at=at(0), end_at=at(0) + next_day, now=database_now())
    assert {opening.location_id for opening in found} == {mill.pk}
    assert [place.name for place in Location.objects.filter(schedule_changed_at__isnull=False)] == ["Harbour Street"]


def test_holiday_lasts_from_midnight_to_midnight_at_the_location(holidays, holiday, listen, explain, at, harbour, day):
    harbour.timezone = "America/New_York"
    harbour.save()
    sync_calendar(holidays(listen(answer(200, body=holiday))))

    assert [row.location_id for row in BusyDay.objects.all()] == [harbour.pk, harbour.pk]
    midnight = at(0).replace(tzinfo=harbour.zone)
    assert explain(midnight + timedelta(hours=9)) == explain(midnight + timedelta(hours=16, minutes=30)) == {"holiday"}
    assert explain(midnight + timedelta(hours=33)) == explain(midnight - timedelta(hours=7, minutes=30)) == set()


def test_meeting_in_a_calendar_of_holidays_closes_nothing(holidays, listen, explain, at):
    body = calendar(event(f"DTSTART:{utc(at(9))}", f"DTEND:{utc(at(10))}"))

    assert sync_calendar(holidays(listen(answer(200, body=body)))) is None

    assert explain(at(9)) == set() and not BusyDay.objects.exists()


def test_unreadable_holidays_keep_what_they_said_last_and_withhold_nothing(holidays, holiday, listen, explain, at):
    one = holidays(listen(in_turn(answer(200, body=holiday), answer(500))))
    sync_calendar(one)

    assert sync_calendar(Calendar.objects.get())

    Calendar.objects.update(last_synced_at=database_now() - timedelta(days=30))
    assert explain(at(9)) == {Reason.HOLIDAY}
    assert explain(at(9) + timedelta(days=1)) == set()


def test_holidays_never_read_withhold_nothing(holidays, explain, at):
    holidays("https://calendar.example/")

    assert explain(at(9)) == set()


def test_holidays_are_due_like_other_calendars_and_read_on_demand(holidays, holiday, listen):
    server = listen(answer(200, body=holiday))
    one = holidays(server)

    assert claim_due_calendars() == [one]
    Calendar.objects.update(last_tried_at=None)
    assert sync_now([one.pk]) == {one.pk: None}


def test_scope_of_holidays_reaches_beyond_every_horizon_in_zone_of_location(holidays, consultation, harbour):
    one = holidays("https://calendar.example/")
    Service.objects.create(name="Far", slug="far", horizon=timedelta(days=300))
    harbour.timezone = "Pacific/Auckland"
    harbour.save()

    scope, now = get_scope(one), database_now()

    assert scope.end > now + timedelta(days=300) + READ_AHEAD - timedelta(days=2)
    assert (scope.needed_until > now + timedelta(days=301), str(scope.zone)) == (True, "Pacific/Auckland")
    Service.objects.update(is_active=False)
    assert get_scope(one).needed_until < now + timedelta(days=3)


def test_statuses_have_holidays_of_locations_that_openings_depend_on(holidays, dana, harbour, consultation):
    one = holidays("https://calendar.example/")
    mill = Location.objects.create(name="Mill Lane", city="Leeds")
    otis = make_clinician("Otis Hale", location=mill, services=[consultation])
    other = holidays("https://calendar.example/", mill)
    nobody_works = Location.objects.create(name="Empty", city="Hull")
    holidays("https://calendar.example/", nobody_works)

    def found(service=consultation, **filters):
        return {status.id for status in list_calendar_statuses(OpeningFilters(service, **filters))}

    assert found() == {one.pk, other.pk}
    assert found(clinician_ids=[otis.pk]) == found(location_id=mill.pk) == {other.pk}
    assert found(location_id=mill.pk, clinician_ids=[dana.pk]) == found(is_remote=True) == set()
    assert found(Service.objects.create(name="Other", slug="other")) == set()
    Clinician.objects.filter(pk=otis.pk).update(is_active=False)
    assert found() == {one.pk}
    Calendar.objects.update(is_active=False)
    assert found() == set()


def test_calendar_of_holidays_belongs_to_a_location_alone(holidays, dana):
    one = holidays("https://calendar.example/")

    for changes in ({"clinician": dana}, {"location": None}, {"kind": "icalendar"}):
        with pytest.raises(IntegrityError, match="calendar_of_one"), transaction.atomic():
            Calendar.objects.filter(pk=one.pk).update(**changes)

"""Locations are closed on public holidays, picked from a list, or on those of a calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.domain.closures import close_days
from booking.models import Appointment, StrandedVisit
from scheduling.lib.public_holidays import Holiday, list_holidays
from scheduling.models import Calendar, Location, TimeOff
from tests.booking.admin.pages import get_text, list_messages, url

YEAR = timezone.now().year + 1


@pytest.fixture
def clifton(harbour):
    return Location.objects.create(name="Clifton", city="Bristol", timezone="Europe/London")


@pytest.fixture
def mitte(harbour):
    return Location.objects.create(name="Mitte", city="Berlin", country="DE", timezone="Europe/Berlin")


def choice(*locations, **fields):
    return {
        "country": "GB",
        "region": "ENG",
        "year": str(YEAR),
        "locations": [str(each.pk) for each in locations],
    } | fields


def test_page_begins_with_the_country_of_the_clinic_and_its_locations(morgan, harbour, clifton, mitte):
    page = morgan.get(reverse("admin:holidays"))

    assert page.context["form"]["country"].value() == "GB"
    assert set(page.context["form"]["locations"].value()) == {str(harbour.pk), str(clifton.pk)}
    assert "Christmas Day" in get_text(page)
    assert all(is_ticked for _, is_ticked, _ in page.context["holidays"])


def test_ticked_days_are_closed_at_all_chosen_locations_and_unticked_ones_opened(morgan, harbour, clifton, mitte):
    here = reverse("admin:holidays")
    christmas, boxing = date(YEAR, 12, 25), date(YEAR, 12, 26)
    own = TimeOff.objects.create(
        location=clifton,
        starts_at=datetime(YEAR, 12, 26, tzinfo=UTC),
        ends_at=datetime(YEAR, 12, 27, tzinfo=UTC),
        reason="Builders",
    )

    days = {"do": "close", "days": [str(christmas), str(boxing), "nonsense"]}
    response = morgan.post(here, choice(harbour, clifton) | days)

    assert list_messages(response) == ["3 closed days entered."]
    rows = TimeOff.objects.exclude(pk=own.pk).order_by("starts_at", "location__name")
    assert [(row.location, row.starts_at, row.ends_at, row.reason) for row in rows] == [
        (clifton, datetime(YEAR, 12, 25, tzinfo=UTC), datetime(YEAR, 12, 26, tzinfo=UTC), "Christmas Day"),
        (harbour, datetime(YEAR, 12, 25, tzinfo=UTC), datetime(YEAR, 12, 26, tzinfo=UTC), "Christmas Day"),
        (harbour, datetime(YEAR, 12, 26, tzinfo=UTC), datetime(YEAR, 12, 27, tzinfo=UTC), "Boxing Day"),
    ]
    page = morgan.get(here, choice(harbour, clifton))
    ticked = [holiday.day for holiday, is_ticked, _ in page.context["holidays"] if is_ticked]
    assert ticked == [christmas, boxing]

    response = morgan.post(here, choice(harbour, clifton) | {"do": "close", "days": [str(christmas)]})

    assert list_messages(response) == ["3 closed days entered.", "0 closed days entered, 1 taken away."][1:]
    assert TimeOff.objects.filter(reason="Christmas Day").count() == 2
    assert TimeOff.objects.filter(pk=own.pk).exists()  # closed for another reason than the holiday


def test_closed_days_with_visits_are_shown_first(morgan, dana, harbour, book, at):
    visit, new_year = book(at(9)), datetime(YEAR, 1, 1, 10, tzinfo=UTC)
    Appointment.objects.filter(pk=visit.pk).update(starts_at=new_year, ends_at=new_year + timedelta(minutes=30))
    form = choice(harbour) | {"do": "close", "days": [str(new_year.date())]}

    asked = morgan.post(reverse("admin:holidays"), form)
    assert TimeOff.objects.count() == 0
    assert "Alice Archer" in get_text(asked)
    morgan.post(reverse("admin:holidays"), form | {"strands": asked.context["accepted"]})

    assert [row.location for row in TimeOff.objects.all()] == [harbour]
    assert StrandedVisit.objects.get().appointment == visit


def test_day_without_midnight_is_closed_from_its_beginning(db):
    beirut = Location.objects.create(name="Hamra", city="Beirut", country="LB", timezone="Asia/Beirut")
    spring = date(2027, 3, 28)  # the clock goes from 0:00 to 1:00

    close_days([beirut], closed=[Holiday(spring, "Spring")])

    row = TimeOff.objects.get()
    assert (row.starts_at, row.ends_at) == (
        datetime(2027, 3, 27, 22, tzinfo=UTC),
        datetime(2027, 3, 28, 21, tzinfo=UTC),
    )
    assert row.ends_at - row.starts_at == timedelta(hours=23)


def test_wrong_choices_close_nothing(morgan, erin, danas_browser, harbour):
    for changes in ({"year": "1066"}, {"country": "XX"}, {"locations": []}, {"locations": ["nonsense"]}):
        page = morgan.post(reverse("admin:holidays"), choice(harbour) | {"do": "close", "days": "all"} | changes)
        assert (page.status_code, page.context["holidays"]) == (200, [])
    for browser in (erin, danas_browser):
        assert browser.get(reverse("admin:holidays")).status_code == 403
    assert TimeOff.objects.count() == 0
    assert list_holidays("GB", "ENG", YEAR) != []


def test_calendar_of_holidays_is_followed_at_every_location(morgan, harbour, clifton, mitte):
    Location.objects.create(name="Old Mill", city="Leeds", is_active=False)
    form = {"name": "Holidays", "kind": "holidays", "everywhere": "on", "url": "https://1.1.1.1/holidays.ics"}

    morgan.post(url("scheduling_calendar", "add"), form | {"when_unreachable": "offer", "is_active": "on"})

    calendars = Calendar.objects.order_by("location__name")
    assert [calendar.location for calendar in calendars] == [clifton, harbour, mitte]
    assert {(calendar.name, calendar.kind, calendar.url) for calendar in calendars} == {
        ("Holidays", "holidays", "https://1.1.1.1/holidays.ics")
    }

"""Calendars that appointments are written into, in admin: added, tested and filled, against a real server."""

import pytest
from django.contrib.admin.models import LogEntry

from booking.models import OutboxMessage
from scheduling.models import Calendar, Location, Service
from tests.booking.admin.pages import get_text, list_messages, run_action, url
from tests.ledger import nothing_changes, rows

CALENDARS = "scheduling_calendar"


def test_manager_adds_tests_and_fills_caldav_calendar(morgan, radicale, dana, book, at, work):
    book(at(9))
    typed = {
        "clinician": str(dana.pk),
        "name": "Dana's phone",
        "kind": "caldav",
        "url": radicale.url("dana"),
        "username": "dana",
        "password": "dana's secret",
        "when_unreachable": "withhold",
        "is_active": "on",
    }
    assert morgan.post(url(CALENDARS, "add"), typed).status_code == 302
    calendar = Calendar.objects.get()
    page = get_text(morgan.get(url(CALENDARS, "change", calendar.pk)))
    assert "Test connection Put all coming appointments into it" in page
    assert "When it is switched off or removed here, what was written into it stays there." in page

    assert list_messages(morgan.post(url(CALENDARS, "test", calendar.pk)))[-1] == (
        "Dana's phone of Dana Reed answers and can be written into."
    )
    assert list_messages(morgan.post(url(CALENDARS, "fill", calendar.pk)))[-1] == (
        "Coming appointments that are being put into Dana's phone of Dana Reed: 1."
    )
    assert work() == ["done"]

    assert [event["dtstart"].dt for event in radicale.events("dana")] == [at(9)]
    assert LogEntry.objects.first().change_message == "All coming appointments are put into it."


def test_push_action_fills_selected_calendars(morgan, danas_calendar, book, at):
    book(at(9))
    OutboxMessage.objects.all().delete()

    run_action(morgan, CALENDARS, "push_upcoming", danas_calendar)

    assert OutboxMessage.objects.filter(kind="calendar.push").count() == 1


def test_renamed_service_or_location_is_pushed(morgan, radicale, danas_calendar, book, at, work):
    book(at(9))
    work()

    rename(morgan, "scheduling_service", Service.objects.get(), "Examination")
    rename(morgan, "scheduling_location", Location.objects.get(), "Harbour House")
    work()

    [event] = radicale.events("dana")
    assert (event["summary"], event["location"].partition(",")[0]) == ("Examination", "Harbour House")


def rename(browser, model, thing, name):
    """Type another name on its page, and save that as it is otherwise."""
    page = url(model, "change", thing.pk)
    form = browser.get(page).context["adminform"].form
    typed = {field.name: "" if field.value() is None else field.value() for field in form}
    assert browser.post(page, typed | {"name": name}).status_code == 302


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"password": "wrong"}, "It refuses the user name or the password."),
        ({"username": "otis", "password": "otis's secret"}, "It does not allow this user to do that."),
    ],
)
def test_connection_test_reports_error(morgan, danas_calendar, wrong, sentence):
    for name, value in wrong.items():
        setattr(danas_calendar, name, value)
    danas_calendar.save()

    response = morgan.post(url(CALENDARS, "test", danas_calendar.pk))

    assert list_messages(response) == [f"dana's calendar of Dana Reed: {sentence}"]


@pytest.mark.parametrize("change", [{"kind": "icalendar"}, {"is_active": False}])
def test_calendar_that_is_only_read_has_no_push_buttons(morgan, dana, book, at, change):
    book(at(9))
    fields = {"kind": "caldav", "url": "https://calendar.example/dana", "name": "Old", **change}
    calendar = Calendar.objects.create(clinician=dana, **fields)

    assert "Test connection" not in get_text(morgan.get(url(CALENDARS, "change", calendar.pk)))
    with nothing_changes():
        for verb in ("test", "fill"):
            assert list_messages(morgan.post(url(CALENDARS, verb, calendar.pk)))[-1] == (
                "Old of Dana Reed is not written into: it is only read, or not used."
            )


def test_push_buttons_require_post_and_permission(morgan, erin, danas_browser, dana, book, at):
    book(at(9))
    calendar = Calendar.objects.create(clinician=dana, kind="caldav", url="https://calendar.example/dana", name="Own")
    before = rows(Calendar)

    with nothing_changes():
        for verb in ("test", "fill"):
            address = url(CALENDARS, verb, calendar.pk)
            assert [browser.post(address).status_code for browser in (erin, danas_browser)] == [403, 403]
            assert morgan.get(address).status_code == 405
            assert morgan.post(url(CALENDARS, verb, "7d1f6cf0-0000-4000-8000-000000000000")).status_code == 404
    assert rows(Calendar) == before

"""Staff connect clinicians' own calendars, see their state and read them by hand."""

from datetime import date, timedelta

import pytest
from django.contrib.admin.models import LogEntry

from scheduling.calendars.storing import store_busy
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar, UnreadEvent
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, run_action, url
from tests.conftest import make_clinician
from tests.receivers import answer, hang

CALENDARS, CLINICIANS, APPOINTMENTS = "scheduling_calendar", "scheduling_clinician", "booking_appointment"
EMPTY = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
NO_ANSWER = "There was no answer in time, or none that could be read."


@pytest.fixture
def filled(dana):
    """Return a function that builds the add form for a receiver."""

    def filled(receiver, **fields):
        address = {} if receiver is None else {"url": f"{receiver.url}secret-token/basic.ics"}
        return {
            "clinician": dana.pk,
            "name": "Own calendar",
            "kind": "icalendar",
            "username": "",
            "password": "",
            "when_unreachable": "withhold",
            "is_active": "on",
            **address,
            **fields,
        }

    return filled


@pytest.fixture
def connected(dana):
    """Dana's calendar, read just now."""

    def connected(receiver=None, **fields):
        address = f"{receiver.url}secret-token/basic.ics" if receiver else "https://calendar.example/secret-token/"
        return Calendar.objects.create(
            **{"clinician": dana, "name": "Own calendar", "url": address, "last_synced_at": database_now(), **fields}
        )

    return connected


@pytest.mark.django_db(transaction=True)
def test_add_calendar_reads_it_at_once(morgan, filled, listen):
    receiver = listen(answer(200, body=EMPTY))

    response = morgan.post(url(CALENDARS, "add"), filled(receiver))

    assert response.status_code == 302
    calendar = Calendar.objects.get()
    assert calendar.url == f"{receiver.url}secret-token/basic.ics"
    assert calendar.last_synced_at is not None
    assert "Own calendar of Dana Reed has been read." in list_messages(response)
    assert len(receiver.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_add_unreadable_calendar_saves_it_and_reports_error(morgan, filled, listen):
    response = morgan.post(url(CALENDARS, "add"), filled(listen(answer(404))))

    calendar = Calendar.objects.get()
    assert calendar.last_error == "There is no calendar at its address."
    assert f"Own calendar of Dana Reed: {calendar.last_error}" in list_messages(response)


@pytest.mark.parametrize(
    "address",
    [
        "http://calendar.example/a.ics",
        "https://127.0.0.1/a.ics",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://localhost/",
        "ftp://calendar.example/",
        "calendar.example",
        "javascript:alert(1)",
        "https://dana:secret@8.8.8.8/",
        "webcal://192.168.1.1/a.ics",
        "file:///etc/passwd",
    ],
)
def test_calendar_with_private_address_is_refused(address, morgan, filled):
    response = morgan.post(url(CALENDARS, "add"), filled(None, url=address))

    assert response.status_code == 200
    assert "This address cannot be used: it must begin with https:// (or webcal://)" in get_text(response)
    assert not Calendar.objects.exists()


def test_calendar_pages_never_show_address_or_password(morgan, erin, connected):
    calendar = connected(username="dana-login", password="dana-password")

    for browser in (morgan, erin):
        for page in (url(CALENDARS, "change", calendar.pk), url(CALENDARS), url(CALENDARS, "history", calendar.pk)):
            response = browser.get(page)
            assert response.status_code == 200
            for secret in ("secret-token", "dana-password"):
                assert secret not in response.content.decode()
    assert "dana-login" not in erin.get(url(CALENDARS, "change", calendar.pk)).content.decode()
    assert "https://calendar.example/…" in erin.get(url(CALENDARS, "change", calendar.pk)).content.decode()


def test_change_calendar_keeps_secrets_left_empty(morgan, connected, filled):
    calendar = connected(username="dana", password="secret", etag='"one"')
    address = calendar.url

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(None, name="Practice", username="dana"))

    calendar.refresh_from_db()
    assert (calendar.name, calendar.url, calendar.password, calendar.etag) == ("Practice", address, "secret", '"one"')
    [entry] = LogEntry.objects.all()
    assert entry.get_change_message() == "Changed Name."


def test_calendar_without_username_has_no_password(morgan, connected, filled):
    calendar = connected(username="dana", password="secret")

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(None))

    calendar.refresh_from_db()
    assert (calendar.username, calendar.password) == ("", "")


ANEW = "Type the password again: it is only ever sent to the address it was given for."


@pytest.mark.parametrize("kind", ["icalendar", "caldav"])
def test_stored_password_is_not_used_for_another_address(kind, morgan, connected, filled, listen):
    calendar = connected(kind=kind, username="dana", password="secret")
    before, other = Calendar.objects.values().get(), listen(answer(200, body=EMPTY))

    response = morgan.post(url(CALENDARS, "change", calendar.pk), filled(other, kind=kind, username="dana"))

    assert ANEW in get_text(response)
    assert (Calendar.objects.values().get(), other.connections) == (before, 0)


def test_stored_password_is_not_used_for_another_username_or_port(morgan, connected, filled, listen):
    calendar = connected(listen(answer(200, body=EMPTY)), username="dana", password="secret")
    change, before = url(CALENDARS, "change", calendar.pk), Calendar.objects.values().get()

    assert ANEW in get_text(morgan.post(change, filled(None, username="otis")))
    assert ANEW in get_text(morgan.post(change, filled(listen(answer(200, body=EMPTY)), username="dana")))

    assert Calendar.objects.values().get() == before


def test_stored_password_is_used_for_another_path_of_same_origin(morgan, connected, filled, listen):
    receiver = listen(answer(200, body=EMPTY))
    calendar = connected(receiver, username="dana", password="secret")

    typed = filled(None, url=f"{receiver.url}other.ics", username="dana")
    assert morgan.post(url(CALENDARS, "change", calendar.pk), typed).status_code == 302

    calendar.refresh_from_db()
    assert (calendar.url, calendar.password) == (f"{receiver.url}other.ics", "secret")


def test_retyped_password_is_used_for_new_address(morgan, connected, filled, listen):
    calendar = connected(username="dana", password="secret")

    typed = filled(listen(answer(200, body=EMPTY)), username="dana", password="another")
    assert morgan.post(url(CALENDARS, "change", calendar.pk), typed).status_code == 302

    calendar.refresh_from_db()
    assert calendar.password == "another"


def test_change_of_calendar_address_discards_busy_times(morgan, connected, filled, listen, at):
    calendar = connected(etag='"one"', fingerprint="x", read_until=at(9))
    store_busy(calendar, [(0, 60)])
    receiver = listen(answer(200, body=EMPTY))

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(receiver))

    calendar.refresh_from_db()
    assert (calendar.etag, calendar.fingerprint, calendar.last_synced_at, calendar.read_until) == ("", "", None, None)
    assert not BusyDay.objects.exists()
    [entry] = LogEntry.objects.all()
    assert entry.get_change_message() == "Changed Address."


def test_deactivated_calendar_discards_busy_times(morgan, connected, filled):
    calendar = connected()
    store_busy(calendar, [(0, 60)])

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(None, is_active=""))

    assert not BusyDay.objects.exists()
    assert Calendar.objects.get().is_active is False


def test_read_action_reads_selected_calendars(morgan, connected, listen):
    good, bad = connected(listen(answer(200, body=EMPTY)), name="Good"), connected(listen(answer(500)), name="Bad")

    response = run_action(morgan, CALENDARS, "read_now", good, bad)

    assert sorted(list_messages(response)) == [
        "Bad of Dana Reed: The calendar's server answered 500 instead of the calendar.",
        "Good of Dana Reed has been read.",
    ]


def test_read_action_skips_caldav_calendars(morgan, connected):
    response = run_action(morgan, CALENDARS, "read_now", connected(kind="caldav"))

    assert list_messages(response) == ["None of these is read: they are written to, or not used."]


def test_read_action_times_out_on_hanging_calendar(morgan, connected, listen, monkeypatch):
    monkeypatch.setattr("scheduling.admin.calendars.READ_TIMEOUT", 1)

    response = run_action(morgan, CALENDARS, "read_now", connected(listen(hang)))

    assert list_messages(response) == [f"Own calendar of Dana Reed: {NO_ANSWER}"]


# Holidays


@pytest.mark.django_db(transaction=True)
def test_add_holidays_of_location_reads_them_at_once(morgan, filled, listen, harbour):
    receiver = listen(answer(200, body=EMPTY))

    response = morgan.post(
        url(CALENDARS, "add"), filled(receiver, kind="holidays", clinician="", location=harbour.pk, name="Holidays")
    )

    assert list_messages(response)[-1] == "Holidays of Harbour Street has been read."
    calendar = Calendar.objects.get()
    assert (calendar.clinician, calendar.location, calendar.when_unreachable) == (None, harbour, "offer")
    assert calendar.last_synced_at is not None and len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("kind", "owners", "said"),
    [
        ("holidays", [], "Choose the location that is closed on these holidays."),
        ("holidays", ["clinician"], "Choose the location that is closed on these holidays."),
        ("holidays", ["clinician", "location"], "Holidays belong to a location: leave this empty."),
        ("icalendar", [], "Choose whose calendar it is."),
        ("caldav", ["location"], "Choose whose calendar it is."),
        (
            "icalendar",
            ["clinician", "location"],
            "Only a calendar of holidays belongs to a location: leave this empty.",
        ),
    ],
)
def test_calendar_of_nobody_or_of_two_is_refused_beside_the_field(kind, owners, said, morgan, filled, dana, harbour):
    chosen = {"clinician": dana.pk, "location": harbour.pk}
    owner = {name: pk if name in owners else "" for name, pk in chosen.items()}

    response = morgan.post(url(CALENDARS, "add"), filled(None, url="https://8.8.8.8/a.ics", kind=kind, **owner))

    assert said in get_text(response) and "Holidays belong to a location, every other" not in get_text(response)
    assert not Calendar.objects.exists()


def test_unread_holidays_warn_and_say_that_the_last_known_count(erin, harbour):
    Calendar.objects.create(location=harbour, kind="holidays", name="Holidays", url="https://calendar.example/")

    warning = (
        "Harbour Street’s calendar “Holidays” has not been read yet: the location is closed on the holidays that "
        "were known last."
    )
    for page in (CALENDARS, CLINICIANS, APPOINTMENTS):
        assert warning in get_text(erin.get(url(page)))
    [row] = get_rows(erin.get(url(CALENDARS)))
    assert row[:3] == ["Holidays", "Harbour Street", "holidays: the location is closed on its all-day events"]


def test_location_page_lists_its_holidays_and_links_to_add_more(morgan, erin, harbour):
    page, add = url("scheduling_location", "change", harbour.pk), f"?kind=holidays&location={harbour.pk}"
    Calendar.objects.create(location=harbour, kind="holidays", name="Feiertage", url="https://calendar.example/")

    shown = morgan.get(page)

    assert "Feiertage : not read yet" in get_text(shown)
    assert "Add a calendar of its holidays" in get_text(shown)
    form = morgan.get(url(CALENDARS, "add") + add).content.decode()
    assert '<option value="holidays" selected>' in form and f'<option value="{harbour.pk}" selected>' in form
    assert "Add a calendar" not in get_text(erin.get(page))


# Events that were not understood

CLOSED = "1 event on 14 December 2020 was not understood; that day is closed."
NOTHING = "1 event without a readable start was not understood; nothing is closed for it."


@pytest.fixture
def unread(connected):
    """An event of Dana's calendar that was not understood, and one that not even has a start that can be read."""
    calendar = connected(etag='"one"', fingerprint="x")
    events = [UnreadEvent(calendar=calendar, fingerprint=day or "none", day=day) for day in (date(2020, 12, 14), None)]
    return UnreadEvent.objects.bulk_create(events)


@pytest.mark.parametrize("page", [url(CALENDARS), url(CLINICIANS), url(APPOINTMENTS)])
def test_events_not_understood_are_told_in_red_above_every_schedule_list(page, erin, danas_browser, unread):
    response = erin.get(page)

    [told] = [message for message in response.context["messages"] if message.level_tag == "error"]
    assert f"Dana Reed’s calendar “Own calendar”</a>: {CLOSED} {NOTHING}" in str(told)
    assert "not understood;" not in get_text(danas_browser.get(url(APPOINTMENTS)))


def test_events_not_understood_are_told_in_calendar_list_and_on_its_page(erin, morgan, unread):
    [row] = get_rows(erin.get(url(CALENDARS)))
    assert row[5] == "2"

    page = url(CALENDARS, "change", unread[0].calendar.pk)
    assert f"{CLOSED} {NOTHING}" in get_text(erin.get(page))
    assert f"{CLOSED} Ignore {NOTHING} Ignore Until it is ignored" in get_text(morgan.get(page))
    assert "not understood;" not in get_text(morgan.get(url(CALENDARS, "add")))


def test_ignored_event_is_no_longer_told_until_it_is_not_ignored(morgan, unread, listen, at):
    receiver = listen(answer(500))
    [first, second], calendar = unread, unread[0].calendar
    Calendar.objects.update(url=receiver.url)

    response = morgan.post(url(CALENDARS, "ignore", calendar.pk), {"event": [str(first.pk), "x", "9" * 30]})

    assert (response.status_code, response.url) == (302, url(CALENDARS, "change", calendar.pk))
    assert len(receiver.requests) == 1 and "If-None-Match" not in receiver.requests[0][2]
    assert list(UnreadEvent.objects.filter(ignored_at=None)) == [second]
    [entry] = LogEntry.objects.all()
    assert entry.get_change_message() == "Ignored: what was not understood, 2020-12-14."
    assert CLOSED not in get_text(morgan.get(url(CLINICIANS)))
    page = get_text(morgan.get(url(CALENDARS, "change", calendar.pk)))
    assert "1 event on 14 December 2020 was not understood; staff ignore it. Stop ignoring" in page

    morgan.post(url(CALENDARS, "stop_ignoring", calendar.pk), {"event": first.pk})

    assert UnreadEvent.objects.filter(ignored_at=None).count() == 2
    assert CLOSED in get_text(morgan.get(url(CLINICIANS)))


def test_only_a_post_of_who_may_change_calendars_ignores_an_event(erin, morgan, danas_browser, unread):
    before, calendar = list(UnreadEvent.objects.values()), Calendar.objects.values().get()

    for tool in ("ignore", "stop_ignoring"):
        page = url(CALENDARS, tool, calendar["id"])
        assert morgan.get(page, {"event": unread[0].pk}).status_code == 405
        assert erin.post(page, {"event": unread[0].pk}).status_code == 403
        assert danas_browser.post(page, {"event": unread[0].pk}).status_code == 403
        gone = morgan.post(page, {"event": unread[0].pk + 1000})
        assert list_messages(gone)[-1] == "The calendar has changed: it has no such event any more."

    assert (list(UnreadEvent.objects.values()), Calendar.objects.values().get()) == (before, calendar)


# Permissions


def test_reception_views_calendars_but_cannot_change_them(erin, connected, filled):
    calendar = connected()

    assert erin.get(url(CALENDARS, "change", calendar.pk)).status_code == 200
    assert erin.post(url(CALENDARS, "change", calendar.pk), filled(None, name="Mine")).status_code == 403
    assert erin.get(url(CALENDARS, "add")).status_code == 403
    assert erin.post(url(CALENDARS, "delete", calendar.pk), {"post": "yes"}).status_code == 403
    run_action(erin, CALENDARS, "read_now", calendar)
    assert Calendar.objects.get().name == "Own calendar"
    assert Calendar.objects.get().last_tried_at is None


def test_calendar_pages_refuse_clinicians(danas_browser, connected):
    calendar = connected()

    assert danas_browser.get(url(CALENDARS)).status_code == 403
    assert danas_browser.get(url(CALENDARS, "change", calendar.pk)).status_code == 403


# Warnings

WITHHELD = "Dana Reed’s calendar “Own calendar” has not been read yet: none of their times are offered."


@pytest.mark.parametrize("page", [url(CALENDARS), url(CLINICIANS), url(APPOINTMENTS)])
@pytest.mark.parametrize("who", ["erin", "morgan"])
def test_unreachable_calendar_warns_on_every_schedule_list(who, page, request, connected):
    browser = request.getfixturevalue(who)
    connected(last_synced_at=None)

    assert WITHHELD in get_text(browser.get(page))


def test_unreachable_calendar_warns_on_its_clinicians_page_only(erin, connected, dana, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    connected(last_synced_at=None)

    assert WITHHELD in get_text(erin.get(url(CLINICIANS, "change", dana.pk)))
    assert "has not been read" not in get_text(erin.get(url(CLINICIANS, "change", otis.pk)))


def test_unreachable_calendar_does_not_warn_clinicians(danas_browser, connected):
    connected(last_synced_at=None)

    assert "has not been read" not in get_text(danas_browser.get(url(APPOINTMENTS)))


def test_unreachable_calendar_that_offers_times_says_so(erin, connected):
    connected(last_synced_at=database_now() - timedelta(hours=3), when_unreachable="offer")

    expected = "has not been read for 3 hours: their times are offered as last known."
    assert expected in get_text(erin.get(url(CLINICIANS))).replace("\xa0", " ")


@pytest.mark.parametrize("fields", [{}, {"is_active": False}, {"kind": "caldav", "last_synced_at": None}])
def test_readable_calendar_does_not_warn(fields, erin, connected):
    connected(**fields)

    assert "has not been read" not in get_text(erin.get(url(CLINICIANS)))


def test_many_unreachable_calendars_are_summarized(erin, connected, dana):
    for n in range(5):
        connected(name=f"Calendar {n}", last_synced_at=None)

    page = get_text(erin.get(url(CLINICIANS)))

    assert page.count("has not been read yet") == 3
    assert "2 more cannot be read: see all calendars ." in page


def test_clinician_list_shows_calendars(erin, connected, dana):
    connected(name="Practice")
    connected(name="Private", last_synced_at=None, last_error="It was refused.")

    [row] = get_rows(erin.get(url(CLINICIANS)))

    assert row[3].replace("\xa0", " ") == ("Practice : read 0 minutes ago Private : not read yet")


def test_clinician_page_links_to_add_calendar(morgan, erin, dana):
    add = url(CALENDARS, "add") + f"?clinician={dana.pk}"
    page = url(CLINICIANS, "change", dana.pk)

    assert f'<a href="{add}">Add a calendar of Dana Reed</a>' in morgan.get(page).content.decode()
    assert f'<option value="{dana.pk}" selected>Dana Reed</option>' in morgan.get(add).content.decode()
    assert "Add a calendar" not in get_text(erin.get(page))
    assert "Own calendars" not in get_text(morgan.get(url(CLINICIANS, "add")))


def test_calendar_list_query_count_is_constant(erin, connected, harbour, consultation, dana):
    connected()
    counts = [count_queries(erin, url(page)) for page in (CALENDARS, CLINICIANS)]
    for n in range(5):
        connected(clinician=make_clinician(f"Clinician {n}", location=harbour, services=[consultation]))

    assert [count_queries(erin, url(page)) for page in (CALENDARS, CLINICIANS)] == counts


@pytest.mark.parametrize("text", ["zz", "a\x00b", "11111111-1111-1111-1111-111111111111"])
def test_add_calendar_for_unknown_clinician_shows_form(morgan, text):
    page = url("scheduling_calendar", "add")

    assert morgan.get(page, {"clinician": text}).status_code == 200
    assert morgan.post(page, {"clinician": text}).status_code == 200

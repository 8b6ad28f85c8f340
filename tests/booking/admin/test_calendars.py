"""Clinicians' calendars elsewhere, as staff connect them, see how they fare and read them by hand."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry

from scheduling.calendars.storing import store_busy
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar
from tests.booking.admin.pages import act, queries, rows, said, shown, url
from tests.conftest import make_clinician
from tests.receivers import answer, hang

CALENDARS, CLINICIANS, APPOINTMENTS = "scheduling_calendar", "scheduling_clinician", "booking_appointment"
EMPTY = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
NO_ANSWER = "There was no answer in time, or none that could be read."


@pytest.fixture
def filled(dana):
    """What morgan types in: ``filled(receiver)``."""

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
    """Dana's calendar, which was read just now."""

    def connected(receiver=None, **fields):
        address = f"{receiver.url}secret-token/basic.ics" if receiver else "https://calendar.example/secret-token/"
        return Calendar.objects.create(
            **{"clinician": dana, "name": "Own calendar", "url": address, "last_synced_at": database_now(), **fields}
        )

    return connected


@pytest.mark.django_db(transaction=True)
def test_a_manager_connects_a_calendar_and_it_is_read_at_once(morgan, filled, listen):
    receiver = listen(answer(200, body=EMPTY))

    response = morgan.post(url(CALENDARS, "add"), filled(receiver))

    assert response.status_code == 302
    calendar = Calendar.objects.get()
    assert calendar.url == f"{receiver.url}secret-token/basic.ics"
    assert calendar.last_synced_at is not None
    assert "Own calendar of Dana Reed has been read." in said(response)
    assert len(receiver.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_one_that_cannot_be_read_is_connected_and_told_of(morgan, filled, listen):
    response = morgan.post(url(CALENDARS, "add"), filled(listen(answer(404))))

    calendar = Calendar.objects.get()
    assert calendar.last_error == "There is no calendar at its address."
    assert f"Own calendar of Dana Reed: {calendar.last_error}" in said(response)


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
def test_addresses_that_are_not_public_are_refused_with_a_sentence(address, morgan, filled):
    response = morgan.post(url(CALENDARS, "add"), filled(None, url=address))

    assert response.status_code == 200
    assert "This address cannot be used: it must begin with https:// (or webcal://)" in shown(response)
    assert not Calendar.objects.exists()


def test_nobody_sees_the_address_or_the_password_again(morgan, erin, connected):
    calendar = connected(username="dana-login", password="dana-password")

    for browser in (morgan, erin):
        for page in (url(CALENDARS, "change", calendar.pk), url(CALENDARS), url(CALENDARS, "history", calendar.pk)):
            response = browser.get(page)
            assert response.status_code == 200
            for secret in ("secret-token", "dana-password"):
                assert secret not in response.content.decode()
    assert "dana-login" not in erin.get(url(CALENDARS, "change", calendar.pk)).content.decode()
    assert "https://calendar.example/…" in erin.get(url(CALENDARS, "change", calendar.pk)).content.decode()


def test_what_is_secret_stays_as_it_is_unless_it_is_typed_anew(morgan, connected, filled):
    calendar = connected(username="dana", password="secret", etag='"one"')
    address = calendar.url

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(None, name="Practice", username="dana"))

    calendar.refresh_from_db()
    assert (calendar.name, calendar.url, calendar.password, calendar.etag) == ("Practice", address, "secret", '"one"')
    [entry] = LogEntry.objects.all()
    assert entry.get_change_message() == "Changed Name."


def test_without_a_name_there_is_no_password(morgan, connected, filled):
    calendar = connected(username="dana", password="secret")

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(None))

    calendar.refresh_from_db()
    assert (calendar.username, calendar.password) == ("", "")


ANEW = "Type the password again: it is only ever sent to the address it was given for."


@pytest.mark.parametrize("kind", ["icalendar", "caldav"])
def test_a_password_is_not_sent_to_another_address_than_it_was_given_for(kind, morgan, connected, filled, listen):
    calendar = connected(kind=kind, username="dana", password="secret")
    before, other = Calendar.objects.values().get(), listen(answer(200, body=EMPTY))

    response = morgan.post(url(CALENDARS, "change", calendar.pk), filled(other, kind=kind, username="dana"))

    assert ANEW in shown(response)
    assert (Calendar.objects.values().get(), other.connections) == (before, 0)


def test_nor_with_another_name_nor_to_another_port(morgan, connected, filled, listen):
    calendar = connected(listen(answer(200, body=EMPTY)), username="dana", password="secret")
    change, before = url(CALENDARS, "change", calendar.pk), Calendar.objects.values().get()

    assert ANEW in shown(morgan.post(change, filled(None, username="otis")))
    assert ANEW in shown(morgan.post(change, filled(listen(answer(200, body=EMPTY)), username="dana")))

    assert Calendar.objects.values().get() == before


def test_to_another_calendar_at_the_same_address_it_is(morgan, connected, filled, listen):
    receiver = listen(answer(200, body=EMPTY))
    calendar = connected(receiver, username="dana", password="secret")

    typed = filled(None, url=f"{receiver.url}other.ics", username="dana")
    assert morgan.post(url(CALENDARS, "change", calendar.pk), typed).status_code == 302

    calendar.refresh_from_db()
    assert (calendar.url, calendar.password) == (f"{receiver.url}other.ics", "secret")


def test_a_password_that_is_typed_again_goes_to_the_new_address(morgan, connected, filled, listen):
    calendar = connected(username="dana", password="secret")

    typed = filled(listen(answer(200, body=EMPTY)), username="dana", password="another")
    assert morgan.post(url(CALENDARS, "change", calendar.pk), typed).status_code == 302

    calendar.refresh_from_db()
    assert calendar.password == "another"


def test_another_address_is_another_calendar(morgan, connected, filled, listen, at):
    calendar = connected(etag='"one"', fingerprint="x", read_until=at(9))
    store_busy(calendar, [(0, 60)])
    receiver = listen(answer(200, body=EMPTY))

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(receiver))

    calendar.refresh_from_db()
    assert (calendar.etag, calendar.fingerprint, calendar.last_synced_at, calendar.read_until) == ("", "", None, None)
    assert not BusyDay.objects.exists()
    [entry] = LogEntry.objects.all()
    assert entry.get_change_message() == "Changed Address."


def test_a_calendar_that_is_not_used_any_more_keeps_nobody_busy(morgan, connected, filled):
    calendar = connected()
    store_busy(calendar, [(0, 60)])

    morgan.post(url(CALENDARS, "change", calendar.pk), filled(None, is_active=""))

    assert not BusyDay.objects.exists()
    assert Calendar.objects.get().is_active is False


def test_calendars_are_read_by_hand(morgan, connected, listen):
    good, bad = connected(listen(answer(200, body=EMPTY)), name="Good"), connected(listen(answer(500)), name="Bad")

    response = act(morgan, CALENDARS, "read_now", good, bad)

    assert sorted(said(response)) == [
        "Bad of Dana Reed: The calendar's server answered 500 instead of the calendar.",
        "Good of Dana Reed has been read.",
    ]


def test_what_is_only_written_to_is_not_read(morgan, connected):
    response = act(morgan, CALENDARS, "read_now", connected(kind="caldav"))

    assert said(response) == ["None of these is read: they are written to, or not used."]


def test_one_that_hangs_is_given_up(morgan, connected, listen, monkeypatch):
    monkeypatch.setattr("scheduling.admin.calendars.READ_TIMEOUT", 1)

    response = act(morgan, CALENDARS, "read_now", connected(listen(hang)))

    assert said(response) == [f"Own calendar of Dana Reed: {NO_ANSWER}"]


# Who may


def test_reception_looks_and_changes_nothing(erin, connected, filled):
    calendar = connected()

    assert erin.get(url(CALENDARS, "change", calendar.pk)).status_code == 200
    assert erin.post(url(CALENDARS, "change", calendar.pk), filled(None, name="Mine")).status_code == 403
    assert erin.get(url(CALENDARS, "add")).status_code == 403
    assert erin.post(url(CALENDARS, "delete", calendar.pk), {"post": "yes"}).status_code == 403
    act(erin, CALENDARS, "read_now", calendar)
    assert Calendar.objects.get().name == "Own calendar"
    assert Calendar.objects.get().last_tried_at is None


def test_a_clinician_does_not_see_them(danas_browser, connected):
    calendar = connected()

    assert danas_browser.get(url(CALENDARS)).status_code == 403
    assert danas_browser.get(url(CALENDARS, "change", calendar.pk)).status_code == 403


# A calendar that is out of reach is seen where people look

WITHHELD = "Dana Reed’s calendar “Own calendar” has not been read yet: none of their times are offered."


@pytest.mark.parametrize("page", [url(CALENDARS), url(CLINICIANS), url(APPOINTMENTS)])
@pytest.mark.parametrize("who", ["erin", "morgan"])
def test_a_warning_stands_above_every_list_of_the_schedule(who, page, request, connected):
    browser = request.getfixturevalue(who)
    connected(last_synced_at=None)

    assert WITHHELD in shown(browser.get(page))


def test_and_above_the_page_of_its_clinician_only(erin, connected, dana, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    connected(last_synced_at=None)

    assert WITHHELD in shown(erin.get(url(CLINICIANS, "change", dana.pk)))
    assert "has not been read" not in shown(erin.get(url(CLINICIANS, "change", otis.pk)))


def test_a_clinician_at_her_own_desk_is_not_told(danas_browser, connected):
    connected(last_synced_at=None)

    assert "has not been read" not in shown(danas_browser.get(url(APPOINTMENTS)))


def test_it_says_that_times_are_offered_as_last_known(erin, connected):
    connected(last_synced_at=database_now() - timedelta(hours=3), when_unreachable="offer")

    expected = "has not been read for 3 hours: their times are offered as last known."
    assert expected in shown(erin.get(url(CLINICIANS))).replace("\xa0", " ")


@pytest.mark.parametrize("fields", [{}, {"is_active": False}, {"kind": "caldav", "last_synced_at": None}])
def test_all_is_quiet_where_all_is_well(fields, erin, connected):
    connected(**fields)

    assert "has not been read" not in shown(erin.get(url(CLINICIANS)))


def test_many_are_not_all_listed(erin, connected, dana):
    for n in range(5):
        connected(name=f"Calendar {n}", last_synced_at=None)

    page = shown(erin.get(url(CLINICIANS)))

    assert page.count("has not been read yet") == 3
    assert "2 more cannot be read: see all calendars ." in page


def test_the_list_of_clinicians_has_their_calendars(erin, connected, dana):
    connected(name="Practice")
    connected(name="Private", last_synced_at=None, last_error="It was refused.")

    [row] = rows(erin.get(url(CLINICIANS)))

    assert row[3].replace("\xa0", " ") == ("Practice : read 0 minutes ago Private : not read yet")


def test_a_calendar_is_added_from_the_page_of_its_clinician(morgan, erin, dana):
    add = url(CALENDARS, "add") + f"?clinician={dana.pk}"
    page = url(CLINICIANS, "change", dana.pk)

    assert f'<a href="{add}">Add a calendar of Dana Reed</a>' in morgan.get(page).content.decode()
    assert f'<option value="{dana.pk}" selected>Dana Reed</option>' in morgan.get(add).content.decode()
    assert "Add a calendar" not in shown(erin.get(page))
    assert "Own calendars" not in shown(morgan.get(url(CLINICIANS, "add")))


def test_lists_take_as_many_queries_for_many(erin, connected, harbour, consultation, dana):
    connected()
    counts = [queries(erin, url(page)) for page in (CALENDARS, CLINICIANS)]
    for n in range(5):
        connected(clinician=make_clinician(f"Clinician {n}", location=harbour, services=[consultation]))

    assert [queries(erin, url(page)) for page in (CALENDARS, CLINICIANS)] == counts


@pytest.mark.parametrize("text", ["zz", "a\x00b", "11111111-1111-1111-1111-111111111111"])
def test_a_clinician_there_is_none_of_is_not_looked_for(morgan, text):
    page = url("scheduling_calendar", "add")

    assert morgan.get(page, {"clinician": text}).status_code == 200
    assert morgan.post(page, {"clinician": text}).status_code == 200

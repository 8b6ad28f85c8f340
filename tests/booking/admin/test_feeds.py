"""Calendar feeds: staff create, see once, renew and revoke them."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from booking.integrations.calendars.feed import make_feed
from booking.models import CalendarFeed
from tests.booking.admin.pages import get_text, list_messages, url
from tests.conftest import make_clinician
from tests.ledger import rows

FEEDS = "booking_calendarfeed"


@pytest.fixture
def otis(harbour, consultation):
    """Another clinician at Harbour Street."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def get_shown_address(response):
    """Return the path of the address that the page shows."""
    assert "no-store" in response.headers["Cache-Control"]
    [address] = re.findall(r"http://testserver(/calendars/[A-Za-z0-9_-]{43}\.ics)", response.content.decode())
    return address


def status(address):
    return Client().get(address).status_code


def test_manager_creates_feed_and_sees_address_once(morgan, dana):
    add = url(FEEDS, "add") + f"?clinician={dana.pk}"
    page = morgan.get(url("scheduling_clinician", "change", dana.pk))
    assert f'href="{add}"' in page.content.decode()
    assert f'<option value="{dana.pk}" selected>' in morgan.get(add).content.decode()

    address = get_shown_address(morgan.post(add, {"clinician": str(dana.pk)}))

    assert status(address) == 200
    assert CalendarFeed.objects.get().clinician == dana
    for later in (url(FEEDS), url(FEEDS, "change", dana.pk), url(FEEDS, "history", dana.pk)):
        assert address not in morgan.get(later).content.decode()
    assert f'href="{url(FEEDS, "change", dana.pk)}"' in morgan.get(page.request["PATH_INFO"]).content.decode()


def test_feed_pages_say_that_feed_names_no_patient(morgan, danas_browser, dana):
    make_feed(dana)

    for browser in (morgan, danas_browser):
        for page in (url(FEEDS, "add"), url(FEEDS, "change", dana.pk)):
            assert "It names no patient, but whoever has its address sees" in get_text(browser.get(page))


def test_renew_feed_ends_old_address(morgan, dana):
    old = f"/calendars/{make_feed(dana)}.ics"

    new = get_shown_address(morgan.post(url(FEEDS, "renew", dana.pk)))

    assert (status(old), status(new)) == (404, 200)
    assert LogEntry.objects.get().change_message == "Renewed."


def test_revoked_feed_is_404(morgan, dana):
    address = f"/calendars/{make_feed(dana)}.ics"

    response = morgan.post(url(FEEDS, "revoke", dana.pk))

    assert list_messages(response) == ["The calendar of Dana Reed is no longer at its address."]
    assert status(address) == 404
    assert LogEntry.objects.get().change_message == "Revoked."


def test_feed_buttons_with_get_change_nothing(morgan, dana):
    make_feed(dana)
    before = rows(CalendarFeed)

    assert [morgan.get(url(FEEDS, verb, dana.pk)).status_code for verb in ("renew", "revoke")] == [405, 405]
    assert rows(CalendarFeed) == before


def test_save_feed_page_keeps_address(morgan, dana):
    make_feed(dana)
    before = rows(CalendarFeed)

    morgan.post(url(FEEDS, "change", dana.pk), {"clinician": str(dana.pk), "token_hash": "x"})

    assert rows(CalendarFeed) == before


# As a clinician


def test_clinician_creates_own_feed(danas_browser, dana):
    form = danas_browser.get(url(FEEDS, "add"))
    assert f'<option value="{dana.pk}" selected>' in form.content.decode()

    address = get_shown_address(danas_browser.post(url(FEEDS, "add"), {"clinician": str(dana.pk)}))

    assert status(address) == 200
    assert "Dana Reed" in get_text(danas_browser.get(url(FEEDS)))
    assert status(get_shown_address(danas_browser.post(url(FEEDS, "renew", dana.pk)))) == 200


def test_clinician_cannot_create_feed_of_colleague(danas_browser, otis):
    refused = danas_browser.post(url(FEEDS, "add"), {"clinician": str(otis.pk)})
    assert "Select a valid choice" in get_text(refused)
    assert not CalendarFeed.objects.exists()

    address = f"/calendars/{make_feed(otis)}.ics"
    before = rows(CalendarFeed)

    assert "Otis" not in get_text(danas_browser.get(url(FEEDS)))
    assert danas_browser.get(url(FEEDS, "change", otis.pk)).status_code == 302  # as for an unknown id
    assert [danas_browser.post(url(FEEDS, verb, otis.pk)).status_code for verb in ("renew", "revoke")] == [404, 404]
    assert rows(CalendarFeed) == before
    assert status(address) == 200


def test_feed_pages_refuse_reception(erin, dana):
    make_feed(dana)
    before = rows(CalendarFeed)

    asked = [erin.get(url(FEEDS)), erin.get(url(FEEDS, "add")), erin.get(url(FEEDS, "change", dana.pk))]
    asked += [erin.post(url(FEEDS, "add"), {"clinician": str(dana.pk)})]
    asked += [erin.post(url(FEEDS, verb, dana.pk)) for verb in ("renew", "revoke")]

    assert {response.status_code for response in asked} == {403}
    assert "Calendar feed" not in get_text(erin.get(url("scheduling_clinician", "change", dana.pk)))
    assert rows(CalendarFeed) == before


def test_feed_delete_is_refused(morgan, dana):
    make_feed(dana)

    assert morgan.post(url(FEEDS, "delete", dana.pk), {"post": "yes"}).status_code == 403
    assert CalendarFeed.objects.exists()

"""A system administrator with an empty database makes a clinic that can be booked, without reading anything."""

import re

import pytest
from django.conf import settings
from playwright.sync_api import expect

from booking.models import Branding
from scheduling.models import Clinician, Location, Service, WorkingHours
from tests.browser.conftest import watch

pytestmark = pytest.mark.journeys


@pytest.fixture
def page(chromium, live_server, admin_client):
    """A page on which a system administrator is logged in. Nothing may go wrong on it."""
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800})
    session = admin_client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": session.key, "value": session.value, "url": live_server.url}])
    page, faults = context.new_page(), []
    watch(page, live_server.url, faults)
    yield page
    context.close()
    assert faults == []


def test_administrator_of_an_empty_clinic_is_bookable_after_five_short_forms(page):
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="0 of 5 first steps")).to_be_visible()
    page.get_by_role("link", name="Begin").click()

    page.get_by_label("Street and number").fill("1 Mill Lane")
    page.get_by_label("Town").fill("Leeds")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A service")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A clinician")
    page.get_by_label("Name").fill("Dana Reed")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Their hours")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your page")
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You can be booked")
    page.get_by_role("link", name="Look at your page").click()
    page.get_by_role("link", name=re.compile("Consultation")).first.click()
    expect(page.locator("main")).to_contain_text(re.compile("[1-9][0-9]* free"))
    page.goto("/admin/")
    expect(page.get_by_text("first steps")).to_have_count(0)
    assert [model.objects.count() for model in (Location, Service, Clinician, WorkingHours, Branding)] == [
        1,
        1,
        1,
        10,
        1,
    ]

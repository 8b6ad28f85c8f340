"""Every page of staff that has no object, and one of each that has, against WCAG 2.2 AA by axe, narrow and wide."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.urls import reverse

from tests.booking.admin.test_visibility import get_url, sites  # noqa: F401  (a fixture)
from tests.booking.admin.test_visibility import list_pages as list_walked
from tests.browser.conftest import watch

pytestmark = pytest.mark.journeys
LOOKS = [(360, "light"), (1920, "dark")]
NO_PAGES = ("_history", "_delete", "_news", "_progress", "_events", "_choose", "_patients")


def list_pages(objects):
    """Return the address of each page that a GET shows."""
    for name, arguments in list_walked():
        is_page = not name.endswith(NO_PAGES)
        address = get_url(name, arguments, objects) if is_page else None
        if address:
            yield address


def test_every_page_of_staff_passes_axe_and_never_scrolls_sideways(chromium, live_server, sites, admin_client):  # noqa: F811
    here, _, shared = sites
    axe, faults = Axe(), []
    # axe writes styles into the page while it looks: the policy that forbids them is tried elsewhere.
    context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce", bypass_csp=True)
    session = admin_client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": session.key, "value": session.value, "url": live_server.url}])
    page = context.new_page()
    watch(page, live_server.url, faults)
    pages = [address for address in list_pages(here | shared) if is_page(admin_client, address)]
    assert len(pages) > 80

    for address in [*pages, reverse("account_login")]:
        page.goto(address)
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
            faults += [(address, width, scheme, each["id"], each["nodes"][0]["html"][:160]) for each in found]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append((address, width, scheme, "scrolls sideways"))
    context.close()
    assert not faults, "\n".join(map(str, faults))


def is_page(browser, address):
    response = browser.get(address)
    return response.status_code == 200 and response["Content-Type"].startswith("text/html")

"""The API's documentation in a real browser; open_browser asserts that no foreign request is made."""

import pytest
from playwright.sync_api import expect

from booking.access.api_keys import create_key


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_docs_show_all_operations_on_any_screen(open_browser, production_site, scheme, width):
    page = open_browser(site=production_site, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/api/docs")
    expect(page.locator(".opblock")).to_have_count(48)
    page.locator("#operations-Holds-place_hold .opblock-summary-control").click()
    expect(page.locator("#operations-Holds-place_hold .opblock-body")).to_contain_text("booking_key")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") == (scheme == "dark")


def test_docs_operation_can_be_tried_with_key(open_browser, live_server, transactional_db, dana):
    _, key = create_key(name="the reader", kind="secret", scopes=["read_appointment_types"])
    page = open_browser()
    page.goto("/api/docs")
    page.locator(".auth-wrapper .authorize").first.click()
    page.locator(".auth-container input").fill(key)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.locator(".auth-btn-wrapper .btn-done").click()
    operation = page.locator("#operations-Catalogue-list_clinicians")
    operation.locator(".opblock-summary-control").click()
    # Swagger UI draws the operation anew once it has resolved its references: a click that spans that is lost,
    # a key press is not.
    expect(operation.locator(".opblock-loading-animation")).to_have_count(0)
    operation.get_by_role("button", name="Try it out").press("Enter")
    operation.get_by_role("button", name="Execute").press("Enter")
    answer = operation.locator(".live-responses-table .response").first
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text('"name": "Dana Reed"')


def test_docs_without_javascript_show_introduction(open_browser, live_server, db):
    page = open_browser(javascript=False)
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="Confirm")).to_be_visible()
    expect(page.get_by_text("needs JavaScript")).to_be_visible()

"""The API's documentation in a real browser; open_browser asserts that no foreign request is made."""

from contextlib import suppress

import pytest
from playwright.sync_api import expect

from booking.access.api_keys import create_key
from booking.api.openapi.views import openapi_document


def count_operations(*parts):
    """Return how many operations the OpenAPI document has in these parts, as the page shows them."""
    return sum(len(path) for part in parts for path in openapi_document().get(part, {}).values())


@pytest.mark.proof
def test_docs_show_all_operations_on_any_screen(open_browser, production_site):
    page = open_browser(site=production_site)
    page.goto("/api/docs")
    expect(page.locator(".opblock")).to_have_count(count_operations("paths", "webhooks"))
    page.locator("#operations-Holds-place_hold .opblock-summary-control").click()
    expect(page.locator("#operations-Holds-place_hold .opblock-body")).to_contain_text("booking_key")
    for width in (320, 360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html.dark-mode")).to_have_count(1 if scheme == "dark" else 0)


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
    operation.get_by_role("button", name="Try it out").press("Enter")
    answer = operation.locator(".live-responses-table .response").first
    # Swagger UI draws the operation anew when it has resolved its references: what is pressed meanwhile is lost.
    for _ in range(10):
        operation.get_by_role("button", name="Execute").press("Enter")
        with suppress(AssertionError):
            expect(answer).to_be_visible(timeout=6_000)
            break
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text('"name": "Dana Reed"')


def test_docs_without_javascript_show_everything_to_read(open_browser, live_server, db):
    page = open_browser(javascript=False)
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="Webhooks", level=2)).to_be_visible()
    expect(page.get_by_text("needs JavaScript")).to_be_visible()
    expect(page.locator(".operations > div")).to_have_count(count_operations("paths"))
    expect(page.get_by_role("searchbox")).to_be_hidden()
    page.get_by_text("JavaScript", exact=True).first.click()
    expect(page.locator(".language.javascript")).to_be_visible()
    expect(page.locator(".language.curl")).to_be_hidden()


@pytest.mark.proof
def test_docs_example_is_copied_as_it_is_run_in_the_chosen_language(open_browser, live_server, db):
    page = open_browser()
    page.goto("/api/docs")
    # A browser that does not let us write copies what is selected, but for the last line's end.
    for language, allowed in [("curl", ["clipboard-read"]), ("python", ["clipboard-read", "clipboard-write"])]:
        page.context.clear_permissions()
        page.context.grant_permissions(allowed)
        example = page.locator(f".language.{language} .code")
        example.get_by_role("button").press("Enter")
        expect(example.get_by_role("button")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.rstrip("\n") == example.locator("code").text_content().rstrip("\n")
        page.get_by_role("radio", name="curl").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".language.python")).to_be_visible()
        expect(page.locator(".language.curl")).to_be_hidden()


def test_docs_search_leads_to_sections_and_operations_with_the_keyboard_alone(open_browser, live_server, db):
    page = open_browser()
    page.goto("/api/docs")
    page.keyboard.press("/")
    page.keyboard.type("verify it")
    expect(page.get_by_role("status")).to_have_text("1 place")
    expect(page.locator(".contents")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#webhooks-verify-it")).to_be_focused()
    expect(page.locator("#webhooks-verify-it")).to_be_in_viewport()

    page.get_by_role("searchbox").fill("zebra")
    expect(page.get_by_role("status")).to_have_text("0 places")
    expect(page.locator("#found a")).to_have_count(0)
    page.get_by_role("searchbox").press("Escape")
    expect(page.locator(".contents")).to_be_visible()

    expect(page.locator("#operations-Holds-place_hold.opblock")).to_have_count(1)
    page.get_by_role("searchbox").fill("hold an opening")
    page.locator("#found a").first.press("Enter")
    expect(page.locator("#operations-Holds-place_hold .opblock-body")).to_contain_text("booking_key")

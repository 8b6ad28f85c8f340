"""Staff's sign-in with an app and with a passkey, and its pages in light and dark."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from playwright.sync_api import expect

from booking.models import SignInEvent
from tests.browser.conftest import watch
from tests.browser.test_admin import FIND_FAULTS

PASSWORD = "harbour gulls eat chips"
WIDTHS = (360, 1280)


@pytest.fixture
def erin(transactional_db):
    """A receptionist with a password."""
    return User.objects.create_user("erin", "erin@clinic.example", PASSWORD, is_staff=True)


@pytest.fixture
def page(chromium, live_server):
    """A page of staff. Nothing may go wrong on it."""
    context = chromium.new_context(
        base_url=live_server.url, viewport={"width": 360, "height": 740}, reduced_motion="reduce"
    )
    page, faults = context.new_page(), []
    watch(page, live_server.url, faults)
    yield page
    context.close()
    assert faults == []


def look(page):
    """Assert that the page can be read on a phone and a screen, in light and dark."""
    page.wait_for_load_state()  # a click returns when the next page begins: it may have no element yet
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert (page.url, page.evaluate(FIND_FAULTS)) == (page.url, [])


def sign_in(page):
    page.goto("/admin/")
    page.get_by_label("Username:").fill("erin")
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def lock(page):
    page.get_by_role("button", name="Lock now").click()
    expect(page).to_have_title("Log in | Holdfast")


def test_staff_enrols_an_app_and_signs_in_with_its_code(page, erin):
    page.goto("/admin/")
    look(page)
    sign_in(page)
    page.get_by_role("button", name="erin").click()
    page.get_by_role("link", name="Your sign-in").click()
    look(page)
    page.get_by_role("link", name="Set up an app").click()
    look(page)
    secret = page.get_by_label("Authenticator secret").input_value()

    def read_app():
        return format_hotp_value(hotp_value(secret, int(time.time()) // 30))

    page.get_by_label("Authenticator code").fill(read_app())
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()
    look(page)
    lock(page)

    sign_in(page)
    expect(page.get_by_role("heading", name="Two-Factor Authentication")).to_be_visible()
    look(page)
    page.get_by_label("Code:").fill(read_app())
    page.get_by_role("button", name="Sign In").click()

    expect(page.get_by_role("heading", name="The clinic")).to_be_visible()
    assert SignInEvent.objects.filter(kind="signed_in").latest("id").data == {"methods": ["mfa", "password"]}
    for address in ("totp/deactivate/", "recovery-codes/generate/", "reauthenticate/"):
        page.goto(f"/admin/account/second-factor/{address}")
        look(page)


def test_staff_adds_a_passkey_and_signs_in_with_it_alone(page, erin):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page)
    page.goto("/admin/account/second-factor/webauthn/add/")
    look(page)
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()
    page.goto("/admin/account/second-factor/webauthn/")
    look(page)
    key = Authenticator.objects.get(type="webauthn").pk
    for address in (f"keys/{key}/edit/", f"keys/{key}/remove/", "reauthenticate/"):
        page.goto(f"/admin/account/second-factor/webauthn/{address}")
        look(page)
    page.goto("/admin/password_change/")
    lock(page)

    page.get_by_role("button", name="Log in with a passkey").click()

    expect(page).to_have_title(re.compile("Password change"))
    assert SignInEvent.objects.filter(kind="signed_in").latest("id").data == {"methods": ["mfa"]}


def test_pages_for_a_forgotten_password_can_be_read(page, erin):
    page.goto("/admin/account/password-reset/")
    look(page)
    page.get_by_label("Email address:").fill("erin@clinic.example")
    page.get_by_role("button", name="Reset my password").click()
    expect(page).to_have_title(re.compile("Password reset sent"))
    look(page)

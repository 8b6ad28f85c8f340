"""Sign-in with the clinic's own sign-in service."""

import urllib.request
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client

from booking.models import SignInEvent
from tests.booking.admin.pages import get_text
from tests.oidc_provider import CLIENT, run_provider

START = "/admin/account/oidc/clinic/login/"
NOBODY = "Nobody of this clinic’s staff was found"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


@pytest.fixture
def provider(settings):
    """The clinic's sign-in service, where Erin has an account."""
    with run_provider() as provider:
        app = {
            "provider_id": "clinic",
            "name": "Harbour Accounts",
            **CLIENT,
            "settings": {"server_url": provider.issuer},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        provider.person = {"sub": "erin-1", "email": "Erin@clinic.example", "email_verified": True, "name": "Erin"}
        yield provider


@pytest.fixture
def erin(db):
    """A receptionist without a password."""
    return User.objects.create_user("erin", "erin@clinic.example", is_staff=True)


def sign_in(browser=None, start=START + "?next=/admin/patients/patient/"):
    """Go to the service and come back; return the answer to that."""
    browser = browser or Client()
    try:
        urllib.request.build_opener(NoRedirect).open(browser.get(start)["Location"])
    except HTTPError as redirect:
        back = urlsplit(redirect.headers["Location"])
    return browser.get(f"{back.path}?{back.query}")


def test_person_with_verified_address_of_staff_is_connected_and_signed_in(provider, erin):
    response = sign_in()

    assert response["Location"] == "/admin/patients/patient/"
    account = SocialAccount.objects.get()
    assert (account.user_id, account.provider, account.uid) == (erin.pk, "clinic", "erin-1")
    kinds = SignInEvent.objects.filter(user=erin).order_by("id").values_list("kind", "data")
    assert list(kinds)[1:] == [
        ("rights_changed", {"connected": "clinic"}),
        ("signed_in", {"methods": ["socialaccount"]}),
    ]


def test_connected_person_is_signed_in_whatever_address_they_have_now(provider, erin):
    sign_in()
    provider.person = {"sub": "erin-1", "email": "married@elsewhere.example", "email_verified": False}

    assert sign_in()["Location"] == "/admin/patients/patient/"


@pytest.mark.parametrize(
    "claims",
    [{"email": "nobody@clinic.example"}, {"email_verified": False}, {"email_verified": "no"}, {"email": None}],
)
def test_unknown_person_is_refused_and_nobody_is_made(provider, erin, claims):
    provider.person |= claims
    browser = Client()

    assert sign_in(browser)["Location"] == "/admin/login/"

    assert NOBODY in get_text(browser.get("/admin/login/"))
    assert (User.objects.count(), SocialAccount.objects.count()) == (1, 0)
    assert browser.get("/admin/").status_code == 302


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
def test_user_who_is_no_staff_is_not_connected_or_signed_in(provider, erin, change):
    User.objects.filter(pk=erin.pk).update(**change)

    assert sign_in()["Location"] == "/admin/login/"
    assert not SocialAccount.objects.exists()


def test_address_of_two_users_connects_neither(provider, erin):
    User.objects.create_user("erin2", "erin@clinic.example", is_staff=True)

    assert sign_in()["Location"] == "/admin/login/"
    assert not SocialAccount.objects.exists()


def test_address_that_somebody_else_has_now_opens_no_connected_account(provider, erin):
    sign_in()
    provider.person["sub"] = "another-erin"

    assert sign_in()["Location"] == "/admin/login/"
    assert SocialAccount.objects.get().uid == "erin-1"


def test_connected_user_with_second_factor_is_asked_for_it(provider, erin):
    TOTP.activate(erin, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")

    assert sign_in()["Location"] == "/admin/account/second-factor/authenticate/"


@pytest.mark.parametrize("trusted", [True, False])
def test_service_counts_as_second_factor_only_if_the_setting_says_so(provider, admin_user, settings, trusted):
    settings.SECOND_FACTOR_GROUPS, settings.OIDC_HAS_SECOND_FACTOR = ["superusers"], trusted
    provider.person |= {"email": admin_user.email}
    browser = Client()
    sign_in(browser)

    assert browser.get("/admin/").status_code == (200 if trusted else 302)


def test_signed_in_user_connects_an_account_with_another_address(provider, erin):
    provider.person |= {"email": "erin@elsewhere.example"}
    browser = Client()
    browser.force_login(erin)

    assert sign_in(browser, START + "?process=connect")["Location"] == "/admin/account/second-factor/"
    assert SocialAccount.objects.get().user_id == erin.pk
    assert sign_in()["Location"] == "/admin/patients/patient/"


def test_link_of_another_site_connects_no_account(provider, erin):
    browser = Client()
    browser.force_login(erin)

    response = browser.get(START, {"process": "connect"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert response["Location"] == "/admin/account/second-factor/"


def test_answer_that_was_not_asked_for_signs_nobody_in(provider, erin):
    browser = Client()

    assert browser.get(START + "callback/?code=x&state=y")["Location"] == "/admin/login/"
    assert "did not work" in get_text(browser.get("/admin/login/"))


def test_service_that_is_away_is_said_so(provider, erin):
    provider.shutdown()
    provider.server_close()
    browser = Client()

    assert browser.get(START)["Location"] == "/admin/login/"


def test_login_page_offers_the_service_by_its_name(provider, client, db):
    assert "Log in with Harbour Accounts" in get_text(client.get("/admin/login/"))


def test_installation_without_service_has_no_such_pages(client, db):
    assert client.get(START).status_code == 404
    assert client.get(START + "callback/?code=x&state=y").status_code == 404

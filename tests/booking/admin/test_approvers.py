"""Managers configure approvers; the secret of another system is shown once."""

import re
from datetime import timedelta

import pytest

from booking.access.signatures import make_secret
from booking.models import Provider
from tests.booking.admin.pages import get_text, list_messages, url

PROVIDERS = "booking_provider"


@pytest.fixture
def form(harbour):
    """The add form for another system at Harbour Street."""
    return {
        "name": "The lab",
        "slug": "lab",
        "kind": "upstream",
        "locations": [str(harbour.pk)],
        "answer_within": "20 min",
        "url": "https://192.88.98.1/holdfast",
        "is_active": "on",
    }


def find_secret(response):
    return re.search(r"whsec_[A-Za-z0-9+/=]+", response.content.decode())


def test_upstream_secret_is_shown_only_after_creation(morgan, form, harbour):
    response = morgan.post(url(PROVIDERS, "add"), form)

    provider = Provider.objects.get()
    assert find_secret(response)[0] == provider.secret
    assert (provider.answer_within, list(provider.locations.all())) == (timedelta(minutes=20), [harbour])
    assert not find_secret(morgan.get(url(PROVIDERS, "change", provider.pk)))
    assert not find_secret(morgan.get(url(PROVIDERS)))


def test_staff_approver_has_no_secret(morgan, form):
    response = morgan.post(url(PROVIDERS, "add"), form | {"kind": "staff", "url": ""})

    assert response.status_code == 302
    assert Provider.objects.get().secret == ""


@pytest.mark.parametrize(
    "address", ["", "http://lab.example/", "https://127.0.0.1/", "https://10.0.0.1/", "https://192.88.98.1/?a=b", "lab"]
)
def test_approver_with_unusable_address_is_refused(morgan, form, address):
    response = morgan.post(url(PROVIDERS, "add"), form | {"url": address})

    assert response.status_code == 200
    assert not Provider.objects.exists()


def test_approver_without_services_and_locations_warns(morgan, form):
    nothing = form | {"kind": "staff", "url": "", "locations": []}

    response = morgan.post(url(PROVIDERS, "add"), nothing)

    assert "The lab is asked for nothing yet: it has no services and no locations." in list_messages(response)
    response = morgan.post(url(PROVIDERS, "add"), nothing | {"name": "Off", "slug": "off", "is_active": ""})
    assert not any("asked for nothing" in sentence for sentence in list_messages(response)[2:])


def test_second_active_approver_of_service_is_refused(morgan, form):
    morgan.post(url(PROVIDERS, "add"), form)

    response = morgan.post(url(PROVIDERS, "add"), form | {"name": "Others", "slug": "others"})
    assert "Some of these have an approver already: The lab." in get_text(response)
    assert Provider.objects.count() == 1

    form.pop("is_active")
    morgan.post(url(PROVIDERS, "add"), form | {"name": "Others", "slug": "others"})
    assert Provider.objects.count() == 2


def test_rotate_approver_secret_replaces_and_shows_it_once(morgan, lab):
    response = morgan.post(url(PROVIDERS, "rotate", lab.provider.pk))

    provider = Provider.objects.get()
    assert find_secret(response)[0] == provider.secret != lab.secret


def test_check_approver_reports_whether_it_answers(morgan, lab):
    check = url(PROVIDERS, "check", lab.provider.pk)

    assert list_messages(morgan.post(check)) == ["The lab is there and takes our signature."]
    lab.behaviour = "down"
    assert list_messages(morgan.post(check))[-1] == "The lab does not answer: HTTP 503."


def test_check_approver_with_wrong_secret_reports_error(morgan, lab):
    provider = lab.provider
    provider.secret = make_secret()
    provider.save()

    response = morgan.post(url(PROVIDERS, "check", lab.provider.pk))

    assert list_messages(response) == ["The lab does not answer: HTTP 401."]
    assert lab.faults == ["GET / without a good signature"]
    lab.faults.clear()


def test_approvers_are_for_managers_only(erin, danas_browser, lab):
    for browser in (erin, danas_browser):
        assert browser.get(url(PROVIDERS)).status_code == 403
        assert browser.post(url(PROVIDERS, "rotate", lab.provider.pk)).status_code == 403
        assert browser.post(url(PROVIDERS, "check", lab.provider.pk)).status_code == 403
    assert Provider.objects.get().secret == lab.secret


def test_approver_buttons_with_get_change_nothing(morgan, lab):
    for name in ("rotate", "check"):
        assert morgan.get(url(PROVIDERS, name, lab.provider.pk)).status_code == 405
    assert Provider.objects.get().secret == lab.secret


def test_approver_delete_is_refused(morgan, lab):
    assert morgan.post(url(PROVIDERS, "delete", lab.provider.pk), {"post": "yes"}).status_code == 403

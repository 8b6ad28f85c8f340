"""Managers say who must acknowledge what; another system's secret is shown once."""

import re
from datetime import timedelta

import pytest

from booking.access.signatures import make_secret
from booking.models import Provider
from tests.booking.admin.pages import said, shown, url

PROVIDERS = "booking_provider"


@pytest.fixture
def form(harbour):
    """What a manager fills in for another system at Harbour Street."""
    return {
        "name": "The lab",
        "slug": "lab",
        "kind": "upstream",
        "locations": [str(harbour.pk)],
        "answer_within": "20 min",
        "url": "https://192.88.98.1/holdfast",
        "is_active": "on",
    }


def secret_on(response):
    return re.search(r"whsec_[A-Za-z0-9+/=]+", response.content.decode())


def test_another_systems_secret_is_shown_once(morgan, form, harbour):
    response = morgan.post(url(PROVIDERS, "add"), form)

    provider = Provider.objects.get()
    assert secret_on(response)[0] == provider.secret
    assert (provider.answer_within, list(provider.locations.all())) == (timedelta(minutes=20), [harbour])
    assert not secret_on(morgan.get(url(PROVIDERS, "change", provider.pk)))
    assert not secret_on(morgan.get(url(PROVIDERS)))


def test_staff_have_no_secret(morgan, form):
    response = morgan.post(url(PROVIDERS, "add"), form | {"kind": "staff", "url": ""})

    assert response.status_code == 302
    assert Provider.objects.get().secret == ""


@pytest.mark.parametrize(
    "address", ["", "http://lab.example/", "https://127.0.0.1/", "https://10.0.0.1/", "https://192.88.98.1/?a=b", "lab"]
)
def test_an_address_that_cannot_be_used_is_refused(morgan, form, address):
    response = morgan.post(url(PROVIDERS, "add"), form | {"url": address})

    assert response.status_code == 200
    assert not Provider.objects.exists()


def test_who_is_asked_for_nothing_is_told_of(morgan, form):
    nothing = form | {"kind": "staff", "url": "", "locations": []}

    response = morgan.post(url(PROVIDERS, "add"), nothing)

    assert "The lab is asked for nothing yet: it has no services and no locations." in said(response)
    response = morgan.post(url(PROVIDERS, "add"), nothing | {"name": "Off", "slug": "off", "is_active": ""})
    assert not any("asked for nothing" in sentence for sentence in said(response)[2:])


def test_two_cannot_be_asked_for_one_thing(morgan, form):
    morgan.post(url(PROVIDERS, "add"), form)

    response = morgan.post(url(PROVIDERS, "add"), form | {"name": "Others", "slug": "others"})
    assert "Some of these have an approver already: The lab." in shown(response)
    assert Provider.objects.count() == 1

    form.pop("is_active")
    morgan.post(url(PROVIDERS, "add"), form | {"name": "Others", "slug": "others"})
    assert Provider.objects.count() == 2


def test_a_new_secret_takes_the_place_of_the_old_one_and_is_shown_once(morgan, lab):
    response = morgan.post(url(PROVIDERS, "rotate", lab.provider.pk))

    provider = Provider.objects.get()
    assert secret_on(response)[0] == provider.secret != lab.secret


def test_it_is_asked_whether_it_is_there(morgan, lab):
    check = url(PROVIDERS, "check", lab.provider.pk)

    assert said(morgan.post(check)) == ["The lab is there and takes our signature."]
    lab.behaviour = "down"
    assert said(morgan.post(check))[-1] == "The lab does not answer: HTTP 503."


def test_who_asks_with_another_secret_is_told(morgan, lab):
    provider = lab.provider
    provider.secret = make_secret()
    provider.save()

    response = morgan.post(url(PROVIDERS, "check", lab.provider.pk))

    assert said(response) == ["The lab does not answer: HTTP 401."]
    assert lab.faults == ["GET / without a good signature"]
    lab.faults.clear()


def test_only_managers_may(erin, danas_browser, lab):
    for browser in (erin, danas_browser):
        assert browser.get(url(PROVIDERS)).status_code == 403
        assert browser.post(url(PROVIDERS, "rotate", lab.provider.pk)).status_code == 403
        assert browser.post(url(PROVIDERS, "check", lab.provider.pk)).status_code == 403
    assert Provider.objects.get().secret == lab.secret


def test_looking_at_a_button_does_nothing(morgan, lab):
    for name in ("rotate", "check"):
        assert morgan.get(url(PROVIDERS, name, lab.provider.pk)).status_code == 405
    assert Provider.objects.get().secret == lab.secret


def test_none_is_deleted(morgan, lab):
    assert morgan.post(url(PROVIDERS, "delete", lab.provider.pk), {"post": "yes"}).status_code == 403

"""Client identity behind proxies, over IPv6, and without disclosing addresses."""

import pytest
from django.test import RequestFactory

from booking.access.client_identity import get_address, get_network_id, get_networks


def request(address="192.0.2.7", forwarded=None, browser="Firefox"):
    headers = {"User-Agent": browser} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    return RequestFactory().get("/", REMOTE_ADDR=address, headers=headers)


def test_forwarded_address_without_trusted_proxies_is_ignored():
    assert str(get_address(request(forwarded="203.0.113.1"))) == "192.0.2.7"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "1.2.3.4, 203.0.113.1", "203.0.113.1"),
        (2, "1.2.3.4, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1", "203.0.113.1"),
        (1, "nonsense", "None"),
        (1, None, "192.0.2.7"),
    ],
)
def test_address_behind_proxies_is_entry_of_outermost_proxy(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies

    assert str(get_address(request(forwarded=forwarded))) == address


def test_ipv4_mapped_address_is_ipv4():
    assert str(get_address(request("::ffff:192.0.2.7"))) == "192.0.2.7"


def test_networks_do_not_depend_on_browser():
    assert get_networks(request()) == get_networks(request(browser="Safari"))
    assert get_networks(request()) != get_networks(request("192.0.2.8"))


def test_networks_of_ipv4_are_one():
    network, *wider = get_networks(request())

    assert (network, wider) == (get_network_id(request()), ["", ""])


@pytest.mark.parametrize(
    ("neighbour", "is_same"),
    [
        ("2001:db8:1:2ff:ffff::9", [True, True, True]),
        ("2001:db8:1:200::1", [False, True, True]),
        ("2001:db8:1:3ff::1", [False, False, True]),
        ("2001:db8:2:2ff::1", [False, False, False]),
    ],
)
def test_networks_of_ipv6_are_its_64_56_and_48(neighbour, is_same):
    pairs = zip(get_networks(request("2001:db8:1:2ff::1")), get_networks(request(neighbour)), strict=True)

    assert [one == other for one, other in pairs] == is_same


def test_networks_of_one_address_are_different_pseudonyms():
    assert len(set(get_networks(request("2001:db8::1")))) == 3


def test_networks_depend_on_secret_key(settings):
    before = get_networks(request("2001:db8::1"))
    settings.SECRET_KEY = "another"

    assert not set(get_networks(request("2001:db8::1"))) & set(before)
    assert {len(each) for each in before} == {64}


def test_network_without_address_exists():
    assert len(get_networks(request("")).network) == 64

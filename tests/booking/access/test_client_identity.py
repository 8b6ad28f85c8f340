"""Client identity behind proxies, over IPv6, and without disclosing addresses."""

import pytest
from django.test import RequestFactory

from booking.access.client_identity import get_address, get_visitor_id


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


def test_visitor_id_depends_on_network_and_browser():
    assert get_visitor_id(request()) == get_visitor_id(request())
    assert len({get_visitor_id(r) for r in (request(), request(browser="Safari"), request("192.0.2.8"))}) == 3


def test_visitor_id_is_same_within_ipv6_64():
    assert get_visitor_id(request("2001:db8:1:2::1")) == get_visitor_id(request("2001:db8:1:2:ffff::9"))
    assert get_visitor_id(request("2001:db8:1:2::1")) != get_visitor_id(request("2001:db8:1:3::1"))


def test_visitor_id_depends_on_secret_key(settings):
    before = get_visitor_id(request())
    settings.SECRET_KEY = "another"

    assert get_visitor_id(request()) != before
    assert len(before) == 64


def test_visitor_id_without_address_exists():
    assert len(get_visitor_id(request(""))) == 64

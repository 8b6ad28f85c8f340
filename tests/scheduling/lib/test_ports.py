"""Addresses that somebody typed are called on the ports of https only, and on those that the operator names."""

import pytest

from scheduling.lib.addresses import NotPublic, find_refused_port, resolve


@pytest.mark.parametrize("port", [1, 22, 25, 80, 444, 5432, 6379, 8000, 8442, 8444, 9000, 65535])
def test_resolve_rejects_public_address_on_other_port(port):
    with pytest.raises(NotPublic, match=f"port {port} is not in use"):
        resolve(f"https://8.8.8.8:{port}/hooks")


@pytest.mark.parametrize("address", ["https://8.8.8.8/", "https://8.8.8.8:443/", "https://8.8.8.8:8443/"])
def test_resolve_accepts_ports_of_https(address):
    assert resolve(address).ips == ("8.8.8.8",)
    assert find_refused_port(address) is None


def test_resolve_accepts_port_that_private_hosts_names(settings):
    settings.PRIVATE_HOSTS = ["8.8.8.8:5232"]
    assert resolve("https://8.8.8.8:5232/dana").port == 5232
    with pytest.raises(NotPublic):
        resolve("https://8.8.8.8:5233/dana")


def test_find_refused_port_names_host_and_port(settings):
    settings.PRIVATE_HOSTS = ["radicale.internal:5232"]
    assert find_refused_port("https://Practice.example:9000/hooks?token=1") == "practice.example:9000"
    assert find_refused_port("https://[2606:4700::1111]:9000/") == "[2606:4700::1111]:9000"
    assert find_refused_port("http://radicale.internal:5232/dana") is None
    assert find_refused_port("") is None

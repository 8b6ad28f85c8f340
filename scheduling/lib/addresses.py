"""Addresses that somebody has typed in: which are on the public internet, and where they lead."""

import re
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

# Nothing that two programs could read in two ways: no user, no backslash, no space, no character that
# is not ASCII, and of the ways to write an IP address the usual one. A name ends in a letter's label,
# which 127.1, 0x7f.1 and 2130706433 do not.
ADDRESS = re.compile(
    r"""(?P<scheme>https?)://
        (?P<host>(?P<name>([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?)
               |(?P<ipv4>[0-9.]{7,15})
               |\[(?P<ipv6>[0-9a-f]{0,4}:[0-9a-f:.]{1,40})\])
        (:(?P<port>[1-9][0-9]{0,4}))?
        (?P<path>[/?][!$-;=?-\[\]-~]*)?
        (\#[!#-;=?-\[\]-~]*)?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
USUAL_PORTS = {"http": 80, "https": 443}

# Of IPv6 only what is given out to networks is public, and not what carries an IPv4 address inside.
PUBLIC_IPV6 = ip_network("2000::/3")
TUNNELS = [ip_network(text) for text in ("2001::/23", "2002::/16")]  # Teredo and its like, 6to4
# Protocols' own, 6to4's relays, documentation; and where a cloud answers its own machines.
SPECIAL = [ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "168.63.129.16")]

LOOKUP_TIMEOUT = 2.0  # seconds that a web request waits for the name of an address to be resolved
MAX_IPS = 4


class NotPublic(Exception):
    """The address is not https, or does not lead to the public internet."""

    message = _("That address cannot be used: it must be https, and on the public internet.")


class Unreachable(Exception):
    """The server did not answer in time, or not in HTTP."""

    message = _("There was no answer in time, or none that could be read.")


class Target(NamedTuple):
    """Where a checked address is: connect to ``ips`` and nowhere else, for a name may resolve differently later.

    ``host`` is what its certificate must be for, ``netloc`` what the header Host says.
    """

    scheme: str
    host: str
    netloc: str
    port: int
    path: str
    ips: tuple


def resolve(url, *, timeout=5.0):
    """Return the Target of an address, or raise NotPublic or Unreachable; a name is resolved once, here."""
    parts = ADDRESS.fullmatch(url)
    if not parts:
        raise NotPublic
    scheme, netloc = parts["scheme"].lower(), parts["host"].lower()
    usual = USUAL_PORTS[scheme]
    port = int(parts["port"] or usual)
    is_private_by_choice = f"{netloc}:{port}" in settings.PRIVATE_HOSTS
    if port > 65535 or not (scheme == "https" or is_private_by_choice):
        raise NotPublic
    ips = _look_up(netloc, port, timeout) if parts["name"] else [parts["ipv4"] or parts["ipv6"]]
    # One that is not public is enough: a name that has both is up to something.
    if not is_private_by_choice and not all(is_public(ip) for ip in ips):
        raise NotPublic
    path = parts["path"] or "/"
    return Target(
        scheme,
        netloc.strip("[]"),
        netloc if port == usual else f"{netloc}:{port}",
        port,
        path if path.startswith("/") else f"/{path}",
        tuple(ips[:MAX_IPS]),
    )


def is_public(text):
    """Return whether a text is an IP address on the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if address.is_multicast or not address.is_global or any(address in net for net in SPECIAL):
        return False
    if isinstance(address, IPv6Address):
        # Left out by the first: those that are an IPv4 address (mapped, compatible, NAT64), and zones.
        return address.scope_id is None and address in PUBLIC_IPV6 and not any(address in net for net in TUNNELS)
    return True


def _look_up(name, port, timeout):
    """Return the IP addresses of a name, those to try first coming first."""
    answer = Future()

    def ask():
        try:
            answer.set_result(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 (it is raised where it is waited for)
            answer.set_exception(error)

    # A name server that says nothing keeps its asker for half a minute, and nothing can interrupt that.
    threading.Thread(target=ask, daemon=True).start()
    with suppress(OSError, UnicodeError):  # TimeoutError is one
        if found := answer.result(timeout=timeout):
            return list(dict.fromkeys(entry[4][0] for entry in found))
    raise Unreachable("its name cannot be resolved")

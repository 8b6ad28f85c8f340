"""Check typed addresses: reject all that do not lead to the public internet, and resolve the others once."""

import re
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

# Reject whatever two parsers could read differently: user info, backslashes, spaces, non-ASCII characters and
# unusual notations of an IP address. The last label of a name begins with a letter, unlike 127.1, 0x7f.1
# and 2130706433.
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
DEFAULT_PORTS = {"http": 80, "https": 443}
# On other ports answer mail servers, databases and the like, which must not be spoken to in a stranger's words.
PUBLIC_PORTS = {443, 8443}

# Of IPv6 only global unicast is public, without the ranges that embed an IPv4 address.
PUBLIC_IPV6 = ip_network("2000::/3")
TUNNELS = [ip_network(text) for text in ("2001::/23", "2002::/16")]  # Teredo and similar, 6to4
# Protocol assignments, 6to4 relays, documentation, and the address where a cloud serves its own machines.
RESERVED = [ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "168.63.129.16")]

LOOKUP_TIMEOUT = 2.0  # seconds that a web request waits for a name to be resolved
MAX_IPS = 4


class NotPublic(Exception):
    """The address is not https on one of PUBLIC_PORTS, or does not lead to the public internet."""

    message = _("That address cannot be used: it must be https on port 443 or 8443, and on the public internet.")


class Unreachable(Exception):
    """The server did not answer in time, or not in HTTP."""

    message = _("There was no answer in time, or none that could be read.")


class Target(NamedTuple):
    """A checked address. Connect to ``ips`` only: the name may resolve differently later.

    ``host`` is the name that the certificate must have, ``netloc`` the value of the Host header.
    """

    scheme: str
    host: str
    netloc: str
    port: int
    path: str
    ips: tuple[str, ...]


def resolve(url: str, *, timeout: float = 5.0) -> Target:
    """Return the Target of an address, or raise NotPublic or Unreachable. The only place that resolves its name."""
    parts = ADDRESS.fullmatch(url)
    if not parts:
        raise NotPublic
    scheme, netloc = parts["scheme"].lower(), parts["host"].lower()
    default_port = DEFAULT_PORTS[scheme]
    port = int(parts["port"] or default_port)
    is_allowed_private = f"{netloc}:{port}" in settings.PRIVATE_HOSTS
    if port > 65535 or not (scheme == "https" or is_allowed_private):
        raise NotPublic
    if not (port in PUBLIC_PORTS or is_allowed_private):
        raise NotPublic(f"port {port} is not in use: only 443, 8443 and PRIVATE_HOSTS are")
    ips = _look_up(netloc, port, timeout) if parts["name"] else [parts["ipv4"] or parts["ipv6"]]
    # One private address is enough to refuse: a name with both kinds is suspicious.
    if not is_allowed_private and not all(is_public(ip) for ip in ips):
        raise NotPublic
    path = parts["path"] or "/"
    return Target(
        scheme,
        netloc.strip("[]"),
        netloc if port == default_port else f"{netloc}:{port}",
        port,
        path if path.startswith("/") else f"/{path}",
        tuple(ips[:MAX_IPS]),
    )


def find_refused_port(url: str) -> str | None:
    """Return the ``host:port`` of an address whose port resolve refuses, or None."""
    parts = ADDRESS.fullmatch(url)
    if not parts:
        return None
    port = int(parts["port"] or DEFAULT_PORTS[parts["scheme"].lower()])
    netloc = f"{parts['host'].lower()}:{port}"
    return None if port in PUBLIC_PORTS or netloc in settings.PRIVATE_HOSTS else netloc


def is_public(text: str) -> bool:
    """Return whether ``text`` is an IP address on the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if address.is_multicast or not address.is_global or any(address in net for net in RESERVED):
        return False
    if isinstance(address, IPv6Address):
        # PUBLIC_IPV6 has no IPv4-mapped, IPv4-compatible or NAT64 address.
        return address.scope_id is None and address in PUBLIC_IPV6 and not any(address in net for net in TUNNELS)
    return True


def _look_up(name, port, timeout):
    """Return the IP addresses of a name in the order in which to try them."""
    answer: Future[list[Any]] = Future()

    def look_up():
        try:
            answer.set_result(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 (raised again by result())
            answer.set_exception(error)

    # In a thread: a silent name server blocks getaddrinfo for half a minute, and nothing can interrupt it.
    threading.Thread(target=look_up, daemon=True).start()
    with suppress(OSError, UnicodeError):  # TimeoutError is one
        if found := answer.result(timeout=timeout):
            return list(dict.fromkeys(entry[4][0] for entry in found))
    raise Unreachable("its name cannot be resolved")

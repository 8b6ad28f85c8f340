"""The identity of an anonymous client, without cookies: address, network, pseudonymous visitor id."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac


def get_address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """Return the client's IPv4Address or IPv6Address, or None when it is unknown.

    Behind ``TRUSTED_PROXIES`` proxies it is the X-Forwarded-For entry that the outermost proxy wrote. Entries to the
    left of it come from the client and are ignored.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        text = hops[-settings.TRUSTED_PROXIES :][0].strip() or text
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def get_visitor_id(request: HttpRequest) -> str:
    """Return a pseudonymous visitor id (an HMAC of network and browser), used for hold limits."""
    return _pseudonymize(f"{get_network(request)}\n{request.headers.get('User-Agent', '')}")


def get_network_id(request: HttpRequest) -> str:
    """Return a pseudonymous id of the client's network, which the client cannot choose like its User-Agent."""
    return _pseudonymize(get_network(request))


def get_network(request: HttpRequest) -> str:
    """Return the client's network as text: its IPv4 address, or the /64 that one home has of IPv6."""
    address = get_address(request)
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)


def _pseudonymize(text):
    return salted_hmac("booking.holder", text, algorithm="sha256").hexdigest()  # pyright: ignore[reportCallIssue]

"""The identity of an anonymous client, without cookies: its address, and pseudonyms of its networks."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from booking.models import Networks


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


def get_networks(request: HttpRequest) -> Networks:
    """Return the pseudonyms of the client's Networks, which it cannot choose like its User-Agent."""
    address = get_address(request)
    if not isinstance(address, IPv6Address):
        return Networks(_pseudonymize(str(address)))
    text = address.exploded
    # The first 64, 56 and 48 bits: what one home has, and what providers give to larger customers.
    return Networks(_pseudonymize(text[:19]), _pseudonymize(f"{text[:17]}/56"), _pseudonymize(f"{text[:14]}/48"))


def get_network_id(request: HttpRequest) -> str:
    """Return the pseudonym of the client's narrowest network."""
    return _pseudonymize(get_network(request))


def get_widest_network_id(request: HttpRequest) -> str:
    """Return the pseudonym of the client's widest network: with all of a /48 one customer has 65,536 of a /64."""
    return [network for network in get_networks(request) if network][-1]


def get_network(request: HttpRequest) -> str:
    """Return the client's network as text: its IPv4 address, or the /64 that one home has of IPv6."""
    address = get_address(request)
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)


def _pseudonymize(text):
    return salted_hmac("booking.holder", text, algorithm="sha256").hexdigest()  # pyright: ignore[reportCallIssue]

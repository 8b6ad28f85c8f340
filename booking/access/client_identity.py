"""Who is asking, as far as that can be known without a cookie."""

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.utils.crypto import salted_hmac


def get_address(request):
    """Return the client's IPv4Address or IPv6Address, or None when it is unknown.

    Behind ``TRUSTED_PROXIES`` proxies it is the entry of X-Forwarded-For that the outermost of them
    wrote; what stands left of it came from the client and is not believed.
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


def get_visitor_id(request):
    """Return a name for an anonymous visitor, to count live holds by. No address can be read from it."""
    return _hidden(f"{get_network(request)}\n{request.headers.get('User-Agent', '')}")


def get_network_id(request):
    """Return a name for where the client is, likewise: a browser can say that it is another one, but not elsewhere."""
    return _hidden(get_network(request))


def get_network(request):
    """Return what of the client's address is the same for one home, as text: it has a whole /64 of IPv6."""
    address = get_address(request)
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)


def _hidden(text):
    return salted_hmac("booking.holder", text, algorithm="sha256").hexdigest()

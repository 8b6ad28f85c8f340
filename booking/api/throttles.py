"""How many requests a minute an address, a key and a site may make, counted exactly across processes in Redis.

DRF's own throttles read and write a cache in two steps, so that most of a burst gets through.
"""

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from booking.access.client_identity import get_network, get_networks
from booking.access.rate_limits import Usage, counter
from booking.api.cors import is_allowed_origin

ADDRESS_LIMIT = 1_200  # requests a minute; a clinic's whole waiting room may share one address
SITE_FACTOR = 10  # how many times a publishable key's limit for one network is its limit for all


class RedisThrottle(BaseThrottle):
    """Count a request under ``policy``; while Redis is away nothing is counted, and every request is allowed.

    ``usage`` is the Usage that was counted, or None. ``is_reported`` says whether all answers tell it in their
    RateLimit headers, or only the refusal.
    """

    policy: str
    is_reported = False
    usage: Usage | None = None

    def get_subject(self, request) -> str | None:
        """Return whose requests are counted together, or None if this one is not counted."""
        raise NotImplementedError

    def get_limit(self, request) -> int:
        raise NotImplementedError

    def allow_request(self, request, view) -> bool:
        subject = self.get_subject(request)
        if subject is None:
            return True
        self.usage = self.count(request, subject)
        return not (self.usage and self.usage.is_exceeded)

    def count(self, request, subject) -> Usage | None:
        return counter().count(self.policy, subject, self.get_limit(request))

    def wait(self) -> int:
        return self.usage.resets_in


class AddressThrottle(RedisThrottle):
    """Limit a network that shows a publishable key or none that is valid; a server has its key's limit instead."""

    policy = "address"

    def get_subject(self, request):
        is_server = request.auth is not None and not getattr(request.auth, "is_publishable", False)
        return None if is_server else get_network(request)

    def get_limit(self, request):
        return ADDRESS_LIMIT


class ApiKeyThrottle(RedisThrottle):
    """Limit a key; a publishable one network by network, so that no visitor uses it up for the others."""

    policy = "key"
    is_reported = True

    def get_subject(self, request):
        key = request.auth
        if key is None or not is_allowed_origin(request):  # to be refused: other sites must not use the key up
            return None
        return f"{key.holder} {get_network(request)}" if key.is_publishable else str(key.holder)

    def get_limit(self, request):
        return request.auth.requests_per_minute


class SiteThrottle(RedisThrottle):
    """Limit all visitors with a publishable key together, and refuse only the loud when that is used up.

    A network is all that one customer of a provider has, so that a loud one cannot pass for many.
    """

    policy = "site"

    def get_subject(self, request):
        key = request.auth
        return str(key.holder) if key is not None and key.is_publishable and is_allowed_origin(request) else None

    def get_limit(self, request):
        return request.auth.requests_per_minute * SITE_FACTOR

    def count(self, request, subject):
        widest = [network for network in get_networks(request) if network][-1]
        return counter().count_share(self.policy, subject, widest, self.get_limit(request))


class SearchThrottle(SiteThrottle):
    """Limit what a network asks of the search with a publishable key: it is the dearest of what anybody may ask."""

    policy = "search"

    def count(self, request, subject):
        return counter().count_networks(self.policy, get_networks(request), settings.SEARCHES_PER_NETWORK)

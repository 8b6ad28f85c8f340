"""Who has written something so lately that a replica may not have it yet. Kept in Redis, for all web servers.

Who is a secret key's holder; everybody else is their network. Nothing is kept where there are no replicas.
"""

from django.conf import settings
from django.http import HttpRequest

from booking.access.client_identity import get_network_id
from booking.access.optional_redis import optional_redis


def note(request: HttpRequest) -> None:
    """Remember that who sends a request has written, or been told of something new, a second longer than needed."""
    if settings.REPLICAS:
        milliseconds = 1000 * (settings.REPLICA_MAX_LAG + 1)
        optional_redis().ask(lambda redis: redis.set(_name(request), 1, px=milliseconds))


def has_written(request: HttpRequest) -> bool:
    """Return whether that was a moment ago, or cannot be known since Redis is down."""
    return optional_redis().ask(lambda redis: redis.exists(_name(request))) != 0


def _name(request):
    key = getattr(request, "auth", None)
    writer = key.holder if key and not key.is_publishable else get_network_id(request)
    return f"holdfast-wrote:{writer}"

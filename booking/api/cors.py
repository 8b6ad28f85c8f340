"""Which site's pages may call the API: exactly those that a key names."""

import re

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from booking.models import ApiKey, validate_origin


def get_origin(request) -> str | None:
    """Return the origin of the page that asks, or None: browsers say none when a page reads from its own site."""
    if "Origin" not in request.headers and request.headers.get("Sec-Fetch-Site") == "same-origin":
        return f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Origin")


def is_allowed_origin(request) -> bool:
    """Return whether the page that asks may use the request's key; a secret key is not for pages."""
    key = request.auth
    return not key.is_publishable or get_origin(request) in key.allowed_origins


def allow_origin(sender, request, **kwargs) -> bool:
    """Return whether the request's origin may see the answer.

    A preflight carries no key, and booking.ops.request_limits refuses before keys are read, so any live key that
    lists the origin will do; other requests are answered only for the origins of their own key, which DRF has
    already set as ``request.auth``.
    """
    origin = request.headers.get("Origin")
    key = getattr(request, "auth", None)
    if isinstance(key, ApiKey):
        return origin in key.allowed_origins
    is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    is_unread = getattr(request, "is_refused_unread", False)
    return (is_preflight or is_unread) and re.match(settings.CORS_URLS_REGEX, request.path_info) and _is_listed(origin)


def _is_listed(origin):
    try:
        validate_origin(origin or "")
    except ValidationError:
        return False
    live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(live, revoked_at=None, allowed_origins__contains=[origin]).exists()


check_request_enabled.connect(allow_origin, dispatch_uid="booking.api.cors")

"""Which site's pages may call the API: exactly those that a key names."""

from corsheaders.signals import check_request_enabled
from django.db.models import Q
from django.utils import timezone

from ..models import ApiKey


def allow_origin(sender, request, **kwargs):
    """Return whether the request's origin may see the answer.

    A preflight carries no key, so any live key that lists the origin will do; the request itself is
    answered only for the origins of its own key, which the endpoint has found by then.
    """
    origin = request.headers.get("Origin", "")
    if request.method == "OPTIONS":
        live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return ApiKey.objects.filter(live, revoked_at=None, allowed_origins__contains=[origin]).exists()
    key = getattr(request, "api_key", None)
    return key is not None and origin in key.allowed_origins


check_request_enabled.connect(allow_origin, dispatch_uid="booking.api.cors")

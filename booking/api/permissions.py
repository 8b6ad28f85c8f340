"""Whether a key may call an endpoint: from that page, and with those scopes."""

from rest_framework.permissions import BasePermission

from booking.api.cors import is_allowed_origin
from booking.api.refusals import ForeignOrigin, MissingScope


class IsAllowedOrigin(BasePermission):
    """Let a publishable key be used only by pages of the sites that it names; raises ForeignOrigin."""

    def has_permission(self, request, view) -> bool:
        if not is_allowed_origin(request):
            raise ForeignOrigin
        return True


class HasScope(BasePermission):
    """Demand the ApiKey.Scope that ``view.scopes`` has for the method, if any; raises MissingScope."""

    def has_permission(self, request, view) -> bool:
        scope = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if scope and not request.auth.may(scope):
            raise MissingScope(scope)
        return True

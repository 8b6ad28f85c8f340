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
    """Demand the ApiKey.Scope that ``view.scopes`` has for the method, if any; raises MissingScope.

    A view with ``serves_drafts`` lets a publishable key in with a scope of patients, and shows it none.
    """

    def has_permission(self, request, view) -> bool:
        scope = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        key = request.auth
        if not scope or key.may(scope) or (view.serves_drafts and key.may_draft(scope)):
            return True
        raise MissingScope(scope)

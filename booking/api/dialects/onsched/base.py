"""What all endpoints share."""

from rest_framework.response import Response

from booking.api.authentication import HeaderKeyAuthentication
from booking.api.dialects.views import DialectView
from booking.models import ApiKey

Scope = ApiKey.Scope


class OnschedKeyAuthentication(HeaderKeyAuthentication):
    header = "X-Api-Key"


class View(DialectView):
    """An envelope, and the header with the key."""

    authentication_classes = [OnschedKeyAuthentication]

    def succeed(self, data, status=200, **more):
        return Response({"success": True, "data": data, **more}, status)

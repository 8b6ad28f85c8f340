"""What all endpoints share."""

from rest_framework import serializers

from booking.access import access_tokens
from booking.api.answers import Answer
from booking.api.authentication import HeaderKeyAuthentication, read_bearer
from booking.api.dialects.views import DialectView, Query
from booking.models import ApiKey

Scope = ApiKey.Scope
MAX_PAGE = 10_000


class OnschedKeyAuthentication(HeaderKeyAuthentication):
    """Authenticate with an access token, beside which clients have their company's key in the header, or a key."""

    header = "X-Api-Key"

    def get_plain_key(self, request) -> str:
        bearer = read_bearer(request)
        return bearer if bearer.startswith(access_tokens.PREFIX) else super().get_plain_key(request)


class PageQuery(Query):
    """Which page of a list, counted from 1."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    page = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=1)


class View(DialectView):
    """An envelope, and the header with the key."""

    authentication_classes = [OnschedKeyAuthentication]

    def succeed(self, data, status=200, **more):
        return Answer({"success": True, "data": data, **more}, status)

    def answer_page(self, rows, write, *, load=list):
        """Answer with the page of ``rows``, ordered and sliceable, that is asked for, each as ``write`` writes it.

        ``load(rows)`` returns what is written of the page's rows.
        """
        page, limit = (self.parameters[name] for name in ("page", "limit"))
        first = (page - 1) * limit
        found = list(rows[first : first + limit + 1])
        written = [write(row) for row in load(found[:limit])]
        return self.succeed(written, page=page, limit=limit, count=len(written), hasMore=len(found) > limit)

"""Lists in pages: a cursor names the last row of a page, so rows that come or go meanwhile shift nothing."""

from datetime import datetime
from uuid import UUID

from django.core import signing
from django.db.models import Q
from rest_framework import serializers

from booking.api.serializers import Query


class PageQuery(Query):
    """``cursor`` is the next_cursor of the page before."""

    limit = serializers.IntegerField(min_value=1, max_value=200, default=50, help_text="How many at most.")
    cursor = serializers.CharField(
        required=False, max_length=300, help_text="The `next_cursor` of the page before; none for the first."
    )

    def validate_cursor(self, text):
        try:
            moment, id = signing.loads(text, salt="cursor")
        except signing.BadSignature:
            raise serializers.ValidationError("Use a next_cursor as it was given.", code="cursor") from None
        return datetime.fromisoformat(moment), UUID(id)


def make_cursor(parameters):
    """Take the parameters of a page out of all; return them as page() wants them."""
    return {"cursor": parameters.pop("cursor", None), "limit": parameters.pop("limit")}


def page(rows, *, order_field, cursor, limit, newest_first=False):
    """Return ``(rows of the page, {next_cursor, has_more})``, in the order of the datetime ``order_field``, then id."""
    beyond, order = ("lt", [f"-{order_field}", "-pk"]) if newest_first else ("gt", [order_field, "pk"])
    if cursor:
        moment, id = cursor
        rows = rows.filter(Q(**{f"{order_field}__{beyond}": moment}) | Q(**{order_field: moment, f"pk__{beyond}": id}))
    found = list(rows.order_by(*order)[: limit + 1])
    has_more = len(found) > limit
    found = found[:limit]
    last = found[-1] if has_more else None
    next_cursor = signing.dumps([getattr(last, order_field).isoformat(), str(last.pk)], salt="cursor") if last else None
    return found, {"next_cursor": next_cursor, "has_more": has_more}

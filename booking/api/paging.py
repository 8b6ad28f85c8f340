"""Lists in pages: a cursor names the last row of a page, so rows that come or go meanwhile shift nothing."""

from datetime import datetime
from uuid import UUID

from django.core import signing
from django.db.models import Q
from rest_framework import serializers

from .inputs import Query


class PageQuery(Query):
    """``cursor`` is the next_cursor of the page before."""

    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)
    cursor = serializers.CharField(required=False, max_length=300)

    def validate_cursor(self, text):
        try:
            moment, id = signing.loads(text, salt="cursor")
        except signing.BadSignature:
            raise serializers.ValidationError("Use a next_cursor as it was given.", code="cursor") from None
        return datetime.fromisoformat(moment), UUID(id)


def page(rows, *, by, cursor, limit, newest_first=False):
    """Return ``(rows of the page, {next_cursor, has_more})``, in the order of the datetime ``by``, then id."""
    beyond, order = ("lt", [f"-{by}", "-pk"]) if newest_first else ("gt", [by, "pk"])
    if cursor:
        moment, id = cursor
        rows = rows.filter(Q(**{f"{by}__{beyond}": moment}) | Q(**{by: moment, f"pk__{beyond}": id}))
    found = list(rows.order_by(*order)[: limit + 1])
    has_more = len(found) > limit
    found = found[:limit]
    last = found[-1] if has_more else None
    next_cursor = signing.dumps([getattr(last, by).isoformat(), str(last.pk)], salt="cursor") if last else None
    return found, {"next_cursor": next_cursor, "has_more": has_more}

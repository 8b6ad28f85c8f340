"""Lists in pages: a cursor names the last row of a page, so rows that come or go in between shift nothing."""

from datetime import datetime

from django.core import signing
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Q
from rest_framework import serializers
from rest_framework.pagination import BasePagination

from booking.api.answers import Answer
from booking.api.fields import Moment
from booking.api.serializers import Query

MAX_LIMIT = 200


class PageQuery(Query):
    """``cursor`` is the next_cursor of the page before."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=50, help_text="How many at most.")
    cursor = serializers.CharField(
        required=False, max_length=300, help_text="The `next_cursor` of the page before; none for the first."
    )

    def validate_cursor(self, text):
        try:
            moment, id, ordering = signing.loads(text, salt="cursor")
        except (signing.BadSignature, ValueError):
            raise serializers.ValidationError("Use a next_cursor as it was given.", code="cursor") from None
        return datetime.fromisoformat(moment), id, ordering


class ChangesQuery(Query):
    """Lists of what has changed are ordered by when."""

    updated_since = Moment(
        required=False,
        source="updated_at__gte",
        help_text="Those that have changed then or later, in the order of their `updated_at`. Overlap by a minute.",
    )


def choose_ordering(parameters: dict, usual: str) -> str:
    """Return the column that a list is in the order of: that of ``sort``, of ``updated_since``, or else the usual."""
    return parameters.get("sort", "updated_at" if "updated_at__gte" in parameters else usual)


class CursorPagination(BasePagination):
    """Page through rows by a datetime field (``-`` before it: newest first), then by id.

    ``view.parameters`` are those of a PageQuery; the field is their ``sort``. Without it it is ``view.ordering``, or
    with ``updated_since`` ``updated_at``: what changes in between comes once more, in a later page. DRF's own looks
    for its place with an offset where times are equal.
    """

    def paginate_queryset(self, queryset, request, view=None) -> list:
        """Return the rows of the page that the address names."""
        self.request = request
        ordering = choose_ordering(view.parameters, view.ordering)
        field, is_descending = ordering.removeprefix("-"), ordering.startswith("-")
        beyond, order = ("lt", [f"-{field}", "-pk"]) if is_descending else ("gt", [field, "pk"])
        limit = view.parameters["limit"]
        if cursor := view.parameters.get("cursor"):
            moment, id, cursor_ordering = cursor
            try:
                id = queryset.model._meta.pk.to_python(id)
            except DjangoValidationError:  # of another list
                raise serializers.ValidationError({"cursor": "Use a next_cursor as it was given."}, "cursor") from None
            if cursor_ordering != ordering:
                raise serializers.ValidationError({"cursor": "Use it with the sort that it was given for."}, "cursor")
            queryset = queryset.filter(Q(**{f"{field}__{beyond}": moment}) | Q(**{field: moment, f"pk__{beyond}": id}))
        rows = list(queryset.order_by(*order)[: limit + 1])
        self.next_cursor = make_cursor(rows[limit - 1], ordering) if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data) -> Answer:
        """Return the answer with the page's rows as they are written."""
        meta = {"next_cursor": self.next_cursor, "has_more": self.next_cursor is not None}
        return Answer({"data": data, "meta": {"request_id": self.request.id, **meta}})


def make_cursor(row, ordering: str) -> str:
    """Return the cursor of the page after ``row``."""
    moment = getattr(row, ordering.removeprefix("-"))
    return signing.dumps([moment.isoformat(), str(row.pk), ordering], salt="cursor")

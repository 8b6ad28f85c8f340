"""What the queries of lists share: rows by their ids, and the order they come in."""

from rest_framework import serializers

from booking.api.fields import Choice, Text
from booking.api.pagination import MAX_LIMIT, PageQuery


class Ids(serializers.ListField):
    """Ids of rows, as many as a page has: a way to read many at once. An id that nothing has finds nothing."""

    child = serializers.UUIDField()

    def __init__(self, **options):
        help_text = f"May be repeated, {MAX_LIMIT} times at most: those with one of these ids."
        super().__init__(**{"required": False, "max_length": MAX_LIMIT, "help_text": help_text} | options)


class Sort(Choice):
    """The order of a list: ``Sort(start_time="starts_at")`` reads start_time and -start_time as names of columns.

    ``usual`` says the order without it, by default the first of them.
    """

    def __init__(self, *, usual=None, **columns):
        self.columns = columns | {f"-{name}": f"-{column}" for name, column in columns.items()}
        help_text = f"`-` before it: descending. Without it: {usual or f'`{next(iter(columns))}`'}."
        super().__init__(list(self.columns), required=False, help_text=help_text)

    def to_internal_value(self, data):
        return self.columns[super().to_internal_value(data)]


class Email(Text):
    """An e-mail address to look for, in whatever case."""

    def __init__(self, **options):
        super().__init__(**{"required": False, "max_length": 254} | options)


class ListQuery(PageQuery):
    """``id`` reads many at once: all of them, where no ``limit`` is sent."""

    id = Ids(source="pk__in")

    def to_internal_value(self, data):
        fields = super().to_internal_value(data)
        if "id" in data and "limit" not in data:
            fields["limit"] = MAX_LIMIT
        return fields

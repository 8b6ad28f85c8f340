"""Pages of long lists: counts end early, and no page makes the database skip more rows than it takes a moment."""

from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator

MAX_COUNTED = 1_000  # said exactly up to here
MAX_ROWS = 10_000  # whoever looks for what is further away chooses a day, a filter or other words


class CappedCount(int):
    """A number of rows that people read as 1,000+ where there are more."""

    def __str__(self) -> str:
        return f"{MAX_COUNTED:,}+" if self > MAX_COUNTED else super().__str__()


class CappedPaginator(Paginator):
    """A paginator of a queryset: neither counts nor skips more than MAX_ROWS."""

    object_list: Any

    @cached_property
    def found(self) -> int:
        """How many rows there are, at most one more than MAX_ROWS."""
        return self.object_list.order_by().values("pk")[: MAX_ROWS + 1].count()

    @cached_property
    def count(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return CappedCount(min(self.found, MAX_ROWS))

    @property
    def is_capped(self) -> bool:
        """Whether there are rows behind the last page."""
        return self.found > MAX_ROWS

    def page(self, number: Any) -> Page:
        """Return a page; what is skipped for it is keys alone, and none of what a row has beside them."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = list(self.object_list.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(self.object_list.filter(pk__in=keys), number, self)

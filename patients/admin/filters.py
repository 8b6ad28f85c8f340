"""Filters of lists."""

from django.contrib import admin


class FilterWithDefault(admin.SimpleListFilter):
    """A filter that has something chosen until asked otherwise: ``default`` is its name, ``value()`` is None then."""

    default = "No"

    def choices(self, changelist):
        [_, *others] = super().choices(changelist)
        yield {
            "selected": self.value() is None,
            "display": self.default,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
        }
        yield from others


class OutOfTheWay(FilterWithDefault):
    """What has a date in ``field`` is out of the way until asked for."""

    def lookups(self, request, model_admin):
        return [("yes", "Yes"), ("all", "All")]

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(**{f"{self.field}__isnull": self.value() != "yes"})


class Archived(OutOfTheWay):
    title = parameter_name = "archived"
    field = "archived_at"


class Dismissed(OutOfTheWay):
    title = parameter_name = "dismissed"
    field = "dismissed_at"

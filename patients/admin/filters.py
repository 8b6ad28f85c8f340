"""List filters that several pages share."""

from django.contrib import admin


class DefaultFilter(admin.SimpleListFilter):
    """A filter that applies by default: ``default`` is the label of that choice, for which ``value()`` is None."""

    default = "No"

    def choices(self, changelist):
        [_, *others] = super().choices(changelist)
        yield {
            "selected": self.value() is None,
            "display": self.default,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
        }
        yield from others


class EmptyDateFilter(DefaultFilter):
    """By default, hide rows that have a date in ``field``."""

    def lookups(self, request, model_admin):
        return [("yes", "Yes"), ("all", "All")]

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(**{f"{self.field}__isnull": self.value() != "yes"})


class ArchivedFilter(EmptyDateFilter):
    title = parameter_name = "archived"
    field = "archived_at"


class DismissedFilter(EmptyDateFilter):
    title = parameter_name = "dismissed"
    field = "dismissed_at"


class OnePatientFilter(admin.SimpleListFilter):
    """What is about one patient: set by a link on the patient's page."""

    title = parameter_name = "patient"

    def lookups(self, request, model_admin):
        return [(self.value(), "one patient")] if self.value() else []

    def has_output(self):
        return bool(self.value())

"""The bar above a list that jumps to a day: the day, its neighbours, and a field for any other."""

from datetime import date, timedelta

from django.contrib import admin
from django.utils import timezone

from scheduling.models.local_zones import find_home_zone

DAY = timedelta(days=1)


def parse_day(text: str | None) -> date | None:
    """Return a date from an address, or None for text that is none or a year that nobody books."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2200 else None


class DayFilter(admin.SimpleListFilter):
    """A filter by one day; without one, all are shown."""

    title = parameter_name = "day"

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        hidden = (self.parameter_name, "p")
        self.other_parameters = [(name, value) for name, value in request.GET.items() if name not in hidden]
        self.zone = self.find_zone()

    def find_zone(self):
        """Return the zone that decides which day is today."""
        return find_home_zone()

    def get_day(self):
        """Return the chosen day, or None."""
        if self.value() == "today":
            return timezone.now().astimezone(self.zone).date()
        return parse_day(self.value())

    def get_name(self):
        """Return what is shown without a day, in words."""
        return "Newest first"

    def get_day_bar(self, changelist):
        """Return the context of the bar: the day, its neighbours and the other parameters."""
        day = self.get_day()
        neighbours = [
            {
                "query_string": changelist.get_query_string({self.parameter_name: each.isoformat()}, ["p"]),
                "display": f"{each:%a %-d %b}",
            }
            for each in ((day - DAY, day + DAY) if day else ())
        ]
        name = f"{day:%A %-d %B %Y}" if day else self.get_name()
        return {"day": day, "name": name, "neighbours": neighbours, "other_parameters": self.other_parameters}


def add_day_bar(response, filter_class):
    """Add the bar to the context of a list's page; an action may answer with a redirect or a page of its own."""
    context = getattr(response, "context_data", None) or {}
    if changelist := context.get("cl"):
        [days] = [spec for spec in changelist.filter_specs if isinstance(spec, filter_class)]
        context["days"] = days.get_day_bar(changelist)

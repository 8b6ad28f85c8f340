"""The bar above a list that jumps to a day: the day, its neighbours, and a field for any other."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.utils import timezone

from scheduling.models import Location
from scheduling.models.local_zones import get_home_zone

DAY = timedelta(days=1)


def get_clinic_zone():
    """Return the zone that most locations are in."""
    name = Location.objects.values_list(get_home_zone(), flat=True).first()
    return ZoneInfo(name or settings.TIME_ZONE)


class DayFilter(admin.SimpleListFilter):
    """A filter by one day; without one, all are shown."""

    title = parameter_name = "day"

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        self.zone = get_clinic_zone()
        hidden = (self.parameter_name, "p")
        self.other_parameters = [(name, value) for name, value in request.GET.items() if name not in hidden]

    def get_day(self):
        """Return the chosen day, or None."""
        if self.value() == "today":
            return timezone.now().astimezone(self.zone).date()
        try:
            day = date.fromisoformat(self.value() or "")
        except ValueError:
            return None
        return day if 1900 <= day.year <= 2200 else None

    def get_day_bar(self, changelist):
        """Return the context of the bar."""
        day = self.get_day()
        neighbours = [
            {
                "query_string": changelist.get_query_string({self.parameter_name: each.isoformat()}, ["p"]),
                "display": f"{each:%a %-d %b}",
            }
            for each in ((day - DAY, day + DAY) if day else ())
        ]
        name = f"{day:%A %-d %B %Y}" if day else "Newest first"
        return {"day": day, "name": name, "neighbours": neighbours, "other_parameters": self.other_parameters}


def add_day_bar(response, filter_class):
    """Add the bar to the context of a list's page, if it is one."""
    context = getattr(response, "context_data", None) or {}
    if changelist := context.get("cl"):
        [days] = [spec for spec in changelist.filter_specs if isinstance(spec, filter_class)]
        context["days"] = days.get_day_bar(changelist)

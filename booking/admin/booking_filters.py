"""Filters of bookings: by day, and by how they are met."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.utils import timezone

from scheduling.local_zones import get_home_zone
from scheduling.models import Location

DAY = timedelta(days=1)
SPANS = {
    "today": lambda today: (today, today),
    "tomorrow": lambda today: (today + DAY, today + DAY),
    "week": lambda today: (today - today.weekday() * DAY, today + (6 - today.weekday()) * DAY),
    "next-week": lambda today: (today + (7 - today.weekday()) * DAY, today + (13 - today.weekday()) * DAY),
}
NAMES = {
    "today": "Today",
    "tomorrow": "Tomorrow",
    "week": "This week",
    "next-week": "Next week",
    "coming": "From now on",
    "past": "Past",
    "any": "Any day",
}


class DayFilter(admin.SimpleListFilter):
    """Today unless asked otherwise; a search without a day looks at any. A day is the location's own."""

    title = "day"
    parameter_name = "day"

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        self.default = "any" if request.GET.get("q") else "today"
        self.others = [(key, value) for key, value in request.GET.items() if key not in (self.parameter_name, "p")]

    def lookups(self, request, model_admin):
        return NAMES.items()

    def value(self):
        value = super().value()
        return value if value in NAMES or self._date(value) else self.default

    def choices(self, changelist):
        for value, name in NAMES.items():
            yield self._choice(changelist, value, name) | {"selected": value == self.value()}

    def bar(self, changelist):
        """Return what the bar above the list shows: the day, those beside it, and what else was chosen."""
        today = timezone.now().astimezone(self._zone()).date()
        day = self._date(self.value()) or {"today": today, "tomorrow": today + DAY}.get(self.value())
        near = [
            self._choice(changelist, (day + step * DAY).isoformat(), f"{day + step * DAY:%a %-d %b}")
            for step in ((-1, 1) if day else ())
        ]
        name = f"{day:%A %-d %B %Y}" if day else NAMES[self.value()]
        return {"day": day, "name": name, "near": near, "others": self.others}

    def _zone(self):
        """Return the zone of the location that was chosen, or of most: there it is today."""
        chosen = [value for name, value in self.others if name == "location__id__exact"]
        here, everywhere = Location.objects.filter(pk__in=chosen), Location.objects.all()
        zones = here.values_list("timezone") if chosen else everywhere.values_list(get_home_zone())
        [name] = zones.first() or [settings.TIME_ZONE]
        return ZoneInfo(name)

    def _choice(self, changelist, value, name):
        return {"query_string": changelist.get_query_string({self.parameter_name: value}, ["p"]), "display": name}

    def queryset(self, request, queryset):
        value = self.value()
        if value == "any":
            return queryset
        if value == "coming":
            return queryset.filter(ends_at__gt=timezone.now())
        if value == "past":
            return queryset.filter(ends_at__lte=timezone.now())
        return queryset.filter(self._starting())

    def _starting(self):
        """Return the Q of what starts on the dates asked for, each in its location's own zone."""
        found = Q(pk__in=[])
        for name in Location.objects.order_by().values_list("timezone", flat=True).distinct():
            zone = ZoneInfo(name)
            first = last = self._date(self.value())
            if not first:
                first, last = SPANS[self.value()](timezone.now().astimezone(zone).date())
            found |= Q(
                location__timezone=name,
                starts_at__gte=datetime.combine(first, time(), zone),
                starts_at__lt=datetime.combine(last + DAY, time(), zone),
            )
        return found

    @staticmethod
    def _date(value):
        try:
            day = date.fromisoformat(value or "")
        except ValueError:
            return None
        return day if 1900 <= day.year <= 2200 else None


class HowFilter(admin.SimpleListFilter):
    """In person or by video."""

    title = "visit"
    parameter_name = "how"

    def lookups(self, request, model_admin):
        return [("in-person", "In person"), ("video", "By video")]

    def queryset(self, request, queryset):
        if self.value() in ("in-person", "video"):
            return queryset.filter(is_remote=self.value() == "video")
        return queryset

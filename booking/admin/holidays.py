"""The public holidays of a country's year as a list to pick from, for one location or all; and calendars of them."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor
from booking.admin.strands_visits import ACCEPTED, ask_about_stranded
from booking.domain.closures import close_days, list_closed
from booking.domain.stranded_visits import Concerned, WouldStrand, save_or_ask
from scheduling.lib.public_holidays import list_countries, list_holidays, list_regions
from scheduling.models import Calendar, Location

MAY_CLOSE = ["scheduling.add_timeoff", "scheduling.delete_timeoff"]
YEARS_AHEAD = 3


class HolidaysForm(forms.Form):
    """Which holidays, and where."""

    country = forms.ChoiceField(choices=list_countries)
    region = forms.ChoiceField(required=False)
    year = forms.TypedChoiceField(coerce=int)
    locations = forms.ModelMultipleChoiceField(
        Location.objects.none(), widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose where."}
    )

    def __init__(self, data: Any, *, locations: Any) -> None:
        super().__init__(data)
        fields: dict[str, Any] = self.fields
        year = timezone.now().year
        fields["year"].choices = [(each, str(each)) for each in range(year, year + YEARS_AHEAD + 1)]
        # A region of the country that was shown before is no region of this one.
        regions = list_regions(data.get("country", ""))
        fields["region"].choices = [("", "The whole country"), *regions]
        if data.get("region") not in dict(regions):
            self.data = data | {"region": ""}
        fields["locations"].queryset = locations


@admin.site.page("holidays/", name="holidays")
def show_holidays(request: HttpRequest) -> HttpResponse:
    """Show the public holidays of a year, and close locations on those that are ticked."""
    if not request.user.has_perms(MAY_CLOSE):
        raise PermissionDenied
    locations = visible_to(request.user, Location.objects.filter(is_active=True))
    form = HolidaysForm(read_choice(request, locations), locations=locations)
    holidays, chosen = [], []
    if form.is_valid():
        where = form.cleaned_data
        chosen = list(where["locations"])
        yesterday = timezone.now().date() - timedelta(days=1)  # it may be that somewhere
        all_year = list_holidays(where["country"], where["region"], where["year"])
        holidays = [holiday for holiday in all_year if holiday.day >= yesterday]
        if request.POST.get("do") == "close":
            try:
                return close(request, chosen, holidays)
            except WouldStrand as refusal:
                return ask_about_stranded(request, refusal)
    closed = list_closed(chosen, [holiday.day for holiday in holidays])
    is_begun = any(closed.values())
    context = {
        **admin.site.each_context(request),
        "title": "Holidays",
        "form": form,
        # All are ticked as long as none of the year has been taken over.
        "holidays": [
            (holiday, bool(closed.get(holiday.day)) or not is_begun, closed.get(holiday.day, []))
            for holiday in holidays
        ],
        "number_chosen": len(chosen),
        "calendars": visible_to(request.user, Calendar.objects.filter(kind=Calendar.Kind.HOLIDAYS, is_active=True))
        .select_related("location")
        .order_by("location__name"),
        "may_add_calendar": request.user.has_perm("scheduling.add_calendar"),
    }
    return TemplateResponse(request, "admin/scheduling/holidays.html", context)


def read_choice(request: HttpRequest, locations: Any) -> dict[str, Any]:
    """Return what the form says, or for a fresh page the country of most locations, and those that are there.

    Towards the end of a year it is the next one's holidays that somebody enters.
    """
    sent = request.POST if request.method == "POST" else request.GET
    if sent.get("country"):
        return {name: sent.get(name, "") for name in ("country", "region", "year")} | {
            "locations": sent.getlist("locations")
        }
    countries = dict(locations.values_list("pk", "country"))
    [(most, _)] = Counter(countries.values()).most_common(1) or [("GB", 0)]
    here = [str(pk) for pk, country in countries.items() if country == most]
    today = timezone.now()
    return {"country": most, "region": "", "year": str(today.year + (today.month >= 10)), "locations": here}


def close(request: HttpRequest, locations: list[Location], holidays: list) -> HttpResponse:
    """Close the locations on the ticked days, and open them on the others; raises WouldStrand."""
    ticked = set(request.POST.getlist("days"))
    closed = [holiday for holiday in holidays if holiday.day.isoformat() in ticked]
    opened = [holiday for holiday in holidays if holiday not in closed]
    verb = partial(close_days, locations, closed=closed, opened=opened)
    concerned = Concerned(locations=[location.pk for location in locations])
    came, went = save_or_ask(verb, concerned, actor=get_actor(request), accepted=request.POST.get(ACCEPTED, ""))
    sentence = f"{came} closed day{'' if came == 1 else 's'} entered"
    messages.success(request, f"{sentence}, {went} taken away." if went else f"{sentence}.")
    query = {name: request.POST.get(name, "") for name in ("country", "region", "year")}
    query["locations"] = [str(location.pk) for location in locations]  # pyright: ignore[reportArgumentType]
    return HttpResponseRedirect(reverse("admin:holidays", query=query))

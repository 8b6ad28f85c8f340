"""The week editor: a clinician's hours on one page, with one save. Its other buttons only change what stands there."""

from datetime import timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor
from booking.admin.schedule import warn_if_not_bookable
from booking.admin.strands_visits import ACCEPTED, ask_about_stranded
from booking.admin.week_forms import HoursForm, HoursRow, WeekForms
from booking.admin.week_rows import (
    EXTRA,
    FIELDS,
    WEEKLY,
    Row,
    add_row,
    begin_anew,
    copy_day,
    copy_week,
    parse_date,
    parse_time,
    read_rows,
    split_row,
    write_row,
)
from booking.domain.schedule import get_hours_version, replace_hours
from booking.domain.stranded_visits import Concerned, WouldStrand, save_or_ask
from booking.domain.transitions import ChangedMeanwhile
from scheduling.models import Clinician, ExtraHours, Location, WorkingHours
from scheduling.models.hours import MIDNIGHT

VIEW = "scheduling.view_workinghours"
CHANGE = [f"scheduling.{verb}_workinghours" for verb in ("add", "change", "delete")]
CHANGED = (
    "Somebody else has changed these hours since you opened this page, so nothing is saved. "
    "Open it again to see what they are now."
)
NOT_SAVED = "Not saved yet: look it over, then press “Save the hours”."
MAX_SHOWN = 50  # rows of each kind: what is beyond stays as it is
MINUTES_A_DAY = 24 * 60


class Day(NamedTuple):
    """A day of the week on the page: its rows, and its hours as a picture and in words."""

    number: int
    name: str
    forms: list[HoursForm]
    bars: list[tuple[float, float, bool]]  # from, how long, by video: in hundredths of a day
    total: str


def list_shown(clinician: Clinician, places: dict[str, Location]) -> dict[tuple[str, str], HoursRow]:
    """Return the hours that are not over, at these places, by kind and id as text: the first of many."""
    yesterday = timezone.now().date() - timedelta(days=1)  # it may be that somewhere
    weekly = WorkingHours.objects.filter(Q(valid_until=None) | Q(valid_until__gte=yesterday), clinician=clinician)
    extra = ExtraHours.objects.filter(clinician=clinician, date__gte=yesterday)
    rows = {
        WEEKLY: weekly.order_by("weekday", "start_time", "valid_from"),
        EXTRA: extra.order_by("date", "start_time"),
    }
    found = {}
    for kind, kept in rows.items():
        for row in kept.filter(location__in=list(places)).select_related("location")[:MAX_SHOWN]:
            found[kind, str(row.pk)] = row
    return found


def list_hidden(clinician: Clinician, shown: dict[tuple[str, str], HoursRow]) -> list[HoursRow]:
    """Return the clinician's other hours: those that are over, and those at places that the page does not have."""
    ids = {kind: [row.pk for (each, _), row in shown.items() if each == kind] for kind in (WEEKLY, EXTRA)}
    return [
        *WorkingHours.objects.filter(clinician=clinician).exclude(pk__in=ids[WEEKLY]).select_related("location"),
        *ExtraHours.objects.filter(clinician=clinician).exclude(pk__in=ids[EXTRA]).select_related("location"),
    ]


@admin.site.page("scheduling/clinician/<uuid:pk>/week/", name="scheduling_clinician_week")
def show_week(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show and change the hours of a clinician."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    clinician = get_object_or_404(visible_to(request.user, Clinician.objects.all()), pk=pk)
    may_change = request.user.has_perms(CHANGE)
    locations = visible_to(request.user, Location.objects.all())
    used = Q(working_hours__clinician=clinician) | Q(extra_hours__clinician=clinician)
    places = {str(each.pk): each for each in locations.filter(Q(is_active=True) | used).distinct()}
    shown = list_shown(clinician, places)
    rows = {kind: [write_row(row) for (each, _), row in shown.items() if each == kind] for kind in FIELDS}
    version, pressed = get_hours_version(clinician.pk), ""
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        # Their order is the page's, and what is written beside a row keeps its place.
        rows, version = {kind: read_rows(request.POST, kind) for kind in FIELDS}, request.POST.get("version", "")
        pressed = request.POST.get("do", "save")
        if pressed != "save":
            rows = press(request, pressed, rows, places)
            messages.info(request, NOT_SAVED)
    forms = WeekForms(clinician, rows, known=shown, places=places, is_submitted=pressed == "save")
    if pressed == "save" and forms.is_valid(others=list_hidden(clinician, shown)):
        try:
            return save(request, clinician, forms, version)
        except WouldStrand as refusal:
            return ask_about_stranded(request, refusal)
        except ChangedMeanwhile:
            messages.error(request, CHANGED)
    set_focus(forms, pressed)
    context = {
        **admin.site.each_context(request),
        "opts": Clinician._meta,
        "title": f"Hours of {clinician}",
        "clinician": clinician,
        "version": version,
        "days": list_days(forms),
        "forms": forms,
        "has_errors": any(form.errors for form in forms.filled),
        "may_change": may_change,
        "has_more": max(sum(each == kind for each, _ in shown) for kind in FIELDS) >= MAX_SHOWN,
        "has_places": bool(places),
        "others": visible_to(request.user, Clinician.objects.filter(is_active=True).exclude(pk=pk)),
        "weekdays": WorkingHours.Weekday.choices,
    }
    return TemplateResponse(request, "admin/scheduling/clinician/week.html", context)


def press(request: HttpRequest, pressed: str, rows: dict[str, list[Row]], places: dict) -> dict[str, list[Row]]:
    """Return the rows after a button was pressed; one that is not there changes nothing."""
    name, _, argument = pressed.partition(":")
    number = int(argument) if argument.isascii() and argument.isdecimal() else -1
    weekly, extra, here = rows[WEEKLY], rows[EXTRA], next(iter(places), "")
    match name:
        case "add" if 0 <= number < 7:
            weekly = add_row(weekly, weekday=number, location=weekly[0]["location"] if weekly else here)
        case "add-extra":
            last = (extra or weekly or [{"location": here}])[-1]
            extra = [*extra, dict.fromkeys(FIELDS[EXTRA], "") | {"location": last["location"]}]
        case "break" if 0 <= number < len(weekly):
            weekly = split_row(weekly, number)
        case "remove" if 0 <= number < len(weekly):
            weekly = [row for index, row in enumerate(weekly) if index != number]
        case "remove-extra" if 0 <= number < len(extra):
            extra = [row for index, row in enumerate(extra) if index != number]
        case "copy" if 0 <= number < 7:
            targets = {int(day) for day in request.POST.getlist(f"copy-{number}") if day in set("0123456")}
            weekly = copy_day(weekly, source=number, targets=targets)
        case "copy-clinician":
            weekly = copy_week(weekly, list_rows_of_other(request, places))
        case "anew" if day := parse_date(request.POST.get("anew_from", "")):
            weekly = begin_anew(weekly, day)
    return {WEEKLY: weekly, EXTRA: extra}


def list_rows_of_other(request: HttpRequest, places: dict) -> list[Row]:
    """Return the rows of the clinician whose week is to be copied."""
    others = visible_to(request.user, Clinician.objects.filter(is_active=True))
    other = next((each for each in others if str(each.pk) == request.POST.get("copy_from")), None)
    if other is None:
        messages.error(request, "Choose whose week to copy.")
        return read_rows(request.POST, WEEKLY)
    return [write_row(row) for (kind, _), row in list_shown(other, places).items() if kind == WEEKLY]


def set_focus(forms: WeekForms, pressed: str) -> None:
    """Put the cursor where a button has made a row."""
    name, _, argument = pressed.partition(":")
    weekly, extra = forms.forms[WEEKLY], forms.forms[EXTRA]
    if name == "add":
        made = [form for form in weekly if form.row["weekday"] == argument]
    elif name == "break":
        made = [form for form in weekly if str(form.index - 1) == argument]
    else:
        made = extra if name == "add-extra" else []
    for form in made[-1:]:
        form.fields["date" if name == "add-extra" else "start_time"].widget.attrs["autofocus"] = True


def save(request: HttpRequest, clinician: Clinician, forms: WeekForms, version: str) -> HttpResponse:
    """Save valid forms and lead back to the page; raises WouldStrand and ChangedMeanwhile."""
    saved, removed = forms.list_saved(), forms.list_removed()
    verb = partial(replace_hours, clinician.pk, saved=saved, removed=removed, expected_version=version)
    concerned, accepted = Concerned(clinicians=[clinician.pk]), request.POST.get(ACCEPTED, "")
    save_or_ask(verb, concerned, actor=get_actor(request), accepted=accepted)
    messages.success(request, f"The hours of {clinician} are saved.")
    if saved or removed:
        admin.site.get_model_admin(Clinician).log_change(request, clinician, "Hours changed.")
    warn_if_not_bookable(request, clinician)
    return HttpResponseRedirect(request.path)


def list_days(forms: WeekForms) -> list[Day]:
    """Return the seven days with their forms; hours that begin later are not in the picture yet."""
    days, today = [], timezone.now().date()
    for number, name in WorkingHours.Weekday.choices:
        on_day = [form for form in forms.forms[WEEKLY] if form.row["weekday"] == str(number)]
        begun = [form.row for form in on_day if (parse_date(form.row["valid_from"]) or today) <= today]
        spans = [span for row in begun if (span := get_span(row))]
        bars = [
            (start * 100 / MINUTES_A_DAY, (end - start) * 100 / MINUTES_A_DAY, remote) for start, end, remote in spans
        ]
        minutes = sum(end - start for start, end, _ in spans)
        total = f"{minutes // 60} h {minutes % 60:02} min".removesuffix(" 00 min") if minutes else "off"
        days.append(Day(number, str(name), on_day, bars, total))
    return days


def get_span(row: Row) -> tuple[int, int, bool] | None:
    """Return from when to when a row goes, in minutes of the day, and whether by video; None for half a row."""
    start, end = parse_time(row["start_time"]), parse_time(row["end_time"])
    if start is None or end is None or (end <= start and end != MIDNIGHT):
        return None
    last = MINUTES_A_DAY if end == MIDNIGHT else end.hour * 60 + end.minute
    return start.hour * 60 + start.minute, last, bool(row["is_remote"])

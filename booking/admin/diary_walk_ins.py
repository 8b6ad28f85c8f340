"""Somebody stands at the desk: who is free next, and where they can be squeezed in."""

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from booking.access.visibility import get_my_location, visible_to
from booking.admin.dialogs import render_dialog, require
from booking.admin.diary_booking import find_location, guess_service
from booking.admin.permissions import has_appointment_permission
from booking.domain.walk_ins import Kind, find_walk_in_times
from scheduling.lib.timezones import format_local
from scheduling.models import Clinician, Location, Service

KIND_LABELS = {Kind.FREE: "", Kind.SQUEEZE: "squeeze in", Kind.DOUBLE: "double"}


class WalkInForm(forms.Form):
    """What somebody has come for, and where they stand."""

    service = forms.ModelChoiceField(Service.objects.filter(is_active=True).exclude(mode=Service.Mode.REMOTE))
    location = forms.ModelChoiceField(Location.objects.filter(is_active=True), empty_label=None)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["location"].queryset = visible_to(user, self.fields["location"].queryset)


@admin.site.page("diary/walk-in/", name="diary_walk_in")
def show_walk_in_times(request):
    """Show the next times of each clinician: those that are free, and for those who may override, the others."""
    require(request, "add")
    location = find_location(request, request.GET.get("location")) or get_my_location(request.user)
    location = location or visible_to(request.user, Location.objects.filter(is_active=True)).first()
    location_id = str(location.pk) if location else ""
    data = {"location": location_id, "service": request.GET.get("service") or guess_service("", location_id)}
    form = WalkInForm(data, user=request.user)
    times = list_times(request, **form.cleaned_data) if form.is_valid() else []
    return render_dialog(
        request, "admin/desk/walk_in.html", title="A patient without an appointment", form=form, times=times
    )


def list_times(request, service, location):
    """Return (clinician, local time, address to book, what is special) of the times, the soonest first."""
    may_override = has_appointment_permission(request, "override")
    now = timezone.now()
    shown = set(visible_to(request.user, Clinician.objects.all()).values_list("pk", flat=True))
    found = find_walk_in_times(service, location, now=now)
    found = [time for time in found if time.clinician_id in shown and (may_override or time.kind == Kind.FREE)]
    return [
        (time.clinician_name, write_start(time, location, now), link(time, service, location), KIND_LABELS[time.kind])
        for time in found
    ]


def write_start(time, location, now):
    """Return a time on the location's clock, with its day unless that is today."""
    local = time.starts_at.astimezone(location.zone)
    is_today = local.date() == now.astimezone(location.zone).date()
    return format_local(local, location.zone, unless=location.zone, pattern="%H:%M" if is_today else "%a %-d %b, %H:%M")


def link(time, service, location):
    """Return the address of the dialog that books a time."""
    query = {
        "service": service.pk,
        "clinician": time.clinician_id,
        "location": location.pk,
        "visit": "0",
        "start": time.starts_at.isoformat(),
        "reason": "walk_in",
    }
    return reverse("admin:diary_book", query={name: str(value) for name, value in query.items()})

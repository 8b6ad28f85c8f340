"""The diary's dialogs: fragments that htmx loads into one <dialog>, and whole pages where there is no JavaScript."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, resolve_url
from django.template.response import TemplateResponse

from booking.access.visibility import visible_to
from booking.admin.patient_conflicts import annotate_overlaps
from booking.admin.permissions import has_appointment_permission
from booking.models import Appointment
from scheduling.models.local_zones import get_home_zone

CHANGED = "diary:changed"  # the event by which the page below a dialog learns that it has to look again


def render_dialog(request, template, *, title, is_changed=False, **context):
    """Return a dialog: its fragment for htmx, else the page around it."""
    if not request.htmx:
        context |= {**admin.site.each_context(request), "fragment": template}
    page = template if request.htmx else "admin/desk/page.html"
    response = TemplateResponse(request, page, {**context, "title": title, "is_fragment": bool(request.htmx)})
    return announce_change(response) if is_changed else response


def announce_change(response: HttpResponse) -> HttpResponse:
    """Tell the page that asked by htmx that the diary has changed."""
    response["HX-Trigger"] = CHANGED
    return response


def redirect_after(request, *target):
    """Return a redirect after a change, or None for htmx, which is answered with what is there now."""
    return None if request.htmx else HttpResponseRedirect(resolve_url(*target))


def get_visible_appointment(request, pk):
    """Return an appointment that the member of staff may see, with what a dialog says of it; raises Http404."""
    if not has_appointment_permission(request, "view"):
        raise PermissionDenied
    related = ("service", "clinician", "location", "slot", "patient", "provider", "order")
    rows = visible_to(request.user, Appointment.objects.select_related(*related))
    return get_object_or_404(annotate_overlaps(rows).annotate(home=get_home_zone()), pk=pk)


def require(request, *actions):
    """Raise PermissionDenied unless the member of staff may do all of these with appointments."""
    if not all(has_appointment_permission(request, action) for action in actions):
        raise PermissionDenied

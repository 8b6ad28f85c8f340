"""The day on paper: a sheet of A4 for each clinician."""

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.db.models import Prefetch
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from booking.access.visibility import visible_to
from booking.admin.diary_grid import draw_columns
from booking.admin.diary_page import read_page
from booking.domain.diary import list_columns
from booking.models import Appointment, Hold
from patients.models import Needs


@admin.site.page("diary/print/", name="diary_print")
@require_GET
def print_day(request):
    """Show the sheets of a day: of one clinician, or of all."""
    page = read_page(request)
    if page is None:
        raise BadRequest
    page = page._replace(view="day")
    rows = visible_to(request.user, Appointment.objects.exclude(status=Appointment.Status.CANCELLED))
    rows = rows.select_related("patient")
    sees_needs = request.user.has_perm("patients.view_needs")
    if sees_needs:
        rows = rows.prefetch_related(Prefetch("patient__needs", Needs.objects.all()))
    columns = list_columns(
        page.location,
        page.day,
        page.day,
        appointments=rows,
        holds=Hold.objects.none(),
        clinician_ids=[page.clinician.pk] if page.clinician else None,
        now=timezone.now(),
    )
    drawn = draw_columns(columns, page.location)
    sheets = [
        {
            "column": column,
            "rows": [
                (entry, next((each for each in column.appointments if entry.id == f"visit-{each.pk}"), None))
                for entry in column.entries
                if entry.kind in ("visit", "block")
            ],
        }
        for column in drawn
    ]
    shown = [each for column in drawn for each in column.appointments]
    context = {"page": page, "sheets": sheets, "shown": shown, "sees_needs": sees_needs, "now": timezone.localtime()}
    return TemplateResponse(request, "admin/diary/print.html", context)

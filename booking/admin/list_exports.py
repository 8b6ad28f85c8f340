"""Every list of staff's pages as CSV or XLSX: what it shows with its filters and its search, on every page of it.

Not by django-import-export (4.4): it builds all rows in memory first, and once more as cells for XLSX, and of formulas
it only removes a leading “=”. Here the list's order is asked for once, as ids, and then its rows in
chunks: no statement is longer than a page's, none holds a cursor that a pooler would lose, and what is sent is
forgotten. Before a chunk is sent, the record of who has seen whom names its patients.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import reduce
from itertools import islice
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods

from booking.admin import patient_access
from booking.admin.sign_in.middleware import require_recent_proof
from booking.admin.tables import answer_table
from booking.models import Appointment, Event, Hold, Order, PatientAccess, WaitlistEntry
from patients.models import Patient
from scheduling.lib.currencies import write_decimals
from scheduling.models import Clinician, Location, Service, TimeOff
from scheduling.models.local_zones import find_home_zone

CHUNK = 1000  # rows, and so at most as many patients in a row of the record of who has seen whom
MAX_ROWS = 200_000
PERMISSION = "booking.export_lists"
Read = Callable[[Any, Any], Any]


class Table(NamedTuple):
    """What is exported of a model: columns of a header and what reads a row's cell, and whose record a row is."""

    columns: dict[str, str | Read]
    related: tuple[str, ...] = ()
    patient: str = ""


def _at_place(name: str) -> Read:
    """Return what reads a time in the zone of the row's location."""
    return lambda row, home: _in_zone(getattr(row, name), row.location.zone if row.location else home)


def _at_home(name: str) -> Read:
    """Return what reads a time in the zone of most locations."""
    return lambda row, home: _in_zone(getattr(row, name), home)


def _in_zone(moment: datetime | None, zone):
    return moment and moment.astimezone(zone)


def _write_price(row, home):
    return write_decimals(row.price, row.currency)


def _write_minutes(name: str) -> Read:
    return lambda row, home: int(getattr(row, name).total_seconds()) // 60


BOOKED = {
    "Start": _at_place("starts_at"),
    "End": _at_place("ends_at"),
    "Status": "get_status_display",
    "Service": "service.name",
    "Clinician": "clinician.name",
    "Location": "location.name",
    "By video": "is_remote",
}
TABLES = {
    Patient: Table(
        {
            "Id": "pk",
            "First name": "first_name",
            "Last name": "last_name",
            "Date of birth": "date_of_birth",
            "E-mail": "email",
            "Phone": "phone",
            "Extension": "phone_extension",
            "Contact": "contact_name",
            "NHS number": "nhs_number",
            "External id": "external_id",
            "Registered": _at_home("created_at"),
            "Archived": _at_home("archived_at"),
        },
        patient="pk",
    ),
    Appointment: Table(
        {
            "Reference": "reference",
            **BOOKED,
            "Patient": "patient_id",
            "Attendee": "attendee_name",
            "E-mail": "attendee_email",
            "Phone": "attendee_phone",
            "Price": _write_price,
            "Currency": "currency",
            "Booked": _at_place("created_at"),
            "Arrived": _at_place("arrived_at"),
            "With clinician": _at_place("seen_at"),
            "Cancelled because": "get_cancellation_reason_display",
            "External id": "external_id",
        },
        related=("service", "clinician", "location"),
        patient="patient_id",
    ),
    Hold: Table(
        {"Id": "pk", **BOOKED, "Held": _at_place("created_at"), "Until": _at_place("expires_at")},
        related=("service", "clinician", "location"),
        patient="patient_id",
    ),
    Order: Table(
        {
            "Id": "pk",
            "Patient": "patient_id",
            "Name": "patient",
            "Service": "service.name",
            "Ordered": _at_home("created_at"),
            "Cancelled": _at_home("cancelled_at"),
            "External id": "external_id",
        },
        related=("patient", "service"),
        patient="patient_id",
    ),
    WaitlistEntry: Table(
        {
            "First name": "first_name",
            "Last name": "last_name",
            "E-mail": "email",
            "Phone": "phone",
            "Service": "service.name",
            "Clinician": "clinician.name",
            "Location": "location.name",
            "From": "first_day",
            "Until": "last_day",
            "Priority": "priority",
            "Status": "get_status_display",
            "Waits since": _at_place("waiting_since"),
        },
        related=("service", "clinician", "location"),
        patient="patient_id",
    ),
    Clinician: Table(
        {
            "Id": "pk",
            "Name": "name",
            "Title": "title",
            "Active": "is_active",
            "Login": "user.username",
            "External id": "external_id",
        },
        related=("user",),
    ),
    Service: Table(
        {
            "Id": "pk",
            "Name": "name",
            "Address": "slug",
            "Category": "category.name",
            "Mode": "get_mode_display",
            "Minutes": _write_minutes("duration"),
            "Price": _write_price,
            "Currency": "currency",
            "Active": "is_active",
            "Bookable online": "is_online_bookable",
            "External id": "external_id",
        },
        related=("category",),
    ),
    Location: Table(
        {
            "Id": "pk",
            "Name": "name",
            "Street": "address_line_1",
            "City": "city",
            "Postcode": "postcode",
            "Country": "country",
            "Time zone": "timezone",
            "Phone": "phone",
            "E-mail": "email",
            "Active": "is_active",
            "External id": "external_id",
        }
    ),
    TimeOff: Table(
        {
            "Clinician": "clinician.name",
            "Location": "location.name",
            "From": _at_place("starts_at"),
            "To": _at_place("ends_at"),
            "Reason": "reason",
        },
        related=("clinician", "location"),
    ),
    Event: Table(
        {
            "Id": "pk",
            "When": _at_home("created_at"),
            "What": "kind",
            "Kind of thing": "subject_type",
            "Thing": "subject_id",
            "Who": "actor",
            "From": "from_status",
            "To": "to_status",
            "Data": "data",
        }
    ),
}


def may_export(user, model: type[Model]) -> bool:
    """Return whether somebody may export the list of a model, if they may see it."""
    return model._meta.concrete_model in TABLES and user.has_perm(PERMISSION)


@admin.site.page("export/<slug:app>/<slug:model>/", name="export_list")
@require_http_methods(["GET", "POST"])
def export_list(request, app, model):
    """Ask for the format of an export; answer a POST with the file."""
    model_admin = find_admin(app, model)
    if not (may_export(request.user, model_admin.model) and model_admin.has_view_permission(request)):
        raise PermissionDenied
    require_recent_proof(request)
    back = reverse(f"admin:{app}_{model}_changelist") + (f"?{request.GET.urlencode()}" if request.GET else "")
    try:
        rows = model_admin.get_changelist_instance(request).queryset
    except IncorrectLookupParameters:
        return HttpResponseRedirect(back)
    kind = request.POST.get("format")
    if kind in ("csv", "xlsx"):
        ids = list(rows.values_list("pk", flat=True)[: MAX_ROWS + 1])
        if len(ids) <= MAX_ROWS:
            name = f"{slugify(model_admin.opts.verbose_name_plural)}-{timezone.now():%Y-%m-%d}"
            return answer_table(list_cells(request, model_admin.model, ids), kind=kind, name=name)
        messages.error(request, f"The list has more than {MAX_ROWS:,} rows. Narrow it first, by a filter.")
        return HttpResponseRedirect(back)
    context = {
        **admin.site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "title": f"Export {model_admin.opts.verbose_name_plural}",
        "is_narrowed": bool(request.GET),
        "names_patients": bool(TABLES[model_admin.model._meta.concrete_model].patient),
        "max_rows": MAX_ROWS,
        "return_url": back,
    }
    return TemplateResponse(request, "admin/export.html", context)


def find_admin(app, model):
    """Return the ModelAdmin of a list; raises Http404."""
    try:
        return admin.site.get_model_admin(apps.get_model(app, model))
    except (LookupError, admin.exceptions.NotRegistered) as error:
        raise Http404 from error


def list_cells(request, model, ids) -> Iterator[list]:
    """Yield the header, and the cells of each row; the record of who has seen whom says so before each chunk."""
    table = TABLES[model._meta.concrete_model]
    home = find_home_zone()
    readers = [_make_reader(read) if isinstance(read, str) else read for read in table.columns.values()]
    yield list(table.columns)
    left = iter(ids)
    while chunk := list(islice(left, CHUNK)):
        # The list has said which rows may be seen; what was deleted since is left out.
        # Prefetched, not joined: many rows share a service, a clinician, a location.
        found = model._default_manager.prefetch_related(*table.related).in_bulk(chunk)
        if table.patient:
            seen = {getattr(row, table.patient) for row in found.values()} - {None}
            patient_access.record(request, seen, PatientAccess.Action.EXPORT)
        for id in chunk:
            if id in found:
                yield [read(found[id], home) for read in readers]


def _make_reader(path: str) -> Read:
    """Return what reads an attribute of a row, or of what it points at, or what its method returns."""
    names = path.split(".")

    def read(row, home):
        value = reduce(lambda found, name: getattr(found, name, None), names, row)
        return value() if callable(value) else value

    return read

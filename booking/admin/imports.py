"""Imports: a CSV file is checked, staff look at what it would do, and then it is imported."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache

from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.permissions import get_actor
from booking.admin.sign_in.middleware import asked_by_page
from booking.domain.imports.running import KINDS, NotChecked, begin_import, discard_import, read_refused, start_check
from booking.domain.imports.tables import UnreadableTable, read_table, write_table
from booking.models import Import
from booking.ops.request_limits import MAX_UPLOAD_BYTES
from scheduling.admin import ReadOnlyMixin

MAX_PROBLEMS = 200  # on the page; the file with the refused rows has them all


class ImportForm(forms.ModelForm):
    """A file, and what it has; ``cleaned_data["data"]`` are its bytes."""

    table = forms.FileField(
        label="CSV file", help_text="At most 5 MB. Names of columns in the first line, in any order."
    )

    class Meta:
        model = Import
        fields = ["kind", "table", "is_announced"]

    def clean(self):
        fields = super().clean()
        if "table" in fields and "kind" in fields:
            fields["data"] = fields["table"].read()
            try:
                read_table(fields["data"], KINDS[fields["kind"]].columns)
            except UnreadableTable as error:
                self.add_error("table", str(error))
        return fields


@admin.register(Import)
class ImportAdmin(ObjectToolsMixin, ReadOnlyMixin, admin.ModelAdmin):
    takes_files = True  # see booking.ops.request_limits
    max_upload_bytes = MAX_UPLOAD_BYTES
    list_display = ["page", "status", "row_count", "created_count", "known_count", "refused_count"]
    list_display_links = None
    show_full_result_count = False
    list_per_page = 50
    sortable_by = []
    object_tools = ["begin", "discard"]
    object_tool_permission = "add"

    def has_add_permission(self, request):
        return request.user.has_perm("booking.add_import")

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("example/<slug:kind>.csv", view(self.example_view), name="booking_import_example"),
            path("<uuid:pk>/progress/", never_cache(view(self.progress_view)), name="booking_import_progress"),
            path("<uuid:pk>/refused.csv", never_cache(view(self.refused_view)), name="booking_import_refused"),
            *super().get_urls(),
        ]

    @admin.display(description="import")
    def page(self, of_import):
        address = reverse("admin:booking_import_change", args=[of_import.pk])
        name = f"{of_import.get_kind_display().capitalize()}, {of_import.created_at:%-d %b %Y}"
        return format_html('<a href="{}">{}</a>', address, name)

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Imports", **(extra_context or {})})

    def add_view(self, request, form_url="", extra_context=None):
        """Take a file and have it checked."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            given = form.cleaned_data
            started = start_check(
                given["kind"], given["data"], is_announced=given["is_announced"], actor=get_actor(request)
            )
            return HttpResponseRedirect(self.get_change_url(started))
        columns = [
            (kind, label, [(column, column.is_required) for column in KINDS[kind].columns])
            for kind, label in Import.Kind.choices
        ]
        return self._render(request, "add", title="Import", form=form, columns=columns)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show how far an import is, and what it would do or has done."""
        of_import = self._get(request, object_id)
        return self._render(request, "import", title=f"Import: {of_import.get_kind_display()}", **describe(of_import))

    @asked_by_page
    def progress_view(self, request, pk):
        """Return the part of the page that changes. Once the import rests, the whole page is loaded anew."""
        of_import = self._get(request, pk)
        response = self._render(request, "_progress", **describe(of_import))
        if not of_import.is_in_progress:
            response["HX-Refresh"] = "true"
        return response

    def example_view(self, request, kind):
        """Return a file with all columns of a kind, and one row."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if kind not in KINDS:
            raise Http404
        columns = KINDS[kind].columns
        return as_file(write_table([column.name for column in columns], [[column.example for column in columns]]), kind)

    def refused_view(self, request, pk):
        """Return the rows that are refused, with why."""
        refused = read_refused(self._get(request, pk))
        if refused is None:
            raise Http404
        return as_file(refused, "not-imported")

    def begin_tool(self, request, of_import):
        """Import what was checked."""
        try:
            begin_import(of_import.pk, actor=get_actor(request))
        except NotChecked as error:
            messages.error(request, error.message)

    def discard_tool(self, request, of_import):
        """Delete the import and its file."""
        discard_import(of_import.pk)
        messages.success(request, "The file is deleted. What was imported stays.")
        return HttpResponseRedirect(reverse("admin:booking_import_changelist"))

    def _get(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        of_import = self.get_object(request, str(pk))
        if of_import is None:
            raise Http404
        return of_import

    def _render(self, request, name, **context):
        context = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, f"admin/booking/import/{name}.html", context)


def describe(of_import):
    """Return what the templates show of an import."""
    return {
        "import": of_import,
        "problems": of_import.problems.all()[:MAX_PROBLEMS],
        "more_problems": max(0, of_import.refused_count - MAX_PROBLEMS),
        "can_begin": of_import.status == Import.Status.CHECKED and of_import.file and of_import.created_count,
        "has_refused": of_import.refused_count and of_import.file and not of_import.is_in_progress,
    }


def as_file(data, name):
    """Return a response that browsers save as ``<name>.csv``."""
    return HttpResponse(
        data,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )

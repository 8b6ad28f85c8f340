"""What happened to bookings: the audit trail, to be read only."""

from contextlib import suppress
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.html import format_html

from booking.models import Appointment, Event, Hold, Order
from patients.models import Patient
from scheduling.admin import ReadOnly
from scheduling.models import Location

NAME = get_user_model().USERNAME_FIELD


def with_names(events):
    """Annotate events with ``who``: the login of the member of staff that ``actor`` is the number of, if one."""
    staff = get_user_model().objects.annotate(tag=Concat(Value("staff:"), Cast("pk", CharField())))
    return events.annotate(who=Subquery(staff.filter(tag=OuterRef("actor")).values(NAME)[:1]))


@admin.register(Event)
class EventAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["created_at", "kind", "booking", "done_by", "from_status", "to_status", "data"]
    list_display_links = None
    list_filter = ["kind", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["booking_id"]  # only so that there is a search box: see get_search_results
    search_help_text = "The reference of an appointment, or the id of a hold or an appointment."
    ordering = ["-id"]
    show_full_result_count = False
    fields = ["created_at", "kind", "booking", "sequence", "done_by", "from_status", "to_status", "data"]

    def get_queryset(self, request):
        reference = Appointment.objects.filter(pk=OuterRef("booking_id")).values("reference")
        return with_names(super().get_queryset(request)).annotate(reference=Subquery(reference))

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        booking = Q(booking_id__in=Appointment.objects.filter(reference__iexact=search_term.strip()).values("pk"))
        with suppress(ValueError):
            booking |= Q(booking_id=UUID(search_term.strip()))
        return queryset.filter(booking), False

    def booking(self, event):
        about = event.kind.partition(".")[0]
        others = {"order": Order, "patient": Patient, "location": Location}
        model = Appointment if event.reference else others.get(about, Hold)
        url = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_change", args=[event.booking_id])
        return format_html('<a href="{}">{}</a>', url, event.reference or model._meta.verbose_name)

    @admin.display(description="actor", ordering="actor")
    def done_by(self, event):
        return event.who or event.actor

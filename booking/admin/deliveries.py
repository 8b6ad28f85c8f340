"""Webhook deliveries: what was sent, what failed, and sending it again."""

import json

from django.contrib import admin, messages
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from booking.admin.object_tools import ObjectToolsMixin
from booking.integrations.webhooks import endpoints
from booking.integrations.webhooks.endpoints import AlreadyOnItsWay, EndpointDisabled
from booking.models import Delivery
from scheduling.admin import ReadOnlyMixin

NOT_SENT = "Nothing was sent: %s is disabled. Enable it first."


class EndpointFilter(admin.RelatedOnlyFieldListFilter):
    include_empty_choice = False


@admin.register(Delivery)
class DeliveryAdmin(ObjectToolsMixin, ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["event", "endpoint", "state", "tries", "answer", "next_try", "created_at"]
    list_filter = ["status", ("endpoint", EndpointFilter), ("created_at", admin.DateFieldListFilter)]
    list_select_related = ["endpoint"]
    search_fields = ["payload__type", "payload__data__id", "last_error"]
    search_help_text = "Part of what it tells or of its last error, or the id of whatever it is about."
    show_full_result_count = False
    change_form_template = "admin/booking/delivery/change_form.html"
    actions = ["redeliver"]
    object_tools = ["redeliver"]
    object_tool_permission = "redeliver"
    fields = [
        "id",
        "endpoint",
        "state",
        "tries",
        "answer",
        "next_try",
        "done_at",
        "created_at",
        "body",
    ]

    def has_redeliver_permission(self, request):
        return request.user.has_perm("booking.change_delivery")

    @admin.display(description="event")
    def event(self, delivery):
        return delivery.payload.get("type")

    @admin.display(description="status", ordering="status")
    def state(self, delivery):
        return format_html('<span class="state state-{}">{}</span>', delivery.status, delivery.get_status_display())

    @admin.display(ordering="attempts")
    def tries(self, delivery):
        return delivery.attempts

    @admin.display(description="answer")
    def answer(self, delivery):
        """Return the last attempt's error or status code."""
        return delivery.last_error or (f"HTTP {delivery.response_status}" if delivery.response_status else "–")

    @admin.display(ordering="due_at")
    def next_try(self, delivery):
        is_waiting = delivery.status == Delivery.Status.WAITING
        return date_format(localtime(delivery.due_at), "DATETIME_FORMAT") if is_waiting else "–"

    def body(self, delivery):
        return format_html("<pre>{}</pre>", json.dumps(delivery.payload, indent=2, ensure_ascii=False, sort_keys=True))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        context = {**(extra_context or {}), "may_redeliver": self.has_redeliver_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def redeliver_tool(self, request, delivery):
        """Send the delivery again."""
        self.redeliver(request, self.get_queryset(request).filter(pk=delivery.pk))

    @admin.action(description="Send the selected deliveries again", permissions=["redeliver"])
    def redeliver(self, request, queryset):
        sent, skipped = 0, {}
        for delivery in queryset.select_related("endpoint"):
            try:
                endpoints.redeliver(delivery)
                sent += 1
            except EndpointDisabled:
                skipped.setdefault(NOT_SENT % delivery.endpoint)
            except AlreadyOnItsWay:
                skipped.setdefault(f"{delivery} is being sent right now.")
        for reason in skipped:
            messages.warning(request, reason)
        if sent:
            messages.success(request, f"On their way again: {sent}.")

"""Outbox messages: what waits, what failed, and running it again."""

from django.contrib import admin, messages

from booking.models import OutboxMessage
from booking.outbox import queue
from scheduling.admin import ReadOnlyMixin


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["kind", "status", "attempts", "due_at", "last_error", "created_at", "done_at"]
    list_filter = ["status", "kind", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["kind", "last_error", "payload__appointment"]
    search_help_text = "Part of the kind or of the last error, or the id of the appointment."
    show_full_result_count = False
    actions = ["retry"]

    def has_retry_permission(self, request):
        return request.user.has_perm("booking.change_outboxmessage")

    @admin.action(description="Run again now", permissions=["retry"])
    def retry(self, request, queryset):
        for message in queryset:
            if queue.retry(message):
                messages.success(request, f"{message} is due now.")
            else:
                state = "done" if message.status == OutboxMessage.Status.DONE else "being run"
                messages.warning(request, f"{message} was not run again: it is {state}.")

"""E-mails that nobody received, until a person has seen to them: of appointments, and of orders' links."""

from django.contrib import admin, messages
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from booking.models import MessageKind, UndeliverableMail
from booking.models.enums import Job
from scheduling.admin import ReadOnlyMixin
from scheduling.lib.timezones import format_local

LABELS: dict[str, str] = {f"email.{kind}": label.removeprefix("E-mail: ") for kind, label in MessageKind.choices} | {
    Job.EMAIL_REMINDER: "a reminder",
    Job.EMAIL_APPOINTMENT_CANCELLED: "cancelled, or not confirmed",
}
# What the codes of RFC 3463 mean that are met most.
MEANINGS = {
    "5.1.1": "there is no such mailbox",
    "5.1.2": "there is no such domain",
    "5.1.10": "there is no such mailbox",
    "5.2.1": "the mailbox is closed",
    "5.2.2": "the mailbox is full",
    "5.4.4": "no mail server was found",
    "550": "there is no such mailbox",
}


def describe_reason(mail):
    """Return why a mail was not delivered, as far as its code says."""
    meaning = MEANINGS.get(mail.status_code)
    return f"{mail.status_code}, {meaning}" if meaning else mail.status_code


def describe_undeliverable(appointment):
    """Return a sentence on the last e-mail about an appointment that nobody received, or ""."""
    mail = appointment.undeliverable_mails.filter(settled_at=None).first()
    if mail is None:
        return ""
    when = format_local(mail.happened_at, appointment.location.zone)
    what = LABELS.get(mail.kind, mail.kind)
    return f"An e-mail ({what}) did not reach its address on {when}: {describe_reason(mail)}. Ask for the right one."


class SettledFilter(admin.SimpleListFilter):
    title = "settled"
    parameter_name = "settled"

    def lookups(self, request, model_admin):
        return [("all", "All")]

    def choices(self, changelist):
        for value, label in ((None, "To be seen to"), ("all", "All")):
            query = changelist.get_query_string({self.parameter_name: value} if value else {}, [self.parameter_name])
            yield {"selected": self.value() == value, "query_string": query, "display": label}

    def queryset(self, request, queryset):
        return queryset if self.value() == "all" else queryset.filter(settled_at=None)


@admin.register(UndeliverableMail)
class UndeliverableMailAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """It names no patient, nor an address: those are behind its links."""

    list_display = ["happened_at", "about", "what", "why", "source", "settled_at"]
    list_display_links = None
    list_filter = [SettledFilter, "source"]
    list_select_related = ["appointment__location"]
    show_full_result_count = False
    actions = ["settle"]

    def has_settle_permission(self, request):
        return request.user.has_perm("booking.change_undeliverablemail")

    def about(self, mail):
        """Return a link to the appointment or the order."""
        if mail.appointment_id:
            page = reverse("admin:booking_appointment_change", args=[mail.appointment_id])
            return format_html('<a href="{}">{}</a>', page, mail.appointment.reference)
        page = reverse("admin:booking_order_change", args=[mail.order_id])
        return format_html('<a href="{}">an order</a>', page)

    @admin.display(description="e-mail", ordering="kind")
    def what(self, mail):
        return LABELS.get(mail.kind, mail.kind)

    @admin.display(description="why", ordering="status_code")
    def why(self, mail):
        return describe_reason(mail)

    @admin.action(description="Settled: the patient has been reached", permissions=["settle"])
    def settle(self, request, queryset):
        number = queryset.filter(settled_at=None).update(settled_at=timezone.now())
        messages.success(request, "1 e-mail is settled." if number == 1 else f"{number} e-mails are settled.")

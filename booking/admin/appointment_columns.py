"""What the list and the page say of an appointment."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.booking_columns import BookingColumns
from scheduling.lib.timezones import format_local


class AppointmentColumns(BookingColumns):
    """Columns and fields for appointments that are annotated with home_zone() as ``home``."""

    readonly_fields = [
        "reference",
        "state",
        "when",
        "service_name",
        "clinician_name",
        "place",
        "cost",
        "attendee_name",
        "attendee_email",
        "attendee_phone",
        "patient_record",
        "approver_name",
        "asked_until",
        "provider_reference",
        "ordered",
        "cancellation_reason",
        "cancellation_note",
    ]

    # In the list

    @admin.display(ordering="starts_at")
    def time(self, appointment):
        zone = appointment.location.zone
        return format_html(
            "{}–{}<br><small>{}</small>",
            format_local(appointment.starts_at, zone, unless=zone, pattern="%H:%M"),
            format_local(appointment.ends_at, zone, unless=appointment.home, pattern="%H:%M"),
            format_local(appointment.starts_at, zone, unless=zone, pattern="%a %-d %b %Y"),
        )

    @admin.display(ordering="attendee_name")
    def attendee(self, appointment):
        return format_html("{}<br><small>{}</small>", appointment.attendee_name, appointment.attendee_phone)

    @admin.display(description="service", ordering="service__name")
    def what(self, appointment):
        place, clinician = self.place(appointment), appointment.clinician
        return format_html(
            '{}<br><small>with {}, {} · <span class="left">{}</span></small>',
            appointment.service,
            clinician,
            place,
            appointment.reference,
        )

    @admin.display(description="status", ordering="status")
    def state(self, appointment):
        return format_html(
            '<span class="state state-{}">{}</span>', appointment.status, appointment.get_status_display()
        )

    # On the page

    def when(self, appointment):
        zone = appointment.location.zone
        start = format_local(appointment.starts_at, zone, unless=zone)
        return f"{start}–{format_local(appointment.ends_at, zone, unless=appointment.home, pattern='%H:%M')}"

    @admin.display(description="price")
    def cost(self, appointment):
        return f"{appointment.price} {appointment.currency}"

    @admin.display(description="confirmed by")
    def approver_name(self, appointment):
        provider = appointment.provider
        return f"{provider} ({provider.get_kind_display()})" if provider else "the clinic itself, at once"

    @admin.display(description="answer by")
    def asked_until(self, appointment):
        if not appointment.answer_by:
            return "–"
        return format_local(appointment.answer_by, appointment.location.zone, unless=appointment.home)

    @admin.display(description="order")
    def ordered(self, appointment):
        if not appointment.order_id:
            return "none"
        url = reverse("admin:booking_order_change", args=[appointment.order_id])
        return format_html('<a href="{}">{}</a>', url, appointment.order.external_id or "its order")

    @admin.display(description="patient")
    def patient_record(self, appointment):
        url = reverse("admin:patients_patient_change", args=[appointment.patient_id])
        return format_html('<a href="{}">{}</a>', url, appointment.patient)

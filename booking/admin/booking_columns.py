"""Columns that lists of holds and appointments share."""

from django.contrib import admin

from scheduling.lib.timezones import format_local


class BookingColumns:
    """A ModelAdmin or inline of bookings that are annotated with get_home_zone() as ``home``."""

    @admin.display(ordering="starts_at")
    def when(self, booking):
        return format_local(booking.starts_at, booking.location.zone, unless=booking.home)

    @admin.display(ordering="location__name")
    def place(self, booking):
        return f"by video ({booking.location})" if booking.is_remote else str(booking.location)

    # As text, since Django renders a foreign key on a page as a link.

    @admin.display(description="service")
    def service_name(self, booking):
        return str(booking.service)

    @admin.display(description="clinician")
    def clinician_name(self, booking):
        return str(booking.clinician)

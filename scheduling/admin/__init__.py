"""Django admin of locations, services and their categories, clinicians, time off, calendars and slots."""

from scheduling.admin.calendar_warnings import CalendarWarningsMixin
from scheduling.admin.calendars import CalendarAdmin
from scheduling.admin.clinicians import ClinicianAdmin
from scheduling.admin.locations import LocationAdmin
from scheduling.admin.protected_admin import ReadOnlyMixin
from scheduling.admin.services import ServiceAdmin, ServiceCategoryAdmin
from scheduling.admin.slots import SlotAdmin
from scheduling.admin.time_off import TimeOffAdmin

__all__ = [
    "CalendarAdmin",
    "CalendarWarningsMixin",
    "ClinicianAdmin",
    "LocationAdmin",
    "ReadOnlyMixin",
    "ServiceAdmin",
    "ServiceCategoryAdmin",
    "SlotAdmin",
    "TimeOffAdmin",
]

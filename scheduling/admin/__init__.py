"""Django admin for the schedule: places, people, services, time off, calendars, and the ledger of taken time."""

from scheduling.admin.calendar_warnings import WarnsOfCalendars
from scheduling.admin.calendars import CalendarAdmin
from scheduling.admin.clinic import LocationAdmin, ServiceAdmin
from scheduling.admin.clinicians import ClinicianAdmin
from scheduling.admin.protected_admin import ReadOnly
from scheduling.admin.slots import SlotAdmin
from scheduling.admin.time_off import TimeOffAdmin

__all__ = [
    "CalendarAdmin",
    "ClinicianAdmin",
    "LocationAdmin",
    "ReadOnly",
    "ServiceAdmin",
    "SlotAdmin",
    "TimeOffAdmin",
    "WarnsOfCalendars",
]

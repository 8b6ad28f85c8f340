"""Django admin for the schedule: places, people, services, time off, calendars, and the ledger of taken time."""

from .calendars import CalendarAdmin
from .clinic import LocationAdmin, ServiceAdmin
from .clinicians import ClinicianAdmin
from .kept import ReadOnly
from .slots import SlotAdmin
from .time_off import TimeOffAdmin
from .unread import WarnsOfCalendars

__all__ = [
    "CalendarAdmin", "ClinicianAdmin", "LocationAdmin", "ReadOnly", "ServiceAdmin", "SlotAdmin", "TimeOffAdmin",
    "WarnsOfCalendars",
]

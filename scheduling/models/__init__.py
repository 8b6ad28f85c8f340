"""The clinic, its hours, clinicians' own calendars, and the time that is taken."""

from .calendars import BusyDay, Calendar
from .clinic import Clinician, Location, Service
from .hours import TimeOff, WorkingHours
from .slots import Slot

__all__ = ["BusyDay", "Calendar", "Clinician", "Location", "Service", "Slot", "TimeOff", "WorkingHours"]

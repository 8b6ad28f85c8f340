"""The clinic, its hours, clinicians' own calendars, and the time that is taken."""

from scheduling.models.calendars import BusyDay, Calendar
from scheduling.models.clinic import Clinician, Location, Service
from scheduling.models.hours import TimeOff, WorkingHours
from scheduling.models.slots import Slot

__all__ = ["BusyDay", "Calendar", "Clinician", "Location", "Service", "Slot", "TimeOff", "WorkingHours"]

"""The clinic, its hours, clinicians' own calendars, and the time that is taken."""

from scheduling.models.calendars import BusyDay, Calendar, UnreadEvent
from scheduling.models.clinic import Clinician, Location, Service, ServiceCategory
from scheduling.models.hours import ExtraHours, TimeOff, WorkingHours
from scheduling.models.images import Image, ImageFile
from scheduling.models.slots import Slot
from scheduling.models.time_off_requests import TimeOffRequest

__all__ = [
    "BusyDay",
    "Calendar",
    "Clinician",
    "ExtraHours",
    "Image",
    "ImageFile",
    "Location",
    "Service",
    "ServiceCategory",
    "Slot",
    "TimeOff",
    "TimeOffRequest",
    "UnreadEvent",
    "WorkingHours",
]

"""The addresses, below /onsched/."""

from django.urls import path, re_path

from booking.api.dialects.onsched import appointments, availability, locations, oauth
from booking.api.dialects.onsched.base import View
from booking.api.dialects.views import NotHere

APPOINTMENT = "v3/appointment/<uuid:id>"

urlpatterns = [
    path("v3/oauth/token", oauth.Token.as_view()),
    path("v3/availability", availability.Availability.as_view()),
    path("v3/appointment", appointments.Appointments.as_view()),
    path("v3/appointment/hold", appointments.AppointmentHold.as_view()),
    path(APPOINTMENT, appointments.AppointmentEntry.as_view()),
    path("v3/appointment/<hold:id>/book", appointments.AppointmentBook.as_view()),
    path(f"{APPOINTMENT}/reschedule", appointments.AppointmentReschedule.as_view()),
    path(f"{APPOINTMENT}/cancel", appointments.AppointmentCancel.as_view()),
    path("v3/location/<uuid:id>", locations.LocationEntry.as_view()),
    # Some write these in the plural.
    path("v3/appointments", appointments.Appointments.as_view()),
    path("v3/appointments/hold", appointments.AppointmentHold.as_view()),
    re_path("", NotHere.as_view(authentication_classes=View.authentication_classes)),
]

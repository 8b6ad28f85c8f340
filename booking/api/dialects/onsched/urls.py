"""The addresses, below /onsched/."""

from django.urls import path, re_path

from booking.api.dialects.onsched import (
    appointments,
    availability,
    catalogue,
    customers,
    locations,
    oauth,
    unavailability,
)
from booking.api.dialects.onsched.base import View
from booking.api.dialects.views import NotHere

APPOINTMENT = "v3/appointment/<uuid:id>"

urlpatterns = [
    path("v3/oauth/token", oauth.Token.as_view()),
    path("v3/locations", locations.Locations.as_view()),
    path("v3/location/<uuid:id>", locations.LocationEntry.as_view()),
    path("v3/services", catalogue.Services.as_view()),
    path("v3/service/<uuid:id>", catalogue.ServiceEntry.as_view()),
    path("v3/resources", catalogue.Resources.as_view()),
    path("v3/resource/<uuid:id>", catalogue.ResourceEntry.as_view()),
    path("v3/resource/<uuid:id>/services", catalogue.Services.as_view()),
    path("v3/customers", customers.Customers.as_view()),
    path("v3/customer", customers.CustomerNew.as_view()),
    path("v3/customer/<uuid:id>", customers.CustomerEntry.as_view()),
    path("v3/availability", availability.Availability.as_view()),
    path("v3/unavailability", unavailability.Unavailability.as_view()),
    path("v3/appointment", appointments.AppointmentNew.as_view()),
    path("v3/appointment/hold", appointments.AppointmentHold.as_view()),
    path("v3/appointment/reserve", appointments.AppointmentReserve.as_view()),
    path(APPOINTMENT, appointments.AppointmentEntry.as_view()),
    path("v3/appointment/<hold:id>/book", appointments.AppointmentBook.as_view()),
    path(f"{APPOINTMENT}/confirm", appointments.AppointmentConfirm.as_view()),
    path(f"{APPOINTMENT}/reschedule", appointments.AppointmentReschedule.as_view()),
    path(f"{APPOINTMENT}/cancel", appointments.AppointmentCancel.as_view()),
    path(f"{APPOINTMENT}/audit", appointments.AppointmentAudit.as_view()),
    path("v3/appointments", appointments.Appointments.as_view()),
    path("v3/appointments/filter", appointments.AppointmentList.as_view()),
    # Some write this in the plural.
    path("v3/appointments/hold", appointments.AppointmentHold.as_view()),
    re_path("", NotHere.as_view(authentication_classes=View.authentication_classes)),
]

"""The addresses of the REST API, below /api/v1/."""

from django.urls import path, re_path

from . import appointments, availability, catalogue, holds, me, patients
from .base import NotHere

urlpatterns = [
    path("me", me.Me.as_view()),
    path("appointment-types", catalogue.AppointmentTypes.as_view()),
    path("appointment-types/<uuid:id>", catalogue.AppointmentType.as_view()),
    path("clinicians", catalogue.Clinicians.as_view()),
    path("clinicians/<uuid:id>", catalogue.ClinicianEntry.as_view()),
    path("locations", catalogue.Locations.as_view()),
    path("locations/<uuid:id>", catalogue.LocationEntry.as_view()),
    path("availability", availability.Availability.as_view()),
    path("availability/days", availability.Days.as_view()),
    path("availability/next", availability.Next.as_view()),
    path("availability/explain", availability.Explain.as_view()),
    path("holds", holds.Holds.as_view()),
    path("holds/<uuid:id>", holds.HoldEntry.as_view()),
    path("holds/<uuid:id>/extend", holds.HoldExtend.as_view()),
    path("holds/<uuid:id>/move", holds.HoldMove.as_view()),
    path("holds/<uuid:id>/confirm", holds.HoldConfirm.as_view()),
    path("patients", patients.Patients.as_view()),
    path("patients/<uuid:id>", patients.PatientEntry.as_view()),
    path("appointments", appointments.Appointments.as_view()),
    path("appointments/<uuid:id>", appointments.AppointmentEntry.as_view()),
    path("appointments/<uuid:id>/reschedule", appointments.AppointmentReschedule.as_view()),
    path("appointments/<uuid:id>/cancel", appointments.AppointmentCancel.as_view()),
    path("appointments/<uuid:id>/arrive", appointments.AppointmentArrive.as_view()),
    path("appointments/<uuid:id>/complete", appointments.AppointmentComplete.as_view()),
    path("appointments/<uuid:id>/no-show", appointments.AppointmentNoShow.as_view()),
    path("cancellation-reasons", appointments.CancellationReasons.as_view()),
    re_path("", NotHere.as_view()),
]

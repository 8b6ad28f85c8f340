"""The patient's pages. A hold's token in the address is the only authority there is."""

from django.urls import path, register_converter

from . import holding, views

app_name = "widget"


class Token:
    """The secret of a hold, as in its address."""

    regex = "[A-Za-z0-9_-]{1,200}"
    to_python = to_url = staticmethod(str)


register_converter(Token, "token")

urlpatterns = [
    path("", views.services, name="services"),
    path("book/<slug:slug>/", views.times, name="times"),
    path("book/<slug:slug>/hold", views.hold, name="hold"),
    path("hold/<token:token>/", holding.details, name="details"),
    path("hold/<token:token>/countdown", holding.countdown, name="countdown"),
    path("hold/<token:token>/extend", holding.extend, name="extend"),
    path("hold/<token:token>/again", holding.again, name="again"),
    path("hold/<token:token>/release", holding.release, name="release"),
    path("hold/<token:token>/check", holding.check, name="check"),
    path("hold/<token:token>/confirm", holding.confirm, name="confirm"),
    path("hold/<token:token>/done", holding.done, name="done"),
    path("hold/<token:token>/appointment.ics", holding.appointment_ics, name="appointment_ics"),
]

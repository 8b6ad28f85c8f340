"""The patient's pages. The token in the address, of a hold, an order or an appointment, is the only authority."""

from django.urls import include, path, register_converter

from . import changing, holding, keeping, order, views, visit

app_name = "widget"


class Token:
    """A secret, as in its address."""

    regex = "[A-Za-z0-9_-]{1,200}"
    to_python = to_url = staticmethod(str)


register_converter(Token, "token")

# The same for a hold that becomes an appointment and for one that an appointment is moved to.
HOLD = [
    path("", holding.details, name="details"),
    path("countdown", keeping.countdown, name="countdown"),
    path("extend", keeping.extend, name="extend"),
    path("again", keeping.again, name="again"),
    path("release", keeping.release, name="release"),
    path("check", holding.check, name="check"),
    path("confirm", holding.confirm, name="confirm"),
]

urlpatterns = [
    path("", views.services, name="services"),
    path("book/<slug:slug>/", views.times, name="times"),
    path("book/<slug:slug>/hold", views.hold, name="hold"),
    path("hold/<token:token>/", include(HOLD)),
    path("hold/<token:token>/done", visit.done, name="done"),
    path("hold/<token:token>/appointment.ics", visit.hold_ics, name="hold_ics"),
    path("order/<token:token>/", order.times, name="order"),
    path("order/<token:token>/hold", order.hold, name="order_hold"),
    path("appointment/<token:token>/", visit.appointment, name="appointment"),
    path("appointment/<token:token>/outcome", visit.outcome, name="outcome"),
    path("appointment/<token:token>/appointment.ics", visit.appointment_ics, name="appointment_ics"),
    path("appointment/<token:token>/cancel", changing.cancel_page, name="cancel"),
    path("appointment/<token:token>/reschedule", changing.reschedule, name="reschedule"),
    path("appointment/<token:token>/reschedule/hold", changing.reschedule_hold, name="reschedule_hold"),
    path("appointment/<token:appointment>/to/<token:token>/", include(HOLD)),
]

"""The patient's pages. The token in the address, of a hold, an order or an appointment, is the only authority."""

from django.urls import include, path, register_converter

from booking.widget import (
    appointment,
    appointment_changes,
    appointment_links,
    attendance,
    checkout,
    hold_actions,
    live_times,
    order_link,
    profiles,
    questions,
    returning,
    stranded,
    verification,
    views,
    waitlist,
)

app_name = "widget"


class Token:
    """A secret, as in its address."""

    regex = "[A-Za-z0-9_-]{1,200}"
    to_python = to_url = staticmethod(str)


register_converter(Token, "token")


def make_hold_urls(confirm):
    """Return what is below the address of a hold; ``confirm`` is the view that does what it was placed for."""
    return [
        path("", checkout.details, name="details"),
        path("countdown", hold_actions.countdown, name="countdown"),
        path("note", hold_actions.note, name="note"),
        path("extend", hold_actions.extend, name="extend"),
        path("again", hold_actions.again, name="again"),
        path("release", hold_actions.release, name="release"),
        path("email", checkout.email, name="email"),
        path("check", checkout.check, name="check"),
        path("confirm", confirm, name="confirm"),
    ]


urlpatterns = [
    path("", views.services, name="services"),
    path("links", appointment_links.send_links, name="links"),
    path("book/<slug:slug>/", views.times, name="times"),
    path("book/<slug:slug>/hold", views.hold, name="hold"),
    path("changes/<token:token>", live_times.changes, name="changes"),
    path("book/<slug:slug>/proof", verification.booking_link, name="proof"),
    path("book/<slug:slug>/wait", waitlist.wait, name="wait"),
    path("waiting/<token:token>/", waitlist.wish, name="wish"),
    path("waiting/<token:token>/change", waitlist.change_wish, name="change_wish"),
    path("hold/<token:token>/", include(make_hold_urls(checkout.confirm))),
    path("hold/<token:token>/done", appointment.done, name="done"),
    path("hold/<token:token>/address", appointment.correct, name="correct"),
    path("hold/<token:token>/appointment.ics", appointment.hold_ics, name="hold_ics"),
    path("returning/", returning.ask, name="returning"),
    path("returning/<token:token>/", returning.code, name="returning_code"),
    path("me/", returning.visits, name="me"),
    path("order/<token:token>/", order_link.times, name="order"),
    path("order/<token:token>/hold", order_link.hold, name="order_hold"),
    path("clinicians/<uuid:id>/", profiles.clinician, name="clinician"),
    path("locations/<uuid:id>/", profiles.location, name="location"),
    path("verify/<token:token>/", verification.verify, name="verify"),
    path("appointment/<token:token>/", appointment.appointment, name="appointment"),
    path("appointment/<token:token>/outcome", appointment.outcome, name="outcome"),
    path("appointment/<token:token>/appointment.ics", appointment.appointment_ics, name="appointment_ics"),
    path("appointment/<token:token>/questions", questions.questions, name="questions"),
    path("appointment/<token:token>/cancel", appointment_changes.cancel_page, name="cancel"),
    path("appointment/<token:token>/coming", attendance.coming, name="coming"),
    path("appointment/<token:token>/no-reminders", attendance.no_reminders, name="no_reminders"),
    path("r/<token:token>", attendance.short, name="short"),
    path("appointment/<token:token>/earlier", waitlist.earlier, name="earlier"),
    path("another-time/<token:token>/", stranded.choose, name="stranded"),
    path("appointment/<token:token>/reschedule", appointment_changes.reschedule, name="reschedule"),
    path("appointment/<token:token>/reschedule/hold", appointment_changes.reschedule_hold, name="reschedule_hold"),
    path("appointment/<token:appointment>/to/<token:token>/", include(make_hold_urls(checkout.confirm_move))),
]

"""The addresses, below /junction/."""

from django.urls import path, re_path

from booking.api.dialects.junction import views
from booking.api.dialects.junction.slots import KINDS
from booking.api.dialects.views import NotHere


def addresses(kind):
    """Return the addresses of appointments of a kind."""
    of_all, of_order = f"v3/order/{kind}/appointment", f"v3/order/<uuid:order_id>/{kind}/appointment"
    return [
        path(address, view.as_view(), {"kind": kind})
        for address, view in [
            (f"{of_all}/availability", views.Availability),
            (f"{of_all}/cancellation-reasons", views.CancellationReasons),
            (of_order, views.AppointmentEntry),
            (f"{of_order}/book", views.AppointmentBook),
            (f"{of_order}/reschedule", views.AppointmentReschedule),
            (f"{of_order}/cancel", views.AppointmentCancel),
        ]
    ]


urlpatterns = [
    *[address for kind in KINDS for address in addresses(kind)],
    re_path("", NotHere.as_view(authentication_classes=views.View.authentication_classes)),
]

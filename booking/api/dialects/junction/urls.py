"""The addresses, below /junction/."""

from django.urls import path, re_path

from booking.api.dialects.junction import appointments, areas, lab_tests, orders, users
from booking.api.dialects.junction.base import JunctionKeyAuthentication
from booking.api.dialects.junction.slots import KINDS
from booking.api.dialects.views import NotHere

ORDER = "v3/order/<uuid:order_id>"


def addresses(kind):
    """Return the addresses of appointments of a kind."""
    of_all, of_order = f"v3/order/{kind}/appointment", f"{ORDER}/{kind}/appointment"
    return [
        path(address, view.as_view(), {"kind": kind})
        for address, view in [
            (f"{of_all}/availability", appointments.Availability),
            (f"{of_all}/cancellation-reasons", appointments.CancellationReasons),
            (of_order, appointments.AppointmentEntry),
            (f"{of_order}/book", appointments.AppointmentBook),
            (f"{of_order}/reschedule", appointments.AppointmentReschedule),
            (f"{of_order}/cancel", appointments.AppointmentCancel),
        ]
    ]


urlpatterns = [
    path("v2/user", users.Users.as_view()),
    path("v2/user/<uuid:user_id>", users.UserEntry.as_view()),
    path("v2/user/resolve/<path:client_user_id>", users.UserByClientId.as_view()),
    path("v3/lab_tests", lab_tests.LabTests.as_view()),
    path("v3/lab_tests/<uuid:lab_test_id>", lab_tests.LabTestEntry.as_view()),
    path("v3/lab_test", lab_tests.LabTestPages.as_view()),
    path("v3/order", orders.NewOrder.as_view()),
    path("v3/orders", orders.Orders.as_view()),
    path("v3/order/area/info", areas.Area.as_view()),
    path("v3/order/psc/info", areas.Centers.as_view()),
    path(ORDER, orders.OrderEntry.as_view()),
    path(f"{ORDER}/cancel", orders.OrderCancel.as_view()),
    path(f"{ORDER}/test", orders.OrderSimulation.as_view()),
    path(f"{ORDER}/psc/info", areas.OrderCenters.as_view()),
    path(f"{ORDER}/phlebotomy/appointment/request", appointments.AppointmentRequest.as_view()),
    *[address for kind in KINDS for address in addresses(kind)],
    re_path("", NotHere.as_view(authentication_classes=[JunctionKeyAuthentication])),
]

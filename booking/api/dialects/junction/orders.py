"""Orders: create, list, read and cancel them, and simulate what becomes of one."""

from datetime import datetime

from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ValidationError

from booking.api.answers import Answer
from booking.api.dialects.junction.base import Scope, View
from booking.api.dialects.junction.inputs import OrderFilters, OrderInput, SimulationInput, SimulationQuery
from booking.api.dialects.views import operation
from booking.api.fields import as_moment
from booking.domain.approval_sync import apply_decision
from booking.domain.orders import cancel_order, create_order
from booking.integrations.approvers import get_approver
from booking.integrations.webhooks.junction.orders import AT_HOME, list_order_events, write_order
from booking.models import UNRESTRICTED, Appointment, Order

# What an approver has to decide for an order to have a status: the last part of its name.
SIMULATIONS = {
    "appointment_pending": "reserved",
    "appointment_scheduled": "confirmed",
    "appointment_cancelled": "cancelled",
    "draw_completed": "completed",
    "completed": "completed",
    "cancelled": "cancelled",
}


class OrderView(View):
    """What all endpoints of orders share."""

    scopes = {"POST": Scope.WRITE_ORDERS}

    def order(self, order_id):
        return get_object_or_404(Order.objects.select_related("service", "patient"), UNRESTRICTED, pk=order_id)

    def write_orders(self, orders):
        """Return orders as they are written to the key, in a fixed number of queries."""
        events, shows_patient = list_order_events(orders), self.key.may(Scope.READ_PATIENTS)
        self.shown = {order.patient_id for order in orders}
        return [
            write_order(order, events[order.pk], team_id=self.team_id, shows_home=True, shows_patient=shows_patient)
            for order in orders
        ]

    def answer_order(self, order, message):
        [written] = self.write_orders([order])
        return Answer({"order": written, "status": "success", "message": message})


class NewOrder(OrderView):
    """Create an order for a user, whom the first one identifies, or for a patient."""

    @operation(body=OrderInput)
    def post(self, request):
        return self.answer_order(create_order(**self.body(), actor=self.key.actor), "The order is created.")


class Orders(OrderView):
    """List orders, the newest first, in pages by number."""

    scopes = {"GET": Scope.WRITE_ORDERS}

    @operation(query=OrderFilters)
    def get(self, request):
        page, size = self.parameters["page"], self.parameters["size"]
        found = Order.objects.filter(UNRESTRICTED, get_condition(**self.parameters)).select_related(
            "service", "patient"
        )
        orders = list(found.order_by("-created_at", "-pk")[(page - 1) * size : page * size])
        return Answer({"orders": self.write_orders(orders), "total": found.count(), "page": page, "size": size})


def get_condition(
    user_id=None,
    order_ids=None,
    order_type=(),
    start_date=None,
    end_date=None,
    updated_start_date=None,
    updated_end_date=None,
    **page,
):
    """Return which orders are asked for. A day without a time is the whole day, of UTC."""
    condition = Q()
    if user_id:
        condition &= Q(client_user=user_id) | Q(patient=user_id)
    if order_ids is not None:
        condition &= Q(pk__in=order_ids)
    if order_type:
        is_at_home = ~Q(address_line_1="", unit="", address_line_2="", city="", state="", postcode="", country="")
        kinds = {kind == AT_HOME for kind in order_type}
        condition &= Q() if len(kinds) == 2 else is_at_home if True in kinds else ~is_at_home
    for name, first, last in (
        ("created_at", start_date, end_date),
        ("updated_at", updated_start_date, updated_end_date),
    ):
        if first:
            condition &= Q(**{f"{name}__gte": as_moment(first)})
        if isinstance(last, datetime):
            condition &= Q(**{f"{name}__lte": last})
        elif last:
            condition &= Q(**{f"{name}__lt": as_moment(last, is_end=True)})
    return condition


class OrderEntry(OrderView):
    """Read an order."""

    scopes = {"GET": Scope.WRITE_ORDERS}

    @operation()
    def get(self, request, order_id):
        [written] = self.write_orders([self.order(order_id)])
        return Answer(written)


class OrderCancel(OrderView):
    """Cancel an order: it cannot be booked any more."""

    @operation()
    def post(self, request, order_id):
        order = self.order(order_id)
        cancel_order(order, actor=self.key.actor)
        return self.answer_order(order, "The order is cancelled.")


class OrderSimulation(OrderView):
    """Have the stand-in for an approver decide. Where a real one decides, there is no such thing."""

    @operation(query=SimulationQuery, body=SimulationInput)
    def post(self, request, order_id):
        self.body()
        order, status = self.order(order_id), self.parameters.get("final_status", "completed").split(".")[-1]
        appointments = Appointment.objects.select_related("service", "location", "provider")
        appointment = appointments.filter(order=order).order_by("-created_at").first()
        if appointment is None or not get_approver(appointment.provider).is_stand_in:
            raise Http404
        if status not in SIMULATIONS:
            raise ValidationError(
                {"final_status": f"Its last part can be one of these: {', '.join(SIMULATIONS)}."}, "invalid_choice"
            )
        apply_decision(appointment, SIMULATIONS[status])
        if status == "cancelled":
            cancel_order(order, actor=self.key.actor)
        return Answer({"success": True})

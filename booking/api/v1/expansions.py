"""Expansions: on request, the thing itself is written beside its id."""

from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple
from uuid import UUID

from rest_framework import serializers

from booking.api.fields import Choice
from booking.api.outputs import AppointmentOutput, HoldOutput
from booking.api.patient_outputs import PatientOutput
from booking.api.refusals import MissingScope
from booking.api.serializers import Query
from booking.api.v1.catalogue import AppointmentTypeOutput, ClinicianOutput, LocationOutput, write_catalogue
from booking.api.v1.order_output import OrderOutput, write_orders
from booking.api.v1.questions import SheetOutput, write_sheets
from booking.models import UNRESTRICTED, ApiKey, Order
from patients.models import Patient


def write_by_id(output, ids, key):
    things = write_catalogue(output, output.rows(key).filter(pk__in=ids), key)
    return {UUID(thing["id"]): thing for thing in things}


def write_patients(ids, key):
    patients = Patient.objects.filter(pk__in=ids, archived_at=None)
    return {patient.pk: PatientOutput(patient).data for patient in patients}


def write_orders_by_id(ids, key):
    orders = list(Order.objects.filter(UNRESTRICTED, pk__in=ids))
    return {order.pk: written for order, written in zip(orders, write_orders(orders, key), strict=True)}


class Expansion(NamedTuple):
    """A member ``expand`` adds: the scope that reads such things, the column with their id, and what writes them."""

    scope: ApiKey.Scope
    column: str
    write: Callable[[Collection[UUID], ApiKey], dict]


READ_TYPES = ApiKey.Scope.READ_APPOINTMENT_TYPES
EXPANSIONS = {
    "appointment_type": Expansion(READ_TYPES, "service_id", partial(write_by_id, AppointmentTypeOutput)),
    "clinician": Expansion(READ_TYPES, "clinician_id", partial(write_by_id, ClinicianOutput)),
    "location": Expansion(READ_TYPES, "location_id", partial(write_by_id, LocationOutput)),
    "patient": Expansion(ApiKey.Scope.READ_PATIENTS, "patient_id", write_patients),
    "order": Expansion(ApiKey.Scope.WRITE_ORDERS, "order_id", write_orders_by_id),
}


# Of appointments alone.
EXPANSIONS_OF_APPOINTMENT = EXPANSIONS | {"answers": Expansion(ApiKey.Scope.READ_ANSWERS, "id", write_sheets)}


class Expand(serializers.ListField):
    """The names of members to add; raises MissingScope where the key could not read such a thing by itself."""

    def __init__(self, *names, **options):
        help_text = "May be repeated: writes the thing itself, too. Needs the scope that reads it."
        super().__init__(child=Choice(names), required=False, max_length=len(names), help_text=help_text, **options)

    def to_internal_value(self, data):
        names = super().to_internal_value(data)
        key = self.context["key"]
        for name in names:
            scope = EXPANSIONS_OF_APPOINTMENT[name].scope
            if not key.may(scope):
                raise MissingScope(scope)
        return names


def expand(rows, written, view):
    """Return the rows as they are written, with the members that the address asks for: one query or two for each."""
    for name in view.parameters.get("expand", ()):
        expansion = EXPANSIONS_OF_APPOINTMENT[name]
        ids = [getattr(row, expansion.column) for row in rows]
        things = expansion.write({id for id in ids if id}, view.key)
        written = [{**one, name: things.get(id)} for one, id in zip(written, ids, strict=True)]
    return written


class BookingQuery(Query):
    """What to write beside the ids."""

    expand = Expand(*EXPANSIONS)


class AppointmentQuery(Query):
    """What to write beside the ids."""

    expand = Expand(*EXPANSIONS_OF_APPOINTMENT)


EXPANDED_OF_ORDER = ["appointment_type", "patient"]


class OrderQuery(Query):
    """What to write beside the ids."""

    expand = Expand(*EXPANDED_OF_ORDER)


ONLY_EXPANDED = {"required": False, "allow_null": True, "help_text": "Only where `expand` asks for it."}


class Expanded(serializers.Serializer):
    """The members that `expand` can ask for."""

    appointment_type = AppointmentTypeOutput(**ONLY_EXPANDED)
    clinician = ClinicianOutput(**ONLY_EXPANDED)
    location = LocationOutput(**ONLY_EXPANDED)
    patient = PatientOutput(**ONLY_EXPANDED)
    order = OrderOutput(**ONLY_EXPANDED)


class ExpandedHoldOutput(Expanded, HoldOutput):
    """A hold, with what `expand` asks for."""

    always = HoldOutput.Meta.fields

    class Meta(HoldOutput.Meta):
        fields = [*HoldOutput.Meta.fields, *EXPANSIONS]


class ExpandedAppointmentOutput(Expanded, AppointmentOutput):
    """An appointment, with what `expand` asks for."""

    answers = SheetOutput(**ONLY_EXPANDED)

    always = AppointmentOutput.Meta.fields

    class Meta(AppointmentOutput.Meta):
        fields = [*AppointmentOutput.Meta.fields, *EXPANSIONS_OF_APPOINTMENT]


class ExpandedOrderOutput(Expanded, OrderOutput):
    """An order, with what `expand` asks for."""

    always = OrderOutput.Meta.fields

    class Meta(OrderOutput.Meta):
        fields = [*OrderOutput.Meta.fields, *EXPANDED_OF_ORDER]

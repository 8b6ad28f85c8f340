"""Names of the lists of words in the OpenAPI document, so that typed clients have a type for each."""

from booking.api.v1.appointments import AppointmentFilters
from booking.api.v1.catalogue import CatalogueFilters
from booking.api.v1.expansions import EXPANSIONS, OrderQuery
from booking.api.v1.holds import HoldFilters
from booking.api.v1.orders import OrderFilters
from booking.api.v1.schedule_rows import Weekday
from booking.integrations.webhooks.endpoints import TEST
from booking.models import ApiKey, Appointment, Delivery, Hold, WebhookEndpoint
from scheduling.availability.assignment import Assign
from scheduling.availability.search import Reason
from scheduling.models import Service

# One that is not here is named after where it stands first: the status of a Hold would be HoldStatus.
NAMES = {
    "AnyCancellationReason": Appointment.CancellationReason.values,
    "AppointmentSort": list(AppointmentFilters().fields["sort"].choices),
    "AppointmentStatus": Appointment.Status.values,
    "Assign": [how.value for how in Assign],
    "BookingExpansion": list(EXPANSIONS),
    "CancellationReason": [value for value, _ in Appointment.CancellationReason.given()],
    "CatalogueSort": list(CatalogueFilters().fields["sort"].choices),
    "DeliveryStatus": Delivery.Status.values,
    "DeliveryType": [*WebhookEndpoint.Kind.values, TEST],
    "HoldSort": list(HoldFilters().fields["sort"].choices),
    "HoldStatus": Hold.Status.values,
    "KeyKind": ApiKey.Kind.values,
    "NotOfferedReason": [reason.value for reason in Reason],
    "OrderExpansion": list(OrderQuery().fields["expand"].child.choices),
    "Scope": ApiKey.Scope.values,
    "ServiceMode": Service.Mode.values,
    "Sort": list(OrderFilters().fields["sort"].choices),
    "Weekday": Weekday.NAMES,
    "WebhookEvent": WebhookEndpoint.Kind.values,
    "WebhookFormat": WebhookEndpoint.Format.values,
}


def name_enums(document):
    """Replace every list of words by a reference to a schema with its name."""
    names = {frozenset(words): name for name, words in NAMES.items()}
    schemas, named = document["components"]["schemas"], {}

    def name(place, schema):
        words = [word for word in schema.pop("enum") if word is not None]
        key = names.setdefault(frozenset(words), place)
        if set(named.setdefault(key, words)) != set(words) or key in schemas:
            raise ValueError(f"Two things would be called {key}: name this one in enums.NAMES.")
        reference = {"$ref": f"#/components/schemas/{key}"}
        is_nullable = "null" in schema.pop("type")
        schema.pop("minLength", None)
        schema.update({"oneOf": [reference, {"type": "null"}]} if is_nullable else reference)

    def walk(place, node):
        if isinstance(node, list):
            for inner in node:
                walk(place, inner)
        elif isinstance(node, dict):
            if isinstance(node.get("enum"), list):
                name(place, node)
            for member, inner in node.items():
                walk(place if member in ("items", "oneOf", "anyOf") else place + pascal(member), inner)

    for component, schema in schemas.items():
        for member, inner in schema.get("properties", {}).items():
            walk(component + pascal(member), inner)
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                walk(pascal(operation["operationId"]) + pascal(parameter["name"]), parameter["schema"])
    schemas |= {key: {"type": "string", "enum": words} for key, words in sorted(named.items())}


def pascal(name):
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))

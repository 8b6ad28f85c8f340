"""A booking with the Python client that openapi-python-client generates; mypy --strict reads this too."""

import datetime
import os
import types
import typing

from holdfast import AuthenticatedClient
from holdfast.api.appointments import cancel_appointment, reschedule_appointment
from holdfast.api.availability import list_availability
from holdfast.api.catalogue import list_appointment_types
from holdfast.api.holds import confirm_hold, place_hold
from holdfast.models import (
    Appointment,
    AppointmentAnswer,
    AppointmentTypePage,
    CancelInput,
    CancellationReason,
    ConfirmForPerson,
    HoldAnswer,
    HoldStatus,
    OpeningPage,
    PersonInput,
    PlaceByBookingKey,
    ProblemSlotTaken,
    RescheduleByBookingKey,
)

client = AuthenticatedClient(base_url=os.environ["BASE"], token=os.environ["KEY"])


def list_types(hint: object) -> set[object]:
    """Return the types that a hint is a union of."""
    return set(typing.get_args(hint)) if isinstance(hint, types.UnionType) else {hint}


for module in (place_hold, confirm_hold, reschedule_appointment):
    hints = typing.get_type_hints(module.sync)
    assert typing.Any not in list_types(hints["body"]) | list_types(hints["return"]), hints
assert PlaceByBookingKey in list_types(typing.get_type_hints(place_hold.sync)["body"])
assert ConfirmForPerson in list_types(typing.get_type_hints(confirm_hold.sync)["body"])
assert RescheduleByBookingKey in list_types(typing.get_type_hints(reschedule_appointment.sync)["body"])

services = list_appointment_types.sync(client=client)
assert isinstance(services, AppointmentTypePage)
today = datetime.datetime.now(datetime.UTC).date()
openings = list_availability.sync(
    client=client,
    appointment_type_id=services.data[0].id,
    start_date=today + datetime.timedelta(days=7),
    end_date=today + datetime.timedelta(days=14),
)
assert isinstance(openings, OpeningPage)
first, *_, last = openings.data

held = place_hold.sync(client=client, body=PlaceByBookingKey(booking_key=first.booking_key))
assert isinstance(held, HoldAnswer)
assert (held.data.status, held.data.start_time) == (HoldStatus.ACTIVE, first.start_time)
refused = place_hold.sync(client=client, body=PlaceByBookingKey(booking_key=first.booking_key))
assert isinstance(refused, ProblemSlotTaken)
assert (refused.code, len(refused.alternatives)) == ("slot-taken", 3)

alice = PersonInput(
    first_name="Alice", last_name="Archer", date_of_birth=datetime.date(1985, 4, 12), email="alice@example.org"
)
confirmed = confirm_hold.sync(
    held.data.id, client=client, body=ConfirmForPerson(patient=alice), idempotency_key=str(held.data.id)
)
assert isinstance(confirmed, AppointmentAnswer)

moved = reschedule_appointment.sync(
    confirmed.data.id, client=client, body=RescheduleByBookingKey(booking_key=last.booking_key)
)
assert isinstance(moved, AppointmentAnswer)
assert (moved.data.id, moved.data.start_time) == (confirmed.data.id, last.start_time)

cancelled = cancel_appointment.sync(
    moved.data.id, client=client, body=CancelInput(reason=CancellationReason.PATIENT_REQUEST)
)
assert isinstance(cancelled, AppointmentAnswer)
appointment: Appointment = cancelled.data
print(appointment.reference, appointment.status)

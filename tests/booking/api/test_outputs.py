"""What is written by hand is what its serializer, and so OpenAPI, says."""

import pytest
from django.utils import timezone

from booking.api.outputs import AppointmentOutput, HoldOutput, write_appointments, write_hold
from booking.models import Appointment, Hold, Provider

# Those that are no attributes of the row: bodies are compared whole where the endpoints are tested.
COMPUTED = {
    HoldOutput: {"status", "server_time", "seconds_left", "extensions_left"},
    AppointmentOutput: {"external_id", "answer_by", "can_reschedule", "can_cancel", "events"},
}


def assert_written_as_declared(form, row, written):
    fields = form().fields
    assert list(written) == list(fields)
    for name in fields.keys() - COMPUTED[form]:
        value = fields[name].get_attribute(row)
        assert written[name] == (None if value is None else fields[name].to_representation(value)), name


@pytest.fixture
def key(make_key):
    return make_key()[0]


def test_hold_is_written_as_its_serializer_says(key, hold_time, at):
    hold = hold_time(at(9), external_id="T-7", metadata={"room": "4"})

    assert_written_as_declared(HoldOutput, hold, write_hold(hold, key))
    assert_written_as_declared(HoldOutput, Hold.objects.get(), write_hold(Hold.objects.get(), key))


def test_appointment_is_written_as_its_serializer_says(key, book, at, order):
    bare = book(at(9))
    full = book(at(10), order.patient, order=order)
    full.provider = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    full.arrived_at = full.seen_at = full.answer_by = timezone.now()
    full.status = Appointment.Status.PENDING
    full.contact_name, full.relation, full.meeting_url = "Bob Archer", "parent", "https://video.example/1"

    for appointment, written in zip([bare, full], write_appointments([bare, full], key), strict=True):
        assert_written_as_declared(AppointmentOutput, appointment, written)
    stored = Appointment.objects.get(pk=bare.pk)
    assert_written_as_declared(AppointmentOutput, stored, *write_appointments([stored], key))

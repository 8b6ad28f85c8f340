"""What other systems keep with a row, on its page in admin: to be read there, not changed."""

import pytest

from booking.models import Appointment, Hold, Order
from patients.models import Patient
from scheduling.models import Clinician, Location, Service
from tests.booking.admin.pages import get_text, url

MODELS = {
    "booking_appointment": Appointment,
    "booking_hold": Hold,
    "booking_order": Order,
    "patients_patient": Patient,
    "scheduling_clinician": Clinician,
    "scheduling_location": Location,
    "scheduling_service": Service,
}


@pytest.mark.parametrize("name", MODELS)
def test_page_shows_external_id_and_metadata_where_there_are_any(name, morgan, book, order, at):
    book(at(9))
    row = MODELS[name].objects.first()
    MODELS[name].objects.filter(pk=row.pk).update(external_id="", metadata={})
    address = url(name, "change", row.pk)
    without = get_text(morgan.get(address))

    MODELS[name].objects.filter(pk=row.pk).update(external_id="EXT-881", metadata={"ward": "seven"})
    page = morgan.get(address)

    assert "seven" not in without and "Metadata" not in without
    assert page.status_code == 200
    assert '{"ward": "seven"}' in get_text(page) and "EXT-881" in page.content.decode()
    assert 'name="metadata"' not in page.content.decode()

from html.parser import HTMLParser
from itertools import count

import pytest
from django.test import Client

from booking.models import Appointment
from booking.widget.forms import write_opening
from scheduling.availability.search import Opening
from tests.ledger import lapse

TYPED = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth_day": "12",
    "date_of_birth_month": "4",
    "date_of_birth_year": "1985",
    "email": "alice@example.org",
    "phone": "020 7946 0123",
    "notes": "I use a wheelchair.",
}


NETWORKS = count(1)


@pytest.fixture
def alone():
    """A browser in a network of its own, for what a network may do a few times a minute."""
    return Client(REMOTE_ADDR=f"10.11.12.{next(NETWORKS)}")


@pytest.fixture
def typed():
    """What Alice types."""
    return dict(TYPED)


@pytest.fixture
def opening(consultation, dana, harbour):
    """The value of the button of a time with Dana: ``opening(at(9))``."""

    def opening(starts_at, **changes):
        start = int(starts_at.timestamp())
        fields = {"start": start, "end": start + 1800, "clinician_id": dana.pk, "location_id": harbour.pk}
        return write_opening(Opening(**fields | {"is_remote": False} | changes))

    return opening


@pytest.fixture
def held(hold_time, at):
    """Alice's hold on nine o'clock."""
    return hold_time(at(9))


@pytest.fixture
def lapsed(held):
    """Alice's hold on nine o'clock, which has run out."""
    lapse(held)
    return held


@pytest.fixture
def booked(client, held, typed):
    """Alice's appointment at nine, booked on the pages, and the hold it came from."""
    response = client.post(f"/hold/{held.token}/confirm", typed)
    assert response.status_code == 303
    return Appointment.objects.get()


class Page(HTMLParser):
    """What a person finds on a page: its words, its links and buttons, and what stands in its inputs."""

    def __init__(self, response):
        super().__init__()
        self.words, self.links, self.buttons, self.inputs, self.ids = [], [], [], {}, []
        self.feed(response.content.decode())
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs.get("href"))
        if tag == "button" and "name" in attrs:
            self.buttons.append(attrs["value"])
        if tag == "input" and "name" in attrs:
            is_box = attrs.get("type") == "checkbox"
            self.inputs[attrs["name"]] = "checked" in attrs if is_box else attrs.get("value", "")

    def handle_data(self, data):
        if self.lasttag != "script":  # it has what is said later
            self.words.append(data)

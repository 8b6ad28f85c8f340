"""Response times of confirming for known and unknown people, which must not reveal who is a patient."""

import json
import statistics
import time
from bisect import bisect_left, bisect_right
from datetime import timedelta
from secrets import token_hex

from django.test import Client, override_settings
from django.utils import timezone

from booking.access.api_keys import create_key
from booking.models import ApiKey
from patients.models import Patient
from tests.bench.clinic import make_clinic

PAIRS = 500
BOUND = 0.05  # how far from a half it may be how often a known person takes longer
SITE = "https://www.clinic.example"


@override_settings(ONLINE_BOOKINGS_FLOOR=1_000_000)  # calm, so that all of them are confirmed at once
def print_sameness():
    """Print the median times and how often a known person takes longer; expects the patients of make_patients."""
    service = make_clinic(clinicians=50, slots=10_000)
    _, key = create_key(
        name="bench",
        kind="publishable",
        scopes=ApiKey.PUBLIC_SCOPES,
        allowed_origins=[SITE],
        requests_per_minute=1_000_000,
    )
    known = list(Patient.objects.order_by("phone")[:PAIRS])
    today = timezone.now().date()
    dates = {"start_date": today, "end_date": today + timedelta(days=14)}
    openings = Visitor(key).call("GET", "/availability", query={"appointment_type_id": service.pk, **dates})["data"]
    print(f"A page confirms for somebody, {PAIRS} times each in turns, among {Patient.objects.count():,} patients")
    times = {"known": [], "unknown": []}
    for number, patient in enumerate(known):
        for kind in sorted(times, reverse=number % 2):
            person = {
                "first_name": patient.first_name,
                "last_name": patient.last_name,
                "phone": patient.phone,
                "date_of_birth": str(patient.date_of_birth),
                "email": patient.email if kind == "known" else f"{token_hex(8)}@example.org",
            }
            times[kind].append(confirm(Visitor(key), openings.pop(), person))
    for kind, milliseconds in times.items():
        print(f"  {kind:<32} {statistics.median(milliseconds):8.2f} ms")
    share = get_share_longer(times["known"], times["unknown"])
    verdict = "as it must be" if abs(share - 0.5) < BOUND else "TOO FAR FROM A HALF"
    print(f"  {'a known one takes longer in':<32} {share:8.1%}      {verdict}")


def get_share_longer(times, others):
    """Return in how many of all pairs the first is the longer one, ties halved: the U of Mann and Whitney."""
    others = sorted(others)
    wins = sum(bisect_left(others, each) + bisect_right(others, each) for each in times) / 2
    return wins / (len(times) * len(others))


class Visitor:
    """A visitor with an IP address of their own, because rate limits count per address."""

    def __init__(self, key):
        self.headers = {"Authorization": f"Bearer {key}", "Origin": SITE}
        self.client = Client(REMOTE_ADDR=f"2001:db8:{token_hex(2)}:{token_hex(2)}::1", SERVER_NAME="localhost")

    def call(self, method, path, body=None, query=None):
        response = self.client.generic(
            method,
            f"/api/v1{path}",
            json.dumps(body).encode() if body else b"",
            "application/json",
            headers=self.headers,
            query_params=query,
            secure=True,
        )
        assert response.status_code in (200, 201), response.content
        return response.json()


def confirm(visitor, opening, person):
    """Hold an opening, confirm it, and return the milliseconds of the confirm request."""
    hold = visitor.call("POST", "/holds", {"booking_key": opening["booking_key"]})["data"]["id"]
    started = time.perf_counter()
    visitor.call("POST", f"/holds/{hold}/confirm", {"patient": person})
    return (time.perf_counter() - started) * 1000

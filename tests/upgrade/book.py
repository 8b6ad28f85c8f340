"""Book in the database that DATABASE_URL names, and print as JSON what came of it and what is still known of old times.

A program of its own, run by test_upgrade: Django cannot change its database on the way.
"""

import json
import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from booking.domain.confirmation import confirm_hold  # noqa: E402
from booking.domain.expiry import cancel_unanswered, expire_stale_holds  # noqa: E402
from booking.domain.holds import Holder, find_hold, place_hold  # noqa: E402
from booking.domain.slot_selection import OpeningRequest  # noqa: E402
from booking.models import Appointment, Event, WebhookEndpoint  # noqa: E402
from patients.models import Patient  # noqa: E402
from scheduling.availability.queries import OpeningFilters  # noqa: E402
from scheduling.availability.search import open_times  # noqa: E402
from scheduling.lib.currencies import write_decimals  # noqa: E402
from scheduling.models import Clinician, Location, Service  # noqa: E402


def describe(appointment):
    kinds = Event.objects.filter(subject_id=appointment.pk).order_by("sequence").values_list("kind", flat=True)
    return {
        "status": appointment.status,
        "patient": str(appointment.patient),
        "price": f"{write_decimals(appointment.price, appointment.currency)} {appointment.currency}",
        "events": list(kinds),
    }


expire_stale_holds()  # those of the day of the dump
cancel_unanswered()

now = timezone.now()
service = Service.objects.get(slug="physio-assessment")
opening = open_times(OpeningFilters(service), start_at=now, end_at=now + timedelta(days=21), now=now)[0]
hold = place_hold(
    OpeningRequest(
        service,
        opening.starts_at,
        Clinician.objects.get(pk=opening.clinician_id),
        Location.objects.get(pk=opening.location_id),
        opening.is_remote,
    ),
    holder=Holder("a visitor of today"),
    actor="patient",
)
appointment = confirm_hold(
    find_hold(hold.token),
    patient=Patient(first_name="Alice", last_name="Archer", email="alice@example.org", phone="+442079460123"),
    actor="patient",
)
old = Appointment.objects.filter(status="completed").earliest("starts_at", "pk")
print(
    json.dumps(
        {
            "new": describe(appointment),
            "old": describe(old),
            "merged records": Patient.objects.exclude(merged_into=None).count(),
            "secrets": [endpoint.secret[:6] for endpoint in WebhookEndpoint.objects.all()],
        }
    )
)

"""The clinic of a proof, written into an empty database by a program of its own: it prints what clients must know."""

import json
import sys
from datetime import UTC, datetime, time, timedelta

import django

django.setup()

from booking.access.api_keys import create_key  # noqa: E402
from booking.access.signatures import make_secret  # noqa: E402
from booking.models import ApiKey, WebhookEndpoint  # noqa: E402
from scheduling.models import Clinician, Location, Service, WorkingHours  # noqa: E402

SHORT_HOLD = 2  # seconds: holds at one location run out while clients look on
TOLD = ["appointment.created", "appointment.rescheduled", "appointment.cancelled"]
NAMES = ["Dana Reed", "Otis Hale", "Bea Unsworth", "Ines Costa", "Noor Haddad", "Piet Vos", "Lena Brandt", "Tom Ashby"]


def make_clinic(days):
    harbour = Location.objects.create(name="Harbour Street", city="London", timezone="Europe/London")
    mill = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London", hold_seconds=SHORT_HOLD)
    rules = {"notice": timedelta(), "cancellation_notice": timedelta(), "horizon": timedelta(days=days + 2)}
    minutes = [timedelta(minutes=number) for number in range(61)]
    consultation = Service.objects.create(name="Consultation", slug="consultation", duration=minutes[30], **rules)
    buffers = {"buffer_before": minutes[5], "buffer_after": minutes[10]}
    massage = Service.objects.create(name="Massage", slug="massage", duration=minutes[45], **buffers, **rules)
    openings = []
    for number, name in enumerate(NAMES):
        clinician = Clinician.objects.create(name=name)
        clinician.services.set([consultation, massage])
        location = mill if number < 2 else harbour
        WorkingHours.objects.bulk_create(
            WorkingHours(clinician=clinician, location=location, weekday=weekday, start_time=time(8), end_time=time(20))
            for weekday in range(7)
        )
        openings.append({"clinician": str(clinician.pk), "location": str(location.pk)})
    _, key = create_key(name="proof", kind="secret", scopes=ApiKey.Scope.values, requests_per_minute=10_000_000)
    WebhookEndpoint.objects.create(url="https://example.org/", secret=make_secret(), events=TOLD)
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return {
        "key": key,
        "services": [str(consultation.pk), str(massage.pk)],
        "clinicians": openings,
        "first_day": tomorrow.isoformat(),
        "days": days,
    }


print(json.dumps(make_clinic(int(sys.argv[1]))))

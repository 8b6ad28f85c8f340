"""A believable clinic for an empty database: the same one every time, as of today."""

import random
from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone
from stdnum.gb import nhs

from booking.holds import place_hold
from patients.matching import agree, match_patient
from patients.models import Consent, Patient
from scheduling.availability import open_times
from scheduling.models import Clinician, Location, Service, TimeOff, WorkingHours

from .bookings import book_many

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

LOCATIONS = [
    {"name": "Harbour Street", "address_line_1": "12 Harbour Street", "city": "London", "postcode": "E1 6AN",
     "timezone": "Europe/London", "phone": "+442079460001", "email": "harbour@clinic.example",
     "latitude": "51.5155", "longitude": "-0.0722",
     "directions": "The blue door beside the bakery. Ring the upper bell; there is a lift."},
    {"name": "Clifton Village", "address_line_1": "3 Regent Mews", "city": "Bristol", "postcode": "BS8 4HG",
     "timezone": "Europe/London", "phone": "+441174960002", "email": "clifton@clinic.example",
     "latitude": "51.4552", "longitude": "-2.6196", "directions": "Through the archway, first floor. Step-free from the yard."},
    {"name": "Berlin Mitte", "address_line_1": "Beispielstraße 8", "city": "Berlin", "postcode": "10115",
     "country": "DE", "timezone": "Europe/Berlin", "phone": "+493023125003", "email": "mitte@clinic.example",
     "latitude": "52.5322", "longitude": "13.3842", "directions": "Second courtyard, staircase C."},
]

SERVICES = {
    "physio-assessment": {
        "name": "Physiotherapy assessment", "duration": 45 * MINUTE, "buffer_after": 15 * MINUTE, "step": 30 * MINUTE,
        "price": 72, "color": "#0f766e", "description": "We find out what hurts and why, and agree on a plan.",
        "what_to_bring": "Loose clothes, and any scans or letters you have.",
    },
    "physio-follow-up": {
        "name": "Physiotherapy follow-up", "duration": 30 * MINUTE, "buffer_after": 5 * MINUTE, "step": 15 * MINUTE,
        "price": 48, "color": "#0891b2", "mode": "both", "description": "The next session of your plan.",
        "what_to_bring": "Loose clothes.",
    },
    "gp-consultation": {
        "name": "GP consultation", "duration": 20 * MINUTE, "step": 20 * MINUTE, "price": 60, "mode": "both",
        "color": "#2563eb", "notice": 60 * MINUTE, "description": "A doctor for whatever worries you.",
        "what_to_bring": "A list of the medicines you take.",
    },
    "video-check-in": {
        "name": "Video check-in", "duration": 15 * MINUTE, "step": 15 * MINUTE, "price": 25, "mode": "remote",
        "color": "#7c3aed", "notice": 30 * MINUTE, "description": "A short call about a treatment that is under way.",
    },
    "blood-test": {
        "name": "Blood test", "duration": 10 * MINUTE, "buffer_before": 5 * MINUTE, "buffer_after": 5 * MINUTE,
        "step": 10 * MINUTE, "price": "32.50", "color": "#b91c1c", "notice": 240 * MINUTE,
        "description": "Taken by a nurse; results within three working days.",
        "what_to_bring": "Your referral, if you have one. Drink water, eat nothing for eight hours.",
    },
    "skin-check": {
        "name": "Full skin check", "duration": 40 * MINUTE, "buffer_before": 5 * MINUTE, "buffer_after": 5 * MINUTE,
        "step": 30 * MINUTE, "price": 110, "color": "#b45309", "notice": DAY, "horizon": 90 * DAY,
        "description": "A dermatologist looks at every mole.",
        "new_patients_only_text": "Only for patients who have not been here before.",
    },
}

PHYSIO, DOCTOR = ["physio-assessment", "physio-follow-up"], ["gp-consultation", "video-check-in"]
# Who, as what, for which services, and when: (weekdays, place, from, to, by video).
CLINICIANS = [
    ("Dana Reed", "Physiotherapist", PHYSIO, [("01234", 0, "9", "12:30", False), ("0123", 0, "13:15", "17:30", False),
                                              ("4", 0, "13:30", "16", True)]),
    ("Idris Vale", "Physiotherapist", PHYSIO, [("024", 1, "8", "12", False), ("024", 1, "13", "16:30", False),
                                               ("3", 0, "10", "13", False), ("3", 0, "14", "18", False)]),
    ("Marta Lindqvist", "Physiotherapist", PHYSIO, [("0123", 2, "8:30", "12:30", False), ("0123", 2, "13:30", "17", False)]),
    ("Dr Oona Fairley", "General practitioner", DOCTOR, [("0124", 0, "8:30", "12:30", False), ("01", 0, "13:30", "17", False),
                                                         ("24", 0, "14", "17", True)]),
    ("Dr Kofi Adler", "General practitioner", DOCTOR, [("1234", 1, "9", "13", False), ("134", 1, "14", "18", False),
                                                       ("5", 1, "9", "12", True)]),
    ("Dr Lena Brandt", "General practitioner", DOCTOR, [("0134", 2, "9", "12:30", False), ("013", 2, "13:15", "16:45", True)]),
    ("Sam Okoro", "Nurse", ["blood-test"], [("01234", 0, "7:30", "11:30", False), ("024", 0, "12:15", "15", False)]),
    ("Dr Ines Calloway", "Dermatologist", ["skin-check", "video-check-in"], [
        ("13", 0, "10", "13", False), ("13", 0, "14", "18", False), ("2", 1, "10", "14", False), ("4", 0, "9", "12", True)]),
]  # fmt: skip

FIRST_NAMES = (
    "Ada Bruno Carys Dev Elif Farah Gwen Hugo Imani Jonas Katya Leon Mina Niall Olive Priya Quentin Rosa Silas Tess "
    "Umar Vera Wren Ximena Yusuf Zoe Amos Bea Callum Dora Emeka Flora Greta Hamza Iris Jude Kira Lars Maeve Nils"
).split()
LAST_NAMES = (
    "Abbott Birch Castellan Drummond Ellery Fenwick Garland Holloway Ibbotson Jessop Kestrel Larkin Merriman Norcott "
    "Oakden Penhale Quill Ravensdale Sallow Thorne Underhill Varley Whitlock Yarrow Zeller Ashdown Brisco Copperfield "
    "Dunmore Everard"
).split()


@transaction.atomic
def create_clinic():
    """Fill an empty database: about 60 % of the next two weeks is booked, and two weeks lie behind."""
    rng = random.Random("Holdfast")  # noqa: S311 - the same clinic every time, nothing secret
    now = timezone.now()
    locations = [Location.objects.create(**fields) for fields in LOCATIONS]
    services = {
        slug: Service.objects.create(slug=slug, position=position, **fields)
        for position, (slug, fields) in enumerate(SERVICES.items(), 1)
    }
    clinicians = [make_clinician(*clinician, locations=locations, services=services) for clinician in CLINICIANS]
    take_time_off(clinicians, locations, now)
    erin = make_user("erin", "reception")
    book_many(make_patients(240, since=now - 60 * DAY, rng=rng), by_staff=f"staff:{erin.pk}", now=now, rng=rng)
    hold_some(rng)
    make_duplicate_pair()
    link_dana()


def create_staff(password):
    """Make the logins that are missing, each with ``password``: admin, and one for each group of staff."""
    if not User.objects.filter(username="admin").exists():
        User.objects.create_superuser("admin", password=password)
    for username, group in [("erin", "reception"), ("dana", "clinician"), ("morgan", "manager")]:
        user = make_user(username, group)
        if not user.has_usable_password():
            user.set_password(password)
            user.save()
    link_dana()


def make_user(username, group):
    """Return the member of staff of this name, made without a password where missing."""
    user = User.objects.filter(username=username).first()
    if user is None:
        user = User.objects.create_user(username, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
    return user


def link_dana():
    user = User.objects.filter(username="dana").first()
    if user and not Clinician.objects.filter(user=user).exists():
        Clinician.objects.filter(name="Dana Reed", user=None).update(user=user)


def make_clinician(name, title, slugs, hours, *, locations, services):
    clinician = Clinician.objects.create(name=name, title=title)
    clinician.services.set([services[slug] for slug in slugs])
    WorkingHours.objects.bulk_create(
        WorkingHours(
            clinician=clinician, location=locations[place], weekday=int(weekday), is_remote=is_remote,
            start_time=wall(start), end_time=wall(end),
        )
        for weekdays, place, start, end, is_remote in hours for weekday in weekdays
    )
    return clinician


def wall(text):
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute or 0))


def take_time_off(clinicians, locations, now):
    """Give one clinician a short holiday, another an afternoon, and close a location for a day."""
    rows = [
        ({"clinician": clinicians[2]}, locations[2], 4, time(0), 3 * DAY, "Holiday"),
        ({"clinician": clinicians[3]}, locations[0], 3, time(13), 5 * 60 * MINUTE, "Training"),
        ({"location": locations[1]}, locations[1], 9, time(0), DAY, "Electrical inspection"),
    ]
    for owner, location, days, start, lasting, reason in rows:
        day = now.astimezone(location.zone).date() + days * DAY
        starts_at = datetime.combine(day, start, location.zone)
        TimeOff.objects.create(**owner, starts_at=starts_at, ends_at=starts_at + lasting, reason=reason)


def make_patients(number, *, since, rng):
    """Return patients with made-up names. Their numbers are those kept free for tests and fiction."""
    names = rng.sample([(first, last) for first in FIRST_NAMES for last in LAST_NAMES], number)
    patients = []
    for index, (first, last) in enumerate(names):
        numbers = [f"999{index:06}{check}" for check in range(10)]
        patient = Patient(
            first_name=first, last_name=last, date_of_birth=date(1938, 1, 1) + rng.randrange(80 * 365) * DAY,
            email=f"{first}.{last}@example.org".lower(), phone=f"+447700900{index:03}",
            nhs_number=next(filter(nhs.is_valid, numbers), "") if index % 3 == 0 else "",
        )
        match_patient(patient)
        agree(patient, Consent.Purpose.PRIVACY_NOTICE, at=since)
        if rng.random() < 0.6:
            agree(patient, Consent.Purpose.REMINDERS, at=since)
        patients.append(patient)
    Patient.objects.update(created_at=since)
    return patients


def make_duplicate_pair():
    """Write one person down twice, with a name spelled in two ways: listed for staff to decide."""
    for first, phone in [("Catherine", "+447700900998"), ("Katherine", "")]:
        match_patient(Patient(
            first_name=first, last_name="Moss", date_of_birth=date(1974, 9, 3), email="c.moss@example.org", phone=phone,
        ))  # fmt: skip


def hold_some(rng):
    """Place a few holds, as visitors who are typing their details at this moment."""
    now = timezone.now()
    for service in Service.objects.all()[:4]:
        openings = open_times(service=service, start_at=now + DAY, end_at=now + 6 * DAY, now=now)
        opening = rng.choice(openings)
        place_hold(
            service=service, clinician=Clinician.objects.get(pk=opening.clinician_id),
            location=Location.objects.get(pk=opening.location_id), starts_at=opening.starts_at,
            is_remote=opening.is_remote, holder=f"demo {service.slug}", by="patient",
        )

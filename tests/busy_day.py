"""A day of thirty clinicians and 468 visits, in bulk: what the verbs would have left, but for events and mail."""

from datetime import date, datetime, time, timedelta
from itertools import product

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from booking.models import Appointment
from patients.models import Patient
from patients.text import fold_name
from scheduling.models import Clinician, Service, Slot, WorkingHours

MINUTE = timedelta(minutes=1)
FIRST = "Ada Ben Cleo Dov Elin Femi Greta Hugo Ines Jonas Kim Lotte Mara Nils Olga Pau Quinn Rosa Sven Tara".split()
LAST = """Abbott Birch Castellan Drummond Eriksen Fenwick Garland Holt Ibbotson Jarvis Kaur Larkin Merrick Norcott
Okafor Pemberton Quigley Ravensdale Sallow Thorne Underhill Varley Whitlock Yates""".split()
TITLES = ["Dr", "Nurse", "Prof"]
COLORS = ["#2563eb", "#0f766e", "#b45309", "#7c3aed", "#b91c1c", "#0891b2"]


def fill_day(location, day, *, clinicians=30, visits=468):
    """Have ``clinicians`` work 8 to 18 at a location, and ``visits`` of half an hour on that day; return the visits."""
    services = [
        Service.objects.create(
            name=name,
            slug=f"busy-{name.lower()}",
            color=color,
            step=15 * MINUTE,
            notice=timedelta(),
            horizon=timedelta(90),
        )
        for name, color in zip(["Consultation", "Physiotherapy", "Vaccination", "Review"], COLORS, strict=False)
    ]
    people = Clinician.objects.bulk_create(
        Clinician(name=f"{TITLES[number % 3]} {FIRST[number * 7 % 20]} {LAST[number % 24]}")
        for number in range(clinicians)
    )
    through = Clinician.services.through
    through.objects.bulk_create(through(clinician=who, service=what) for who, what in product(people, services))
    WorkingHours.objects.bulk_create(
        WorkingHours(clinician=who, location=location, weekday=weekday, start_time=time(8), end_time=time(18))
        for who, weekday in product(people, range(7))
    )
    names = [(FIRST[number % 20], LAST[(number + number // 120) % 24]) for number in range(visits)]
    patients = Patient.objects.bulk_create(
        Patient(
            first_name=first,
            last_name=last,
            date_of_birth=date(1960, 1, 1) + timedelta(37 * number),
            **fold_name(first, last),
        )
        for number, (first, last) in enumerate(names)
    )

    slots, appointments = [], []
    opens = datetime.combine(day, time(8), location.zone)
    for number, patient in enumerate(patients):
        who, service = people[number % clinicians], services[number % 7 % 4]
        starts_at = opens + (number // clinicians * 35 + number % 2 * 5) * MINUTE
        period = DateTimeTZRange(starts_at, starts_at + 30 * MINUTE)
        slots.append(Slot(clinician=who, location=location, period=period, taken_at=opens - timedelta(5)))
        appointments.append(
            Appointment(
                reference=f"BUSY-{number:05}",
                service=service,
                clinician=who,
                location=location,
                slot=slots[-1],
                starts_at=period.lower,
                ends_at=period.upper,
                status="confirmed",
                price=0,
                currency="GBP",
                patient=patient,
                attendee_name=str(patient),
            )
        )
    Slot.objects.bulk_create(slots)
    return Appointment.objects.bulk_create(appointments)

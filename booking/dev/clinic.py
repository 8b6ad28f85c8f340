"""A believable clinic for an empty database: the same one every time, as of today."""

import random
from datetime import date, datetime, time

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone
from stdnum.gb import nhs

from booking.dev.bookings import book_many, order_some
from booking.dev.cast import (
    CATEGORIES,
    CLINICIANS,
    DAY,
    FIRST_NAMES,
    HOUSES,
    LAST_NAMES,
    LOCATIONS,
    MINUTE,
    PROFILES,
    PROVIDERS,
    QUESTIONS,
    SERVICES,
)
from booking.dev.pictures import FACES, draw_face, draw_house, draw_logo
from booking.dev.translations import QUESTIONS as TRANSLATED_QUESTIONS
from booking.dev.translations import translate_clinic
from booking.domain.holds import Holder, place_hold
from booking.domain.orders import send_link
from booking.domain.questions import save_question
from booking.domain.slot_selection import OpeningRequest
from booking.models import Branding, Provider, Question
from patients.matching import match_patient
from patients.models import Consent, Patient
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.lib.pictures import encode_face, encode_logo, encode_place
from scheduling.models import Clinician, Location, Service, ServiceCategory, TimeOff, WorkingHours
from scheduling.models.images import store_image


@transaction.atomic
def create_clinic():
    """Fill an empty database: about 60 % of the next two weeks is booked, and two weeks lie behind."""
    rng = random.Random("Holdfast")  # noqa: S311 - the same clinic every time, nothing secret
    now = timezone.now()
    brand()
    locations = [make_location(fields, *colors) for fields, colors in zip(LOCATIONS, HOUSES, strict=True)]
    services = make_services()
    clinicians = [make_clinician(*clinician, locations=locations, services=services) for clinician in CLINICIANS]
    make_providers(services)
    ask_questions(services)
    take_time_off(clinicians, locations, now)
    erin = make_user("erin", "reception")
    patients = make_patients(240, since=now - 60 * DAY, rng=rng)
    book_many(patients, by_staff=f"staff:{erin.pk}", now=now, rng=rng)
    for order in order_some(patients, slug="phlebotomy", now=now, rng=rng)[:3]:
        send_link(order, actor=f"staff:{erin.pk}")
    hold_some(rng)
    make_duplicate_pair()
    link_dana()
    translate_clinic()


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


def make_services():
    """Return the services by slug, each in its category."""
    categories = {
        slug: ServiceCategory.objects.get_or_create(name=name, defaults={"position": position})[0]
        for position, (name, slugs) in enumerate(CATEGORIES.items(), 1)
        for slug in slugs
    }
    return {
        slug: Service.objects.create(slug=slug, position=position, category=categories[slug], **fields)
        for position, (slug, fields) in enumerate(SERVICES.items(), 1)
    }


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


def brand():
    """Give the clinic a logo and a colour of its own."""
    Branding.objects.create(
        clinic_name="Harbour Clinic",
        description="Doctors and physiotherapists in London, Bristol and Berlin. Book online, in a minute.",
        logo=store_image(encode_logo(draw_logo())),
        accent="#12568c",
        sender_name="Harbour Clinic",
        phone="+442079460001",
    )


def make_location(fields, wall, door):
    return Location.objects.create(**fields, photo=store_image(encode_place(draw_house(wall, door))))


def make_clinician(name, title, slugs, hours, *, locations, services):
    languages, gender, bio = PROFILES[name]
    clinician = Clinician.objects.create(
        name=name,
        title=title,
        bio=bio,
        languages=languages,
        gender=gender,
        photo=store_image(encode_face(draw_face(FACES[name]))),
    )
    clinician.services.set([services[slug] for slug in slugs])
    WorkingHours.objects.bulk_create(
        WorkingHours(
            clinician=clinician,
            location=locations[place],
            weekday=int(weekday),
            is_remote=is_remote,
            start_time=wall(start),
            end_time=wall(end),
        )
        for weekdays, place, start, end, is_remote in hours
        for weekday in weekdays
    )
    return clinician


def wall(text):
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute or 0))


def make_providers(services):
    """Have staff confirm or decline the appointments of some services."""
    for slug, (name, answer_within) in PROVIDERS.items():
        provider = Provider.objects.create(name=name, slug=slug, kind="staff", answer_within=answer_within)
        provider.services.set([services[slug]])


def ask_questions(services):
    """Have patients asked before their visits."""
    for slug, contents in QUESTIONS.items():
        asked = []
        for position, content in enumerate(contents, 1):
            earlier, answers = content.get("after", (None, ""))
            question = Question(
                service=services.get(slug),
                position=position,
                depends_on=asked[earlier] if earlier is not None else None,
                depends_on_answers=answers,
                translations=TRANSLATED_QUESTIONS.get(content.get("text"), {}),
                **{name: value for name, value in content.items() if name != "after"},
            )
            question.full_clean()
            save_question(question)
            asked.append(question)


def take_time_off(clinicians, locations, now):
    """Give one clinician a short holiday, another an afternoon, and close a location for a day."""
    rows = [
        ({"clinician": clinicians[2]}, locations[2], 4, time(0), 3 * DAY, "Holiday"),
        ({"clinician": clinicians[3]}, locations[0], 3, time(13), 5 * 60 * MINUTE, "Training"),
        ({"location": locations[1]}, locations[1], 9, time(0), DAY, "Electrical inspection"),
    ]
    for owner, location, days, start, lifetime, reason in rows:
        day = now.astimezone(location.zone).date() + days * DAY
        starts_at = datetime.combine(day, start, location.zone)
        TimeOff.objects.create(**owner, starts_at=starts_at, ends_at=starts_at + lifetime, reason=reason)


def make_patients(number, *, since, rng):
    """Return patients with made-up names. Their numbers are reserved for fiction."""
    names = rng.sample([(first, last) for first in FIRST_NAMES for last in LAST_NAMES], number)
    patients, consents = [], []
    for index, (first, last) in enumerate(names):
        nhs_numbers = filter(nhs.is_valid, (f"999{index:06}{check}" for check in range(10)))
        patient = Patient(
            first_name=first,
            last_name=last,
            date_of_birth=date(1938, 1, 1) + rng.randrange(80 * 365) * DAY,
            email=f"{first}.{last}@example.org".lower(),
            phone=f"+442079460{index:03}",
            nhs_number=next(nhs_numbers, "") if index % 3 == 0 else "",
        )
        patient.save(force_insert=True)
        patients.append(patient)
        consents.append(Consent(patient=patient, purpose=Consent.Purpose.PRIVACY_NOTICE, given_at=since))
        if rng.random() < 0.6:
            consents.append(Consent(patient=patient, purpose=Consent.Purpose.REMINDERS, given_at=since))
    Patient.objects.update(created_at=since)
    Consent.objects.bulk_create(consents)
    return patients


def make_duplicate_pair():
    """Write one person down twice, with a name spelled in two ways: listed for staff to decide."""
    for first, phone in [("Catherine", "+442079460998"), ("Katherine", "")]:
        match_patient(
            Patient(
                first_name=first,
                last_name="Moss",
                date_of_birth=date(1974, 9, 3),
                email="c.moss@example.org",
                phone=phone,
            )
        )


def hold_some(rng):
    """Place a few holds, as visitors who are typing their details at this moment."""
    now = timezone.now()
    for service in Service.objects.all()[:4]:
        openings = open_times(OpeningFilters(service), start_at=now + DAY, end_at=now + 6 * DAY, now=now)
        opening = rng.choice(openings)
        place_hold(
            OpeningRequest(
                service,
                opening.starts_at,
                Clinician.objects.get(pk=opening.clinician_id),
                Location.objects.get(pk=opening.location_id),
                opening.is_remote,
            ),
            holder=Holder(f"demo {service.slug}"),
            actor="patient",
        )

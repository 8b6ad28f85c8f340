"""A booking key books the opening it was made for, for a day, and cannot be made by others."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from booking.access.booking_keys import InvalidBookingKey, Signer, read_booking_key
from booking.models import Hold
from scheduling.models import Service
from tests.ledger import nothing_changes

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. é\0"


@pytest.fixture
def key(api, consultation, dana, day):
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day}
    return api.get("/availability", query=query).json()["data"][0]["booking_key"]


def make_key(now, start=1_800_000_000, clinician=None, **how):
    named = {"service_id": uuid4(), "clinician_id": clinician, "location_id": uuid4(), "is_remote": False, **how}
    return Signer(**named, now=now).sign(start), named


@pytest.mark.parametrize("clinician", [None, uuid4()])
@pytest.mark.parametrize("is_remote", [True, False])
@pytest.mark.parametrize("is_assigned", [True, False])
@pytest.mark.parametrize("start", [0, 1_800_000_000])
def test_booking_key_is_read_as_it_was_signed(clinician, is_remote, is_assigned, start):
    now = timezone.now()

    text, named = make_key(now, start, clinician, is_remote=is_remote, is_assigned=is_assigned)

    assert read_booking_key(text, now=now)._asdict() == {**named, "start": start}


def test_booking_key_with_a_changed_character_is_invalid():
    """Each one of several keys, for each other: in all positions, in another case, in another alphabet of base 64."""
    now = timezone.now()
    for _ in range(10):
        text, _ = make_key(now)
        for at, right in enumerate(text):
            for wrong in {*ALPHABET, right.swapcase()} - {right}:
                with pytest.raises(InvalidBookingKey):
                    read_booking_key(text[:at] + wrong + text[at + 1 :], now=now)
            before, after = text[:at], text[at:]
            for changed in (before, before + after[1:], f"{before}a{after}", f"{before}={after}"):
                with pytest.raises(InvalidBookingKey):
                    read_booking_key(changed, now=now)


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a.1.b", "é.1.ü", "\ud800.1.a", "=.1.", f"AAAA.{10**20}.a"])
def test_booking_key_of_any_other_text_is_invalid(text):
    with pytest.raises(InvalidBookingKey):
        read_booking_key(text, now=timezone.now())


def test_booking_key_is_valid_for_a_day():
    now = timezone.now()
    text, _ = make_key(now)

    assert read_booking_key(text, now=now + timedelta(hours=23, minutes=59))
    with pytest.raises(InvalidBookingKey):
        read_booking_key(text, now=now + timedelta(days=1))


def test_booking_key_survives_rotation_of_the_secret_key(settings):
    now = timezone.now()
    text, named = make_key(now)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"

    assert read_booking_key(text, now=now).service_id == named["service_id"]

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidBookingKey):
        read_booking_key(text, now=now)


def test_booking_key_of_another_installation_is_invalid(settings):
    now = timezone.now()
    text, _ = make_key(now)

    settings.SECRET_KEY = "another one"

    with pytest.raises(InvalidBookingKey):
        read_booking_key(text, now=now)


def refused(response):
    return response.status_code == 400 and response.json()["code"] == "invalid-booking-key"


def test_hold_with_a_changed_booking_key_is_400_and_books_nothing(api, key):
    changed = key[:-1] + ("0" if key[-1] != "0" else "1")

    with nothing_changes():
        assert refused(api.post("/holds", {"booking_key": changed}))
        assert refused(
            api.post(
                "/appointments",
                {
                    "booking_key": changed,
                    "patient": {
                        "first_name": "A",
                        "last_name": "B",
                        "date_of_birth": "1985-04-12",
                        "email": "a@example.org",
                    },
                },
            )
        )


def test_booking_key_of_something_deleted_is_invalid(api, key, dana):
    dana.working_hours.all().delete()
    dana.delete()

    assert refused(api.post("/holds", {"booking_key": key}))


def test_booking_key_books_once(api, key):
    answers = [api.post("/holds", {"booking_key": key}) for _ in range(2)]

    assert [response.status_code for response in answers] == [201, 409]
    assert Hold.objects.count() == 1


def test_booking_key_of_another_service_cannot_move_a_hold(api, key, dana, at):
    other = Service.objects.create(name="Other", slug="other", price=1, notice=timedelta(), step=timedelta(minutes=30))
    dana.services.add(other)
    hold = api.post("/holds", {"appointment_type_id": str(other.pk), "start_time": at(10).isoformat()}).json()["data"]

    response = api.post(f"/holds/{hold['id']}/move", {"booking_key": key})

    assert response.status_code == 400

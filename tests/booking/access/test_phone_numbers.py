"""The numbers that may be texted, and how often."""

import pytest

from booking.access.phone_numbers import (
    MAX_UNCONFIRMED,
    allow_text,
    can_be_texted,
    forget_number,
    forget_unconfirmed_numbers,
    is_confirmed,
    note_confirmed,
    uncount_text,
)
from booking.models import PhoneNumber
from scheduling.lib.clock import database_now

ALICE = "+447400123456"


@pytest.fixture(autouse=True)
def gateway(settings):
    settings.SMS_BACKEND, settings.SMS_COUNTRIES, settings.SMS_PER_NUMBER = "console", ["GB", "JE"], 5


def test_only_valid_numbers_of_allowed_countries_can_be_texted(settings):
    numbers = {
        ALICE: True,
        "+447797712345": True,  # Jersey has Britain's code
        "+33612345678": False,
        "+4474001": False,
        "+442079460000": True,  # at a desk
        "+449098790123": False,  # costs what its owner likes
        "+447012345678": False,
        "tel:+442079460000;ext=4": False,
        "07400 123456": False,
    }
    assert {number: can_be_texted(number) for number in numbers} == numbers

    settings.SMS_BACKEND = "none"
    assert not can_be_texted(ALICE)


@pytest.mark.django_db
def test_number_gets_so_many_texts_a_day_and_fewer_before_it_is_proved(settings):
    assert [allow_text(ALICE, is_typed=True) for _ in range(MAX_UNCONFIRMED + 1)] == [True] * MAX_UNCONFIRMED + [False]
    assert [allow_text(ALICE) for _ in range(3)] == [True, True, False]
    assert allow_text("+447400123457")

    uncount_text(ALICE)
    assert [allow_text(ALICE) for _ in range(2)] == [True, False]


@pytest.mark.django_db
def test_confirmed_number_stays_and_others_are_forgotten_after_their_day():
    note_confirmed(ALICE, at=database_now())
    allow_text("+447400123457")
    assert (is_confirmed(ALICE), is_confirmed("+447400123457")) == (True, False)
    assert ALICE[1:].encode().hex() not in str([bytes(each.number_hash).hex() for each in PhoneNumber.objects.all()])

    PhoneNumber.objects.update(sent_on="2026-01-01")
    forget_unconfirmed_numbers()
    assert PhoneNumber.objects.count() == 1

    forget_number(ALICE)
    assert not PhoneNumber.objects.exists()

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from booking.access.email_addresses import (
    MAX_CONFIRMED,
    allow_email,
    forget_unconfirmed_addresses,
    get_email_id,
    note_confirmed,
    uncount_email,
)
from booking.models import EmailAddress

ALICE = "alice@example.org"


@pytest.mark.parametrize("spelling", ["ALICE@Example.ORG", " alice@example.org", "alice+1@example.org"])
def test_spellings_of_one_mailbox_are_one_address(spelling):
    assert get_email_id(spelling) == get_email_id(ALICE)


def test_dots_are_ignored_where_the_provider_ignores_them():
    assert get_email_id("a.li.ce@googlemail.com") == get_email_id("alice+spam@gmail.com")
    assert get_email_id("a.lice@example.org") != get_email_id(ALICE)


def test_nothing_of_the_address_is_in_its_id():
    assert len(get_email_id(ALICE)) == 64
    assert "alice" not in get_email_id(ALICE)


def test_unconfirmed_address_gets_three_mails_a_day(db):
    assert [allow_email(ALICE) for _ in range(5)] == [True] * 3 + [False] * 2
    assert allow_email("bob@example.org")


def test_next_day_counts_anew(db):
    [allow_email(ALICE) for _ in range(4)]
    EmailAddress.objects.update(sent_on=timezone.now().date() - timedelta(days=1))

    assert [allow_email(ALICE) for _ in range(4)] == [True] * 3 + [False]


def test_mail_that_could_not_be_sent_does_not_count(db):
    [allow_email(ALICE) for _ in range(3)]
    uncount_email(ALICE)

    assert [allow_email(ALICE) for _ in range(2)] == [True, False]


def test_confirmed_address_gets_more(db):
    now = timezone.now()
    [allow_email(ALICE) for _ in range(3)]
    note_confirmed(ALICE, at=now)
    note_confirmed(ALICE, at=now + timedelta(days=1))

    assert sum(allow_email(ALICE) for _ in range(30)) == MAX_CONFIRMED - 3
    assert EmailAddress.objects.get().confirmed_at == now


def test_mails_at_the_same_time_are_counted_exactly(transactional_db):
    def allow(_):
        try:
            return allow_email(ALICE)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        allowed = list(pool.map(allow, range(20)))

    assert sum(allowed) == 3


def test_forgotten_is_what_no_longer_counts(db):
    yesterday = timezone.now().date() - timedelta(days=1)
    for address, fields in {
        "today": {"sent_on": timezone.now().date()},
        "yesterday": {"sent_on": yesterday},
        "confirmed": {"sent_on": date(2026, 1, 1), "confirmed_at": timezone.now()},
    }.items():
        EmailAddress.objects.create(address_hash=address.encode(), **fields)

    forget_unconfirmed_addresses()

    assert {bytes(each.pk).decode() for each in EmailAddress.objects.all()} == {"today", "confirmed"}

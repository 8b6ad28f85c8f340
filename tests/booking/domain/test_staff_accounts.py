"""The way back for staff who cannot sign in."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from booking.models import OutboxMessage
from tests.booking.admin.pages import get_text
from tests.outbox import run_what_is_due

ASK = "/admin/account/password-reset/"
PASSWORD = "harbour gulls eat chips"


@pytest.fixture
def erin(db):
    """A receptionist with a password."""
    return User.objects.create_user("erin", "Erin@clinic.example", "the old password", is_staff=True)


def ask(email="erin@CLINIC.example", network="192.0.2.1"):
    return Client(REMOTE_ADDR=network).post(ASK, {"email": email}, follow=True)


def test_link_in_the_mail_sets_a_new_password_once(erin):
    ask()
    run_what_is_due()

    [letter] = mail.outbox
    assert letter.to == ["Erin@clinic.example"]
    link = re.search(r"http://testserver(/admin/account/password-reset/\S+)", letter.body)[1]
    browser = Client()
    form = browser.get(link, follow=True).request["PATH_INFO"]
    assert "http" not in form and "Erin" not in form
    short = browser.post(form, {"new_password1": "short", "new_password2": "short"})
    assert "at least 12 characters" in get_text(short)
    browser.post(form, {"new_password1": PASSWORD, "new_password2": PASSWORD})

    erin.refresh_from_db()
    assert erin.check_password(PASSWORD)
    assert browser.get("/admin/").status_code == 302  # nobody is signed in by a mail
    assert "invalid" in get_text(Client().get(link, follow=True))


def test_answer_is_the_same_for_known_and_unknown_addresses(erin):
    known, unknown = ask(), ask("nobody@clinic.example", network="192.0.2.2")

    assert known.redirect_chain == unknown.redirect_chain
    assert get_text(known) == get_text(unknown)
    assert [message.payload.keys() for message in OutboxMessage.objects.all()] == [{"account", "site"}] * 2
    assert "nobody" not in str(OutboxMessage.objects.values_list("payload", flat=True))
    run_what_is_due()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}, {"password": "!"}])
def test_user_who_may_not_sign_in_with_a_password_gets_no_mail(erin, change):
    User.objects.filter(pk=erin.pk).update(**change)

    ask()
    run_what_is_due()

    assert mail.outbox == []


def test_mails_to_one_address_and_from_one_network_are_few(erin):
    for number in range(5):
        assert ask(network=f"192.0.2.{number}").status_code == 200
    assert OutboxMessage.objects.count() == 3

    for number in range(25):
        ask(f"name{number}@clinic.example", network="198.51.100.1")
    assert OutboxMessage.objects.count() == 23

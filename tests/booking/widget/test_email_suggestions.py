"""Who slips in the domain of an e-mail address is asked whether another was meant, and can go on regardless."""

import pytest

from booking.models import Appointment
from booking.widget.email_suggestions import suggest_email
from scheduling.models import Location
from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes


@pytest.mark.parametrize(
    ("domain", "country", "meant"),
    [
        ("gmial.com", "GB", "gmail.com"),
        ("GMAL.com", "GB", "gmail.com"),
        ("gmaill.com", "GB", "gmail.com"),
        ("gnail.com", "GB", "gmail.com"),
        ("gmail.con", "GB", "gmail.com"),
        ("gmial.cmo", "GB", "gmail.com"),
        ("gmail.co", "GB", "gmail.com"),
        ("gmail,com", "GB", "gmail.com"),
        ("gmail", "GB", "gmail.com"),
        ("gmail.co.uk", "GB", "gmail.com"),
        ("googlemial.com", "GB", "googlemail.com"),
        ("hotmial.com", "US", "hotmail.com"),
        ("hotmal.co.uk", "GB", "hotmail.co.uk"),
        ("hotmai.fr", "FR", "hotmail.fr"),
        ("yaho.com", "GB", "yahoo.com"),
        ("outlok.com", "GB", "outlook.com"),
        ("iclould.com", "GB", "icloud.com"),
        ("icould.com", "GB", "icloud.com"),
        ("aol.con", "US", "aol.com"),
        ("aol,com", "US", "aol.com"),
        ("yahoo.co,m", "US", "yahoo.com"),
        ("btinternt.com", "GB", "btinternet.com"),
        ("t-onlin.de", "DE", "t-online.de"),
        ("web.dee", "DE", "web.de"),
        ("wanado.fr", "FR", "wanadoo.fr"),
        ("libreo.it", "IT", "libero.it"),
        ("clinic.con", "GB", "clinic.com"),
        ("example.couk", "GB", "example.co.uk"),
    ],
)
def test_slip_in_domain_is_recognized(domain, country, meant):
    assert suggest_email(f"Alice@{domain}", country) == f"Alice@{meant}"


@pytest.mark.parametrize(
    "email",
    [
        *["alice@gmail.com", "alice@mail.com", "alice@ymail.com", "alice@gmx.at", "alice@web.de", "alice@hotmail.fr"],
        *["alice@example.org", "alice@gmx.info", "alice@ge.com", "alice@nhs.uk", "alice@fox.net", "alice@b.co"],
        *["alice", "@gmial.com", "alice@", "", "alice@" + "x" * 10_000, "alice@.con"],
    ],
)
def test_address_that_may_be_right_is_left_alone(email):
    assert suggest_email(email, "GB") == ""


def test_page_asks_only_for_what_was_probably_meant(client, held):
    url = f"/hold/{held.token}/email"
    headers = {"HX-Request": "true"}

    with nothing_changes():
        asked = client.post(url, {"email": "alice@gmial.com"}, headers=headers)
        assert "Did you mean alice@gmail.com ?" in Page(asked).text
        assert client.post(url, {"email": "alice@gmail.com"}, headers=headers).content.strip() == b""
        gone = client.post("/hold/gone/email", {"email": "alice@gmial.com"}, headers=headers)
        assert (gone.status_code, gone.content) == (200, b"")
        assert client.post(url, {"email": "alice@gmial.com"})["Location"] == f"/hold/{held.token}/"


def test_check_page_offers_what_was_probably_meant_and_takes_what_was_typed(client, held, typed):
    Location.objects.update(country="DE")
    page = Page(client.post(f"/hold/{held.token}/check", typed | {"email": "alice@t-onlin.de"}))
    assert "Did you mean alice@t-online.de ?" in page.text
    assert page.inputs["email"] == "alice@t-onlin.de"

    # The button's value comes after the hidden input's.
    again = client.post(f"/hold/{held.token}/check", typed | {"email": ["alice@t-onlin.de", "alice@t-online.de"]})
    assert Page(again).inputs["email"] == "alice@t-online.de"
    assert "Did you mean" not in Page(again).text

    client.post(f"/hold/{held.token}/confirm", page.inputs)
    assert Appointment.objects.get().attendee_email == "alice@t-onlin.de"

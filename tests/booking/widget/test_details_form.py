"""The details, checking and confirming them."""

import re
from datetime import UTC, date, timedelta

import pytest

from booking.access.patient_links import appointment_token
from booking.models import Appointment, Hold
from patients.models import Consent, Patient
from scheduling.models import Location, Service
from tests.booking.widget.conftest import Page
from tests.conftest import LONDON
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due


def url(hold, name=""):
    return f"/hold/{hold.token}/{name}"


def test_details_page_shows_what_is_held_and_for_how_long(client, held):
    response = client.get(url(held))
    page = Page(response)

    assert "Consultation , 30 minutes, £60 Dana Reed , Physiotherapist Harbour Street, 12 Harbour Street" in page.text
    assert "London time (" in page.text
    assert 890 <= response.context["seconds_left"] < 900
    assert f'data-seconds-left="{response.context["seconds_left"]}"' in response.content.decode()
    assert "Held for you until" in page.text


def test_check_and_confirm_with_valid_details_book_the_appointment(client, held, typed, alice):
    page = Page(client.post(url(held, "check"), typed))
    assert "Alice Archer Born 12 April 1985 E-mail alice@example.org Phone +44 20 7946 0123" in page.text
    assert typed == {name: page.inputs[name] for name in typed}
    assert not Appointment.objects.exists()

    response = client.post(url(held, "confirm"), page.inputs)
    assert response["Location"] == url(held, "done")

    appointment = Appointment.objects.get()
    patient = appointment.patient
    assert appointment.pk == held.pk
    assert appointment.notes == "I use a wheelchair."
    assert (patient.first_name, patient.last_name, patient.date_of_birth) == ("Alice", "Archer", alice.date_of_birth)
    assert (patient.email, patient.phone) == (alice.email, alice.phone)
    assert not patient.consents.exists()  # the clinic has named no privacy notice


@pytest.mark.parametrize("names", [("Suharto", ""), ("", "Suharto")])
def test_patient_with_one_name_books(client, held, typed, names, mailoutbox):
    typed |= dict(zip(["first_name", "last_name"], names, strict=True))
    page = Page(client.post(url(held, "check"), typed))

    client.post(url(held, "confirm"), page.inputs)
    run_what_is_due()

    assert "Name Suharto Born" in page.text
    appointment = Appointment.objects.get()
    assert (str(appointment.patient), appointment.attendee_name) == ("Suharto", "Suharto")
    assert "Dear Suharto,\n" in mailoutbox[0].body


def test_what_nobody_sees_is_dropped_from_typed_details(client, held, typed):
    typed |= {
        "first_name": "\ufeffAli\u00adce",
        "last_name": "\u2066Archer\u2069",
        "email": "alice@example.org\u200b",
        "phone": "\u202a020 7946 0123\u202c",
        "date_of_birth_day": "\u200e12",
        "notes": "a\u2028b\u0007",
    }
    client.post(url(held, "confirm"), typed)

    appointment = Appointment.objects.get()
    patient = appointment.patient
    assert (str(patient), patient.email, patient.phone) == ("Alice Archer", "alice@example.org", "+442079460123")
    assert (patient.date_of_birth, appointment.notes) == (date(1985, 4, 12), "a\nb")


def test_names_are_typed_and_shown_in_their_own_direction(client, held, typed):
    form = client.get(url(held)).content.decode()
    check = client.post(url(held, "check"), typed | {"first_name": "\u05d3\u05e0\u05d4"}).content.decode()

    for name in ("first_name", "last_name"):
        assert re.search(f'<input [^>]*name="{name}"[^>]* dir="auto"', form)
    assert "<bdi>\u05d3\u05e0\u05d4 Archer</bdi>" in check


def test_confirm_twice_creates_one_appointment(client, held, typed, booked):
    with nothing_changes():
        response = client.post(url(held, "confirm"), typed)

    assert response["Location"] == url(held, "done")


@pytest.mark.parametrize(
    "born", [("12", "4", "1985"), (" 12. ", "April", "1985"), ("12/", "APR", "1985"), ("012", "04", "1985")]
)
def test_birth_date_as_people_write_it_is_understood(client, held, typed, born):
    typed |= dict(zip(["date_of_birth_day", "date_of_birth_month", "date_of_birth_year"], born, strict=True))

    client.post(url(held, "confirm"), typed)

    assert Patient.objects.get().date_of_birth == date(1985, 4, 12)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"first_name": "\u200b", "last_name": ""}, "Please enter your name: one of the two is enough."),
        ({"first_name": "x" * 10_000}, "That first name is too long."),
        ({"last_name": "Arch\x00er"}, "Please remove the invisible or unreadable characters."),
        ({"last_name": "\u202eArcher"}, "Please remove the invisible or unreadable characters."),
        ({"date_of_birth_day": "31", "date_of_birth_month": "2"}, "Please enter a real date of birth"),
        ({"date_of_birth_month": ""}, "Your date of birth needs a month too."),
        (
            {"date_of_birth_day": "", "date_of_birth_month": "", "date_of_birth_year": ""},
            "Please enter your date of birth.",
        ),
        ({"date_of_birth_year": "85"}, "Please type the year of birth with four digits."),
        ({"date_of_birth_year": "19x5"}, "Please enter a real date of birth"),
        ({"date_of_birth_year": "99999999999999999999"}, "Please enter a real date of birth"),
        ({"date_of_birth_year": "9" * 21}, "Please enter a real date of birth"),
        ({"date_of_birth_year": "1899"}, "Please enter a date of birth between 1900 and today."),
        ({"date_of_birth_year": "2999"}, "Please enter a date of birth between 1900 and today."),
        ({"email": "alice@"}, "Please enter an e-mail address such as name@example.org."),
        ({"phone": "call me"}, "Write a phone number such as 020 7946 0000. You can also leave it empty."),
        ({"phone": "020 7946 000"}, "That phone number is too short. Write all of it, such as 020 7946 0000."),
        ({"phone": "020 7946 0000 / 020 7946 0001"}, "These are two phone numbers. Write only one here."),
        ({"notes": "x" * 1001}, "Please keep the note under 1000 characters."),
        ({"notes": "a\u202eb"}, "Please remove the invisible or unreadable characters."),
    ],
)
@pytest.mark.parametrize("step", ["check", "confirm"])
def test_invalid_details_are_422_with_sentence_at_field_and_on_top(client, held, typed, step, wrong, sentence):
    typed = {name: value for name, value in (typed | wrong).items() if value}

    with nothing_changes():
        response = client.post(url(held, step), typed)

    page = Page(response)
    assert response.status_code == 422
    assert page.text.count(sentence) == 2
    assert "Please check what you typed" in page.text
    [error_link] = [link for link in page.links if link.startswith("#id_")]
    assert error_link[1:] in page.ids


def test_invalid_details_are_kept_in_the_form(client, held, typed):
    page = Page(client.post(url(held, "check"), typed | {"email": "nonsense"}))

    kept = {name: page.inputs[name] for name in typed if name != "notes"}
    assert kept == {name: typed[name] for name in kept} | {"email": "nonsense"}
    assert "I use a wheelchair." in page.text


def test_details_page_after_check_has_everything_typed(client, held, typed):
    response = client.post(url(held), typed)
    page = Page(response)

    assert response.status_code == 200
    assert {name: page.inputs[name] for name in ("first_name", "date_of_birth_day", "phone")} == {
        "first_name": "Alice",
        "date_of_birth_day": "12",
        "phone": "020 7946 0123",
    }
    assert "Please check" not in page.text


def test_check_page_reloaded_redirects_to_details(client, held):
    assert client.get(url(held, "check"))["Location"] == url(held)


def test_check_answers_known_and_new_patient_alike(client, hold_time, at, typed, book):
    known = client.post(url(hold_time(at(9)), "check"), typed)
    book(at(10))
    new = client.post(url(hold_time(at(9, 30), holder="x"), "check"), typed)

    assert known.status_code == new.status_code == 200
    assert Page(known).inputs == Page(new).inputs


def test_details_form_validation_queries_no_patients(client, held, typed, django_assert_num_queries):
    # The hold, the clock twice, who must agree, and who elsewhere; the clinician's face; the branding and the sites
    # that may frame it, which are read once in ten seconds.
    with django_assert_num_queries(8) as captured:
        client.post(url(held, "check"), typed)

    assert not [query for query in captured.captured_queries if "patients_patient" in query["sql"]]


def test_pages_of_confirmed_hold_redirect_to_its_appointment(client, held, booked, typed):
    for response in (
        client.get(url(held)),
        client.get(url(held, "check")),
        client.post(url(held), typed),
        client.post(url(held, "extend")),
        client.post(url(held, "again")),
        client.post(url(held, "release")),
    ):
        assert response["Location"] == url(held, "done")
    assert Hold.objects.get().status == "confirmed"


def test_what_is_held_is_folded_beside_the_form_and_open_on_the_check_page(client, held, typed):
    details, check = client.get(url(held)), client.post(url(held, "check"), typed)

    assert '<details class="fold">' in details.text
    assert '<details class="fold" open>' in check.text


def test_check_page_says_until_when_it_can_be_changed(client, held, typed, at):
    until = (at(9).astimezone(UTC) - timedelta(days=1)).astimezone(LONDON)
    page = Page(client.post(url(held, "check"), typed))
    assert f"Once booked, you can change or cancel it online until {until:%A %-d %B, %H:%M %Z}." in page.text

    Service.objects.update(cancellation_notice=timedelta(days=30))

    page = Page(client.post(url(held, "check"), typed))
    assert "Once booked, it can only be changed or cancelled by phone: +44 20 7946 0000" in page.text
    assert "tel:+442079460000" in page.links


def test_phone_is_one_of_the_location_country_and_keeps_its_extension(client, held, typed):
    Location.objects.update(country="US")
    page = Page(client.post(url(held, "check"), typed | {"phone": "(212) 555-0142 ext. 204"}))
    assert "Phone +1 212-555-0142 ext. 204" in page.text

    client.post(url(held, "confirm"), page.inputs)

    patient, appointment = Patient.objects.get(), Appointment.objects.get()
    assert (patient.phone, patient.phone_extension) == ("+12125550142", "204")
    assert appointment.attendee_phone == "tel:+12125550142;ext=204"


# What the clinic must tell


@pytest.fixture
def notices(settings):
    """The clinic has a privacy notice, an imprint and terms."""
    settings.PRIVACY_NOTICE_URL, settings.PRIVACY_NOTICE_VERSION = "https://clinic.example/privacy", "2026-11"
    settings.IMPRINT_URL, settings.TERMS_URL = "https://clinic.example/imprint", "https://clinic.example/terms"
    return [settings.PRIVACY_NOTICE_URL, settings.IMPRINT_URL, settings.TERMS_URL]


def test_every_page_links_privacy_notice_imprint_and_terms(client, held, booked, notices):
    pages = ["/", f"/book/{held.service.slug}/", "/hold/nonsense/", f"/appointment/{appointment_token(booked)}/"]
    for address in pages:
        assert [link for link in Page(client.get(address)).links if link in notices] == notices


def test_form_asks_for_no_consent_and_says_what_the_details_are_for(client, held, notices):
    page = Page(client.get(url(held)))

    assert "consent" not in page.inputs
    assert "The clinic uses these details to arrange your visit and to look after you" in page.text
    assert "Our privacy notice says how, and what your rights are." in page.text
    assert page.links.count(notices[0]) == 2


def test_version_of_the_shown_privacy_notice_is_kept(client, held, typed, notices, hold_time, at, settings):
    client.post(url(held, "confirm"), typed)
    [shown] = Consent.objects.all()
    assert (shown.patient, shown.purpose, shown.version) == (
        Patient.objects.get(),
        Consent.Purpose.PRIVACY_NOTICE,
        "2026-11",
    )

    client.post(url(hold_time(at(10)), "confirm"), typed)
    assert Consent.objects.get().given_at == shown.given_at

    settings.PRIVACY_NOTICE_VERSION = "2027-01"
    client.post(url(hold_time(at(11)), "confirm"), typed)
    [newest] = Consent.objects.all()
    assert newest.version == "2027-01" and newest.given_at > shown.given_at


def test_pages_say_which_system_outside_is_sent_what(client, held, typed, lab):
    told = "The lab confirms this appointment. It is sent your name, date of birth, e-mail address and phone number"

    assert "Some appointments are confirmed by others: The lab. They are told who" in Page(client.get("/")).text
    assert told in Page(client.get(url(held))).text
    assert told in Page(client.post(url(held, "check"), typed)).text


def test_pages_without_such_a_system_say_that_nobody_is_told(client, held):
    assert "share nothing with anyone but your clinic." in Page(client.get("/")).text
    assert "It is sent" not in Page(client.get(url(held))).text

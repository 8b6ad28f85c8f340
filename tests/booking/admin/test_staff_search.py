"""Search everything, and the keys."""

from datetime import timedelta

from django.urls import reverse

from booking.models import Appointment, DeskSettings, PatientAccess
from tests.booking.admin.pages import count_queries, get_text
from tests.booking.admin.test_diary_booking import HTMX
from tests.conftest import make_clinician

SEARCH, KEYS = reverse("admin:diary_search"), reverse("admin:diary_keys")


def search(browser, text):
    return get_text(browser.get(SEARCH, {"q": text}, headers=HTMX))


def test_search_puts_coming_visits_before_past_ones_and_patients(erin, book, at, alice):
    past, coming = book(at(9)), book(at(11))
    month = timedelta(days=30)
    Appointment.objects.filter(pk=past.pk).update(starts_at=at(9) - month, ends_at=at(9, 30) - month)

    text = search(erin, coming.patient.last_name)

    assert 0 < text.index(coming.reference) < text.index(past.reference) < text.index("Patients")
    assert PatientAccess.objects.get().action == "search"


def test_search_finds_references_and_clinicians(erin, book, at):
    appointment = book(at(9))

    assert appointment.attendee_name in search(erin, appointment.reference)
    assert appointment.attendee_name in search(erin, appointment.reference[:4].lower())
    assert "Dana Reed their week" in search(erin, "reed")
    assert search(erin, "zzyzx").endswith("Nothing is found.")


def test_search_and_card_take_no_more_queries_for_more_visits(erin, book, at):
    appointment = book(at(9))
    pages = [reverse("admin:diary_search", query={"q": appointment.attendee_name})]
    pages.append(reverse("admin:diary_appointment", args=[appointment.pk]))
    book(at(10))
    for_two = [count_queries(erin, page) for page in pages]

    book(at(11)), book(at(13))

    assert [count_queries(erin, page) for page in pages] == for_two


def test_clinician_finds_own_visits_only(danas_browser, book, at, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    own, others = book(at(9)), book(at(11), clinician=otis)

    text = search(danas_browser, own.attendee_name)

    assert own.reference in text and others.reference not in text and "Patients" not in text


def test_keys_are_turned_off_for_one_user(erin):
    assert 'data-shortcuts="on"' in erin.get(SEARCH).content.decode()

    erin.post(KEYS, {})

    assert 'data-shortcuts="off"' in erin.get(SEARCH).content.decode()
    erin.post(KEYS, {"has_shortcuts": "1"})
    assert DeskSettings.objects.get().has_shortcuts

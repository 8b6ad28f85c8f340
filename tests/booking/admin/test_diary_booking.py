"""Book from the diary: the gap says when, the service is guessed, typing finds who comes."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.models import Appointment, PatientAccess
from patients.models import Patient, PossibleDuplicate
from tests.booking.admin.pages import get_text
from tests.ledger import nothing_changes

HTMX = {"HX-Request": "true"}
BOOK = reverse("admin:diary_book")
NEW = {
    "new-first_name": "Nora",
    "new-last_name": "Quill",
    "new-date_of_birth": "3/2/1950",
    "new-email": "",
    "new-phone": "020 7946 0999",
}


def read_form(response):
    """Return the names and values that the form would send."""
    html = response.content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(new_id)" value="(.*?)">', html))
    fields |= dict(re.findall(r'<input type="radio" name="(\w+)" value="([^"]+)" checked>', html))
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', html, flags=re.S):
        chosen = re.search(r'<option value="([^"]*)" selected>', options)
        fields[name] = chosen[1] if chosen else ""
    fields |= dict(re.findall(r'<input type="(?:date|time)" name="(\w+)" value="([^"]+)"', html))
    return fields


@pytest.fixture
def gap(dana, harbour, at):
    """What the diary sends of a gap at ten."""
    return {"clinician": str(dana.pk), "location": str(harbour.pk), "start": f"{at(10):%Y-%m-%dT%H:%M}"}


@pytest.fixture
def known(alice):
    alice.save()
    return alice


def test_gap_is_booked_for_known_patient_with_guessed_service(erin, gap, known, consultation, dana, at):
    form = read_form(erin.get(BOOK, gap, headers=HTMX))
    found = erin.get(reverse("admin:diary_patients"), {"q": known.first_name[:3]}, headers=HTMX)
    form |= read_form(found)

    response = erin.post(BOOK, form | {"book": "1"}, headers=HTMX)

    made = Appointment.objects.get()
    assert (made.patient, made.service, made.clinician, made.starts_at) == (known, consultation, dana, at(10))
    assert response["HX-Trigger"] == "diary:changed"
    assert f"{made.reference} is booked." in get_text(response)
    actions = list(PatientAccess.objects.order_by("id").values_list("page", "action"))
    assert actions == [("admin:diary_patients", "search"), ("admin:diary_book", "view")]


def test_form_sent_twice_books_once(erin, gap, known):
    form = read_form(erin.get(BOOK, gap)) | {"patient": str(known.pk), "book": "1"}

    for _ in range(2):
        assert erin.post(BOOK, form)["Location"] == reverse("admin:diary_appointment", args=[form["new_id"]])

    assert Appointment.objects.count() == 1


def test_new_patient_like_known_one_is_shown_before_saving(erin, gap, known, at):
    form = read_form(erin.get(BOOK, gap)) | NEW
    form |= {"new-first_name": known.first_name, "new-last_name": known.last_name, "new-email": known.email}

    with nothing_changes():
        page = erin.post(BOOK, form | {"book": "1"}, headers=HTMX)
    assert "Is it one of these?" in get_text(page) and str(known.pk) in page.content.decode()

    erin.post(BOOK, form | {"book": "new"}, headers=HTMX)

    made = Appointment.objects.get()
    assert (made.starts_at, made.patient != known, Patient.objects.count()) == (at(10), True, 2)
    assert PossibleDuplicate.objects.count() == 1


def test_taken_time_is_not_chosen_and_says_why(erin, gap, known, book, at):
    book(at(10))

    page = erin.get(BOOK, gap, headers=HTMX)

    assert "10:00, Dana Reed, Harbour Street: there is an appointment then, or one too near." in get_text(page)
    assert "opening" not in read_form(page)
    form = read_form(page) | {"patient": str(known.pk), "book": "1"}
    with nothing_changes():
        assert "Choose a time." in get_text(erin.post(BOOK, form))


def test_other_service_keeps_time_that_is_open(erin, gap, consultation, dana):
    form = read_form(erin.get(BOOK, gap))

    page = erin.post(BOOK, form | {"show": "1"}, headers=HTMX)

    assert read_form(page)["opening"] == form["opening"]


def test_another_day_begins_with_a_time_of_its_own(erin, gap, known, at):
    form = read_form(erin.get(BOOK, gap, headers=HTMX)) | {"why": ""}
    next_day = at(10) + timedelta(days=1)

    shown = read_form(erin.post(BOOK, form | {"show": "1", "day": f"{next_day:%Y-%m-%d}"}, headers=HTMX))
    erin.post(BOOK, form | shown | {"patient": known.pk, "book": "1"}, headers=HTMX)

    assert Appointment.objects.get().starts_at.date() == next_day.date()


def test_booking_again_suggests_week_later_for_same_patient(erin, book, at):
    earlier = book(at(9))

    form = read_form(erin.get(BOOK, {"after": earlier.pk}))

    assert form["patient"] == str(earlier.patient_id)
    assert form["opening"].split()[0] == f"{int(at(9).timestamp()) + 7 * 86400}"


def test_booking_needs_permission_and_patients_stay_unseen(danas_browser, gap, known):
    with nothing_changes():
        assert danas_browser.post(BOOK, gap | {"book": "1", "new_id": str(uuid4())}).status_code == 403
    assert danas_browser.get(reverse("admin:diary_patients"), {"q": known.first_name}).status_code == 403


def test_nonsense_in_address_shows_form(erin, db):
    page = erin.get(BOOK, {"clinician": "x", "location": "y", "start": "z", "after": "?", "patient": "!"})

    assert page.status_code == 200


OVERRIDE = {"override-reason": "urgent", "override-note": "In pain"}


def test_taken_time_is_given_all_the_same_with_reason(erin, gap, known, book, at):
    book(at(10))
    page = erin.get(BOOK, gap, headers=HTMX)
    assert "Give 10:00 all the same: double: over another visit" in get_text(page)
    html = page.content.decode()
    opening = re.search(r'name="opening" value="([^"]+)"><span>Give', html)[1]
    rules = dict(re.findall(r'name="(rules [^"]+)" value="([^"]+)"', html))
    form = read_form(page) | rules | {"opening": opening, "patient": str(known.pk), "book": "anyway"}

    with nothing_changes():
        assert "Say why it is given against the rules." in get_text(erin.post(BOOK, form))

    response = erin.post(BOOK, form | OVERRIDE, headers=HTMX)

    made = Appointment.objects.get(pk=form["new_id"])
    assert (made.starts_at, made.slot.lane, made.override_reason, made.override_note) == (
        at(10),
        1,
        "urgent",
        "In pain",
    )
    assert "Against the rules it is urgent: In pain" in get_text(response)


def test_override_is_neither_offered_nor_taken_without_permission(erin, gap, known, book, at):
    book(at(10))
    form = read_form(erin.get(BOOK, gap))
    value = f"{int(at(10).timestamp())} {gap['clinician']} {gap['location']} 0"
    erin.user.groups.get().permissions.remove(Permission.objects.get(codename="override_appointment"))

    assert "all the same" not in get_text(erin.get(BOOK, gap))
    forced = {"opening": value, f"rules {value}": "double", "patient": str(known.pk), "book": "1"} | OVERRIDE
    with nothing_changes():
        erin.post(BOOK, form | forced)

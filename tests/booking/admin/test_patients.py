"""Patients at the desk: found, written down once, merged when two records are one person."""

import html
import re
from datetime import date

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.domain import patients
from booking.models import Appointment, Event
from patients.matching import agree, match_patient
from patients.models import Consent, Patient, PossibleDuplicate
from tests.booking.admin.pages import act, queries, rows, said, shown, url
from tests.ledger import nothing_changes

PATIENTS, DUPLICATES = "patients_patient", "patients_possibleduplicate"
BEN = {
    "first_name": "Ben",
    "last_name": "O’Hara",
    "date_of_birth": "1979-11-30",
    "email": "Ben@Example.org",
    "phone": "020 7946 0018",
    "nhs_number": "943 476 5919",
}
NO_INLINES = {
    f"{prefix}-{name}": "0" for prefix in ("consents", "appointments") for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}


@pytest.fixture
def ben(erin):
    """A patient whom Erin has written down."""
    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES)
    return Patient.objects.get(first_name="Ben")


@pytest.fixture
def pair(alice):
    """Alice, and a record that may be hers too."""
    first = match_patient(alice)
    other = Patient(
        first_name="Alicia",
        last_name="Archer",
        date_of_birth=alice.date_of_birth,
        email=alice.email,
        nhs_number="9434765919",
    )
    match_patient(other)
    assert PossibleDuplicate.objects.get().patient == first
    return PossibleDuplicate.objects.get()


def test_a_patient_is_written_down_in_one_form(ben):
    assert (ben.email, ben.phone, ben.nhs_number, ben.normalized_name) == (
        "ben@example.org",
        "+442079460018",
        "9434765919",
        "ben ohara",
    )


@pytest.mark.parametrize(
    "text",
    [
        "ohara",
        "O'Hara",
        "ben o'hara",
        "ben@example.org",
        "020 7946 0018",
        "+442079460018",
        "943 476 5919",
        "30/11/1979",
        "30 Nov 1979",
        "1979-11-30",
        "ben 1979-11-30",
        "020 7946",
        "oh be",
    ],
)
def test_a_patient_is_found_by_whatever_is_known(erin, ben, alice, text):
    alice.save()

    assert [row[0] for row in rows(erin.get(url(PATIENTS), {"q": text}))] == ["O’Hara, Ben"]


def test_the_same_person_is_not_written_down_twice(erin, ben):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"nhs_number": "", "phone": ""})

    assert "This patient is already written down" in shown(response)
    assert Patient.objects.count() == 1


def test_whoever_was_brought_here_without_a_birth_date_can_be_changed_without(erin, ben):
    nobody = Patient.objects.create(first_name="Alice", last_name="Archer")
    details = {"first_name": "Alicia", "last_name": "Archer", "date_of_birth": "", "email": "", "phone": ""}

    erin.post(url(PATIENTS, "change", nobody.pk), details | NO_INLINES | {"nhs_number": ""})
    nobody.refresh_from_db()
    assert (str(nobody), nobody.date_of_birth, nobody.email) == ("Alicia Archer", None, "")

    for path in (url(PATIENTS, "add"), url(PATIENTS, "change", ben.pk)):  # nobody else can be without
        page = shown(erin.post(path, details | NO_INLINES | {"nhs_number": ""}))
        assert page.count("This field is required.") == 1
        assert "Write down an e-mail address or a phone number." in page


def test_whoever_has_only_a_phone_is_written_down(erin):
    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"email": ""})

    assert Patient.objects.values_list("first_name", "email", "phone").get() == ("Ben", "", "+442079460018")


def test_a_similar_person_is_written_down_and_listed(erin, ben):
    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"nhs_number": "", "email": "other@example.org"})

    pair = PossibleDuplicate.objects.get()
    assert (pair.patient, pair.reason) == (ben, "same name and birth date")


def test_a_correction_that_makes_two_records_alike_lists_them(erin, ben):
    other = Patient.objects.create(
        first_name="Bem", last_name="O’Hara", date_of_birth=date(1979, 11, 30), email="b@example.org"
    )
    assert PossibleDuplicate.objects.count() == 0

    erin.post(
        url(PATIENTS, "change", other.pk),
        BEN | NO_INLINES | {"email": "b@example.org", "nhs_number": "", "phone": ""},
    )

    assert [(pair.patient, pair.other) for pair in PossibleDuplicate.objects.all()] == [(ben, other)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"nhs_number": "943 476 5918"}, "Enter the ten digits of the NHS number; these do not belong together."),
        ({"date_of_birth": "2999-01-01"}, "Enter a date of birth between 1900 and today."),
        ({"phone": "12"}, "Enter a phone number such as 020 7946 0000"),
        ({"first_name": "B\u202een"}, "Please remove the invisible or unreadable characters."),
        ({"first_name": "B" * 10_000}, "Ensure this value has at most 100 characters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(erin, wrong, sentence):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | wrong)

    assert sentence in shown(response)
    assert Patient.objects.count() == 0


def test_archived_patients_are_out_of_the_way_until_asked_for(erin, ben):
    response = act(erin, PATIENTS, "archive", ben)

    assert said(response)[-1:] == ["Archived: 1. They stay as they are, but new bookings no longer find them."]
    assert rows(erin.get(url(PATIENTS))) == []
    assert [row[0] for row in rows(erin.get(url(PATIENTS), {"archived": "yes"}))] == ["O’Hara, Ben"]

    act(erin, PATIENTS, "restore", ben, query="?archived=yes")
    assert [row[0] for row in rows(erin.get(url(PATIENTS)))] == ["O’Hara, Ben"]


def test_a_page_has_a_button_that_archives_and_one_that_takes_it_back(erin, ben):
    said_so = said(erin.post(url(PATIENTS, "archive", ben.pk)))
    assert said_so[-1] == "Archived: 1. They stay as they are, but new bookings no longer find them."
    ben.refresh_from_db()
    assert ben.archived_at
    page = shown(erin.get(url(PATIENTS, "change", ben.pk)))
    assert ("Take out of the archive" in page, "Book an appointment" in page) == (True, False)

    erin.post(url(PATIENTS, "restore", ben.pk))
    ben.refresh_from_db()
    assert ben.archived_at is None
    assert [(event.kind, event.actor) for event in Event.objects.order_by("pk")] == [
        (f"patient.{what}", f"staff:{erin.user.pk}") for what in ("created", "archived", "restored")
    ]


def test_who_archives_somebody_with_appointments_to_come_is_told(erin, book, at):
    patient = book(at(9)).patient

    response = erin.post(url(PATIENTS, "archive", patient.pk))

    sentence = "1 appointment to come of Alice Archer, who is in the archive now. They stay valid."
    assert said(response)[0].startswith(sentence)
    assert len(said(erin.post(url(PATIENTS, "archive", patient.pk)))) == len(said(response)) + 1


def test_a_search_without_a_result_says_who_is_in_the_archive(erin, ben):
    assert "in the archive" not in shown(erin.get(url(PATIENTS), {"q": "ohara"}))
    act(erin, PATIENTS, "archive", ben)

    page = erin.get(url(PATIENTS), {"q": "ohara"})

    assert "1 in the archive: show" in shown(page)
    assert 'href="?archived=yes&amp;q=ohara"' in page.content.decode()
    assert "in the archive" not in shown(erin.get(url(PATIENTS), {"q": "nobody"}))


def test_the_best_match_stands_first_unless_a_column_orders(erin):
    for first, last in [("Archer", "Adams"), ("Alice", "Archer")]:
        Patient.objects.create(first_name=first, last_name=last)

    def names(**query):
        return [row[0] for row in rows(erin.get(url(PATIENTS), {"q": "archer", **query}))]

    assert names() == ["Archer, Alice", "Adams, Archer"]
    assert names(o="1") == ["Adams, Archer", "Archer, Alice"]


def test_whoever_looks_like_somebody_else_is_told_of_with_a_link_to_compare(erin, ben):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"email": "other@example.org", "nhs_number": ""})

    pair = PossibleDuplicate.objects.get()
    page = f"{url(DUPLICATES)}?id__in={pair.pk}"
    sentence = f'Ben O’Hara looks like Ben O’Hara, same name and birth date: <a href="{page}">compare</a>'
    assert sentence in said(response)
    assert len(rows(erin.get(page))) == 1
    assert "1 possible duplicate" in shown(erin.get(url(PATIENTS)))


def test_whoever_is_archived_meanwhile_is_not_changed_any_more(erin, ben):
    patients.archive(ben, actor="morgan")

    with nothing_changes():
        response = erin.post(url(PATIENTS, "change", ben.pk), BEN | NO_INLINES | {"first_name": "Bernard"})

    assert said(response)[-1] == "Ben O’Hara is in the archive by now. Nothing was saved."


def seen(browser, patient):
    """What a browser sends back from the patient's page if nothing is typed."""
    page = browser.get(url(PATIENTS, "change", patient.pk)).content.decode()
    fields = [dict(re.findall(r'(\w+)="([^"]*)"', field)) for field in re.findall(r"<input ([^>]*)>", page)]
    names = ("first_name", "last_name", "date_of_birth", "email", "phone", "nhs_number")
    wanted = {*names, *(f"initial-{name}" for name in names)}
    return {one["name"]: html.unescape(one.get("value", "")) for one in fields if one.get("name") in wanted}


def test_what_a_colleague_changes_meanwhile_stays(erin, ben):
    form = seen(erin, ben)
    Patient.objects.update(phone="+447700900777")

    erin.post(url(PATIENTS, "change", ben.pk), form | NO_INLINES | {"first_name": "Bernard"})

    ben.refresh_from_db()
    assert (ben.first_name, ben.phone, ben.normalized_name) == ("Bernard", "+447700900777", "bernard ohara")
    event = Event.objects.order_by("pk").last()
    assert (event.kind, event.actor, event.data) == (
        "patient.updated",
        f"staff:{erin.user.pk}",
        {"changed": ["first_name"]},
    )


def test_what_a_colleague_has_changed_meanwhile_is_not_overwritten(erin, ben):
    form = seen(erin, ben)
    Patient.objects.update(phone="+447700900777")

    with nothing_changes():
        response = erin.post(url(PATIENTS, "change", ben.pk), form | NO_INLINES | {"phone": "07700 900888"})

    assert "Somebody else has changed this meanwhile." in shown(response)


def test_no_patient_is_deleted(erin, morgan, ben):
    for browser in (erin, morgan):
        assert browser.post(url(PATIENTS, "delete", ben.pk), {"post": "yes"}).status_code == 403
    assert Patient.objects.count() == 1


def test_the_page_shows_consents_and_appointments(erin, book, at, day):
    appointment = book(at(9))
    agree(appointment.patient, Consent.Purpose.PRIVACY_NOTICE, at=appointment.created_at)

    text = shown(erin.get(url(PATIENTS, "change", appointment.patient_id)))

    assert "privacy notice" in text
    assert f"{appointment.reference} {day:%a %-d %b %Y}, 09:00 Consultation Dana Reed Harbour Street Confirmed" in text


def test_consents_and_appointments_cannot_be_changed_there(erin, book, at):
    patient = book(at(9)).patient
    agree(patient, Consent.Purpose.PRIVACY_NOTICE, at=patient.created_at)

    erin.post(
        url(PATIENTS, "change", patient.pk),
        BEN
        | NO_INLINES
        | {
            "consents-INITIAL_FORMS": "1",
            "consents-TOTAL_FORMS": "1",
            "consents-0-DELETE": "on",
            "consents-0-id": str(patient.consents.get().pk),
            "consents-0-patient": str(patient.pk),
        },
    )

    assert patient.consents.count() == 1
    assert Appointment.objects.get().status == "confirmed"


def test_a_search_looks_where_the_list_looks_and_through_indexes_only(erin, ben):
    act(erin, PATIENTS, "archive", ben)

    assert rows(erin.get(url(PATIENTS), {"q": "ohara"})) == []
    with CaptureQueriesContext(connection) as captured:
        found = rows(erin.get(url(PATIENTS), {"q": "ohara", "archived": "yes"}))
    assert [row[0] for row in found] == ["O’Hara, Ben"]
    # A pattern that begins with "anything" reads every patient, except in the index of words by their trigrams.
    patterns = [pattern for query in captured for pattern in re.findall(r"(\w+)\"::text LIKE '%", query["sql"])]
    assert set(patterns) <= {"name_words"}
    assert not any("UPPER(" in query["sql"] for query in captured)


def test_a_consent_is_withdrawn_and_stays_on_record(erin, ben):
    agree(ben, Consent.Purpose.REMINDERS, at=ben.created_at)
    consent = ben.consents.get()
    address = url(PATIENTS, "withdraw", ben.pk, consent.pk)
    assert f'href="{address}"' in erin.get(url(PATIENTS, "change", ben.pk)).content.decode()
    assert "Withdraw it when they no longer do." in shown(erin.get(address))
    assert Consent.objects.get().withdrawn_at is None

    response = erin.post(address)

    assert said(response)[-1] == "Ben O’Hara no longer agrees to: reminders by e-mail or text message."
    consent.refresh_from_db()
    assert consent.withdrawn_at
    assert address not in erin.get(url(PATIENTS, "change", ben.pk)).content.decode()
    last = LogEntry.objects.order_by("pk").last()
    assert last.change_message == "Withdrew consent: reminders by e-mail or text message."

    erin.post(address)  # again
    assert Consent.objects.get().withdrawn_at == consent.withdrawn_at
    assert LogEntry.objects.order_by("pk").last() == last


def test_who_withdrew_may_agree_again(erin, ben):
    agree(ben, Consent.Purpose.REMINDERS, at=ben.created_at)
    erin.post(url(PATIENTS, "withdraw", ben.pk, ben.consents.get().pk))

    agree(ben, Consent.Purpose.REMINDERS, at=ben.created_at)

    assert sorted(consent.withdrawn_at is None for consent in ben.consents.all()) == [False, True]


def test_a_consent_is_withdrawn_only_by_who_may_and_on_its_patients_page(erin, danas_browser, ben, alice):
    alice.save()
    agree(ben, Consent.Purpose.REMINDERS, at=ben.created_at)
    consent = ben.consents.get()

    assert danas_browser.post(url(PATIENTS, "withdraw", ben.pk, consent.pk)).status_code == 403
    assert erin.post(url(PATIENTS, "withdraw", alice.pk, consent.pk)).status_code == 404
    erin.user.groups.first().permissions.remove(Permission.objects.get(codename="change_consent"))
    assert erin.post(url(PATIENTS, "withdraw", ben.pk, consent.pk)).status_code == 403
    assert "Withdraw …" not in shown(erin.get(url(PATIENTS, "change", ben.pk)))
    assert Consent.objects.get().withdrawn_at is None


def test_more_patients_take_no_more_queries(erin):
    def write_down(numbers):
        for number in numbers:
            Patient.objects.create(
                first_name="Pat",
                last_name=f"No {number}",
                date_of_birth=date(1990, 1, 1),
                email=f"{number}@example.org",
            )

    write_down(range(5))
    for_five = queries(erin, url(PATIENTS))
    write_down(range(5, 20))

    assert queries(erin, url(PATIENTS)) == for_five


def test_a_pair_is_shown_side_by_side(erin, pair):
    [row] = rows(erin.get(url(DUPLICATES)))

    born, since = "12 Apr 1985", f"{pair.patient.created_at:%-d %b %Y}"
    assert row[:3] == [
        f"name Alice Archer born {born} e-mail alice@example.org phone +447700900123 NHS – since {since}",
        f"name Alicia Archer born {born} e-mail alice@example.org phone – NHS 9434765919 since {since}",
        "same birth date and e-mail",
    ]


def test_merging_is_asked_about_before_it_is_done(erin, pair):
    response = act(erin, DUPLICATES, "merge_into_first", pair)

    assert "This cannot be undone." in shown(response)
    assert Patient.objects.filter(archived_at=None).count() == 2
    assert PossibleDuplicate.objects.count() == 1


@pytest.mark.parametrize(("action", "kept"), [("merge_into_first", "Alice"), ("merge_into_second", "Alicia")])
def test_merging_keeps_the_record_that_was_chosen(erin, pair, book, at, action, kept):
    book(at(9), patient=pair.patient)
    book(at(10), patient=pair.other)

    response = act(erin, DUPLICATES, action, pair, confirmed="yes")

    keep = Patient.objects.get(archived_at=None)
    assert said(response) == [f"Merged: everything of both is {kept} Archer's now; the other record is archived."]
    assert (keep.first_name, keep.phone, keep.nhs_number) == (kept, "+447700900123", "9434765919")
    assert set(Appointment.objects.values_list("patient", flat=True)) == {keep.pk}
    assert PossibleDuplicate.objects.count() == 0


def test_two_people_with_numbers_of_their_own_are_not_merged(erin, pair):
    Patient.objects.filter(pk=pair.patient_id).update(nhs_number="9990000018")

    asked = act(erin, DUPLICATES, "merge_into_first", pair)
    done = act(erin, DUPLICATES, "merge_into_first", pair, confirmed="yes")

    assert "Their NHS numbers differ" in shown(asked)
    assert len(said(done)) == 1
    assert Patient.objects.filter(archived_at=None).count() == 2


def test_a_pair_is_found_by_either_of_the_two(erin, pair):
    assert len(rows(erin.get(url(DUPLICATES), {"q": "alicia"}))) == 1
    assert len(rows(erin.get(url(DUPLICATES), {"q": "archer alice"}))) == 1
    assert rows(erin.get(url(DUPLICATES), {"q": "somebody else"})) == []


def test_a_dismissed_pair_is_out_of_the_way(erin, pair):
    act(erin, DUPLICATES, "dismiss", pair)

    assert rows(erin.get(url(DUPLICATES))) == []
    assert len(rows(erin.get(url(DUPLICATES), {"dismissed": "yes"}))) == 1
    assert Patient.objects.filter(archived_at=None).count() == 2

"""Staff search, add, change, archive and merge patients."""

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
from patients.matching import match_patient
from patients.models import Consent, Patient, PossibleDuplicate
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, run_action, url
from tests.conftest import make_clinician
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
    f"{prefix}-{name}": "0"
    for prefix in ("needs", "consents", "appointments")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}


@pytest.fixture
def ben(erin):
    """A patient whom erin has added."""
    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES)
    return Patient.objects.get(first_name="Ben")


@pytest.fixture
def pair(alice):
    """A possible duplicate: alice, and another record that may be hers."""
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


def test_add_patient_saves_normalized_details(ben):
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
        "020 7946 001",
        "oh be",
    ],
)
def test_patient_search_finds_any_known_detail(erin, ben, alice, text):
    alice.save()

    assert [row[0] for row in get_rows(erin.get(url(PATIENTS), {"q": text}))] == ["O’Hara, Ben"]


def test_add_identical_patient_is_refused(erin, ben):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"nhs_number": "", "phone": ""})

    assert "This patient is already written down" in get_text(response)
    assert Patient.objects.count() == 1


def test_change_patient_without_birth_date_does_not_require_one(erin, ben):
    nobody = Patient.objects.create(first_name="Alice", last_name="Archer")
    details = {"first_name": "Alicia", "last_name": "Archer", "date_of_birth": "", "email": "", "phone": ""}

    erin.post(url(PATIENTS, "change", nobody.pk), details | NO_INLINES | {"nhs_number": ""})
    nobody.refresh_from_db()
    assert (str(nobody), nobody.date_of_birth, nobody.email) == ("Alicia Archer", None, "")

    for path in (url(PATIENTS, "add"), url(PATIENTS, "change", ben.pk)):  # required everywhere else
        page = get_text(erin.post(path, details | NO_INLINES | {"nhs_number": ""}))
        assert page.count("This field is required.") == 1
        assert "Write down an e-mail address or a phone number." in page


def test_add_patient_with_phone_only(erin):
    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"email": ""})

    assert Patient.objects.values_list("first_name", "email", "phone").get() == ("Ben", "", "+442079460018")


def test_add_similar_patient_lists_possible_duplicate(erin, ben):
    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"nhs_number": "", "email": "other@example.org"})

    pair = PossibleDuplicate.objects.get()
    assert (pair.patient, pair.reason) == (ben, "same name and birth date")


def test_change_patient_to_resemble_another_lists_possible_duplicate(erin, ben):
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
        ({"phone": "12"}, "That phone number is too short. Write all of it, such as 020 7946 0000."),
        ({"first_name": "B\u202een"}, "Please remove the invisible or unreadable characters."),
        ({"first_name": "B" * 10_000}, "Ensure this value has at most 100 characters"),
    ],
)
def test_add_patient_with_invalid_field_creates_nothing(erin, wrong, sentence):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | wrong)

    assert sentence in get_text(response)
    assert Patient.objects.count() == 0


def test_patient_list_hides_archived_patients_by_default(erin, ben):
    response = run_action(erin, PATIENTS, "archive", ben, reason="other")

    assert list_messages(response)[-1:] == ["Archived: 1. They stay as they are, but new bookings no longer find them."]
    assert get_rows(erin.get(url(PATIENTS))) == []
    assert [row[0] for row in get_rows(erin.get(url(PATIENTS), {"archived": "yes"}))] == ["O’Hara, Ben"]

    run_action(erin, PATIENTS, "restore", ben, query="?archived=yes")
    assert [row[0] for row in get_rows(erin.get(url(PATIENTS)))] == ["O’Hara, Ben"]


def test_patient_page_archives_and_restores(erin, ben):
    said_so = list_messages(erin.post(url(PATIENTS, "archive", ben.pk), {"reason": "other"}))
    assert said_so[-1] == "Archived: 1. They stay as they are, but new bookings no longer find them."
    ben.refresh_from_db()
    assert ben.archived_at
    page = get_text(erin.get(url(PATIENTS, "change", ben.pk)))
    assert ("Take out of the archive" in page, "Book an appointment" in page) == (True, False)

    erin.post(url(PATIENTS, "restore", ben.pk))
    ben.refresh_from_db()
    assert ben.archived_at is None
    assert [(event.kind, event.actor) for event in Event.objects.order_by("pk")] == [
        (f"patient.{what}", f"staff:{erin.user.pk}") for what in ("created", "archived", "restored")
    ]


def test_archive_patient_with_upcoming_appointments_warns(erin, book, at):
    patient = book(at(9)).patient

    response = erin.post(url(PATIENTS, "archive", patient.pk), {"reason": "other"})

    sentence = "1 appointment to come of Alice Archer, who is in the archive now. They stay valid."
    assert list_messages(response)[0].startswith(sentence)
    assert (
        len(list_messages(erin.post(url(PATIENTS, "archive", patient.pk), {"reason": "other"})))
        == len(list_messages(response)) + 1
    )


def test_patient_search_without_result_announces_archived_matches(erin, ben):
    assert "in the archive" not in get_text(erin.get(url(PATIENTS), {"q": "ohara"}))
    run_action(erin, PATIENTS, "archive", ben, reason="other")

    page = erin.get(url(PATIENTS), {"q": "ohara"})

    assert "1 in the archive: show" in get_text(page)
    assert 'href="?archived=yes&amp;q=ohara"' in page.content.decode()
    assert "in the archive" not in get_text(erin.get(url(PATIENTS), {"q": "nobody"}))


def test_patient_search_orders_by_match_unless_column_is_chosen(erin):
    for first, last in [("Archer", "Adams"), ("Alice", "Archer")]:
        Patient.objects.create(first_name=first, last_name=last)

    def names(**query):
        return [row[0] for row in get_rows(erin.get(url(PATIENTS), {"q": "archer", **query}))]

    assert names() == ["Archer, Alice", "Adams, Archer"]
    assert names(o="1") == ["Adams, Archer", "Archer, Alice"]


def test_add_similar_patient_warns_with_link_to_compare(erin, ben):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"email": "other@example.org", "nhs_number": ""})

    pair = PossibleDuplicate.objects.get()
    page = f"{url(DUPLICATES)}?id__in={pair.pk}"
    sentence = f'Ben O’Hara looks like Ben O’Hara, same name and birth date: <a href="{page}">compare</a>'
    assert sentence in list_messages(response)
    assert len(get_rows(erin.get(page))) == 1
    assert "1 possible duplicate" in get_text(erin.get(url(PATIENTS)))


def test_change_patient_archived_since_is_refused(erin, ben):
    patients.archive(ben, actor="morgan")

    with nothing_changes():
        response = erin.post(url(PATIENTS, "change", ben.pk), BEN | NO_INLINES | {"first_name": "Bernard"})

    assert list_messages(response)[-1] == "Ben O’Hara is in the archive by now. Nothing was saved."


def get_form_data(browser, patient):
    """Return what a browser posts from the patient's page when nothing is typed."""
    page = browser.get(url(PATIENTS, "change", patient.pk)).content.decode()
    fields = [dict(re.findall(r'(\w+)="([^"]*)"', field)) for field in re.findall(r"<input ([^>]*)>", page)]
    names = ("first_name", "last_name", "date_of_birth", "email", "phone", "nhs_number")
    wanted = {*names, *(f"initial-{name}" for name in names)}
    return {one["name"]: html.unescape(one.get("value", "")) for one in fields if one.get("name") in wanted}


def test_change_patient_keeps_colleagues_change_of_other_field(erin, ben):
    form = get_form_data(erin, ben)
    Patient.objects.update(phone="+442079460777")

    erin.post(url(PATIENTS, "change", ben.pk), form | NO_INLINES | {"first_name": "Bernard"})

    ben.refresh_from_db()
    assert (ben.first_name, ben.phone, ben.normalized_name) == ("Bernard", "+442079460777", "bernard ohara")
    event = Event.objects.order_by("pk").last()
    assert (event.kind, event.actor, event.data) == (
        "patient.updated",
        f"staff:{erin.user.pk}",
        {"changed": ["first_name"]},
    )


def test_change_patient_field_that_colleague_changed_is_refused(erin, ben):
    form = get_form_data(erin, ben)
    Patient.objects.update(phone="+442079460777")

    with nothing_changes():
        response = erin.post(url(PATIENTS, "change", ben.pk), form | NO_INLINES | {"phone": "020 7946 0888"})

    assert "Somebody else has changed this meanwhile." in get_text(response)


def test_patient_delete_is_refused(erin, morgan, ben):
    for browser in (erin, morgan):
        assert browser.post(url(PATIENTS, "delete", ben.pk), {"post": "yes"}).status_code == 403
    assert Patient.objects.count() == 1


def test_patient_page_shows_consents_and_appointments(erin, book, at, day):
    appointment = book(at(9))
    patient, seen_at = appointment.patient, appointment.created_at
    Consent.objects.create(patient=patient, purpose=Consent.Purpose.PRIVACY_NOTICE, given_at=seen_at)

    text = get_text(erin.get(url(PATIENTS, "change", appointment.patient_id)))

    assert "privacy notice" in text
    assert "None" not in text
    assert f"{appointment.reference} {day:%a %-d %b %Y}, 09:00 Consultation Dana Reed Harbour Street Confirmed" in text


def test_patient_page_ignores_posted_consents_and_appointments(erin, book, at):
    patient = book(at(9)).patient
    Consent.objects.create(patient=patient, purpose=Consent.Purpose.PRIVACY_NOTICE, given_at=patient.created_at)

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


def test_patient_search_uses_indexes_within_filtered_list(erin, ben):
    run_action(erin, PATIENTS, "archive", ben, reason="other")

    assert get_rows(erin.get(url(PATIENTS), {"q": "ohara"})) == []
    with CaptureQueriesContext(connection) as captured:
        found = get_rows(erin.get(url(PATIENTS), {"q": "ohara", "archived": "yes"}))
    assert [row[0] for row in found] == ["O’Hara, Ben"]
    # A pattern with a leading wildcard scans every patient, unless the trigram index serves it.
    patterns = [pattern for query in captured for pattern in re.findall(r"(\w+)\"::text LIKE '%", query["sql"])]
    assert set(patterns) <= {"name_words"}
    assert not any("UPPER(" in query["sql"] for query in captured)


def test_withdraw_consent_keeps_record(erin, ben):
    Consent.objects.create(patient=ben, purpose=Consent.Purpose.REMINDERS, given_at=ben.created_at)
    consent = ben.consents.get()
    address = url(PATIENTS, "withdraw", ben.pk, consent.pk)
    assert f'href="{address}"' in erin.get(url(PATIENTS, "change", ben.pk)).content.decode()
    assert "Withdraw it when they no longer do." in get_text(erin.get(address))
    assert Consent.objects.get().withdrawn_at is None

    response = erin.post(address)

    assert list_messages(response)[-1] == "Ben O’Hara no longer agrees to: reminders by e-mail or text message."
    consent.refresh_from_db()
    assert consent.withdrawn_at
    assert address not in erin.get(url(PATIENTS, "change", ben.pk)).content.decode()
    last = LogEntry.objects.order_by("pk").last()
    assert last.change_message == "Withdrew consent: reminders by e-mail or text message."

    erin.post(address)  # idempotent
    assert Consent.objects.get().withdrawn_at == consent.withdrawn_at
    assert LogEntry.objects.order_by("pk").last() == last


def test_withdrawn_consent_can_be_given_again(erin, ben):
    Consent.objects.create(patient=ben, purpose=Consent.Purpose.REMINDERS, given_at=ben.created_at)
    erin.post(url(PATIENTS, "withdraw", ben.pk, ben.consents.get().pk))

    Consent.objects.create(patient=ben, purpose=Consent.Purpose.REMINDERS, given_at=ben.created_at)

    assert sorted(consent.withdrawn_at is None for consent in ben.consents.all()) == [False, True]


def test_withdraw_consent_requires_permission_and_right_patient(erin, danas_browser, ben, alice):
    alice.save()
    Consent.objects.create(patient=ben, purpose=Consent.Purpose.REMINDERS, given_at=ben.created_at)
    consent = ben.consents.get()

    assert danas_browser.post(url(PATIENTS, "withdraw", ben.pk, consent.pk)).status_code == 403
    assert erin.post(url(PATIENTS, "withdraw", alice.pk, consent.pk)).status_code == 404
    erin.user.groups.first().permissions.remove(Permission.objects.get(codename="change_consent"))
    assert erin.post(url(PATIENTS, "withdraw", ben.pk, consent.pk)).status_code == 403
    assert "Withdraw …" not in get_text(erin.get(url(PATIENTS, "change", ben.pk)))
    assert Consent.objects.get().withdrawn_at is None


def test_patient_list_query_count_is_constant(erin):
    def write_down(numbers):
        for number in numbers:
            Patient.objects.create(
                first_name="Pat",
                last_name=f"No {number}",
                date_of_birth=date(1990, 1, 1),
                email=f"{number}@example.org",
            )

    write_down(range(5))
    for_five = count_queries(erin, url(PATIENTS))
    write_down(range(5, 20))

    assert count_queries(erin, url(PATIENTS)) == for_five


def test_duplicate_list_compares_both_records(erin, pair):
    [row] = get_rows(erin.get(url(DUPLICATES)))

    born, since = "12 Apr 1985", f"{pair.patient.created_at:%-d %b %Y}"
    assert row[:3] == [
        f"name Alice Archer born {born} e-mail alice@example.org phone +442079460123 NHS – since {since}",
        f"name Alicia Archer born {born} e-mail alice@example.org phone – NHS 9434765919 since {since}",
        "same birth date and e-mail",
    ]


def test_merge_asks_before_merging(erin, pair):
    response = run_action(erin, DUPLICATES, "merge_into_first", pair)

    assert "For a day this can be undone" in get_text(response)
    assert Patient.objects.filter(archived_at=None).count() == 2
    assert PossibleDuplicate.objects.count() == 1


def test_merge_shows_visits_of_both_at_the_same_time_and_goes_on(erin, pair, book, at, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    visits = [book(at(9), patient=pair.patient), book(at(9), patient=pair.other, clinician=otis)]
    apart = book(at(10), patient=pair.other)

    asked = get_text(run_action(erin, DUPLICATES, "merge_into_first", pair))
    run_action(erin, DUPLICATES, "merge_into_first", pair, confirmed="yes")

    assert "They have visits at the same time." in asked
    assert [one.reference in asked for one in (*visits, apart)] == [True, True, False]
    assert set(Appointment.objects.values_list("patient", flat=True)) == {pair.patient.pk}


@pytest.mark.parametrize(("action", "kept"), [("merge_into_first", "Alice"), ("merge_into_second", "Alicia")])
def test_merge_keeps_chosen_record(erin, pair, book, at, action, kept):
    book(at(9), patient=pair.patient)
    book(at(10), patient=pair.other)

    response = run_action(erin, DUPLICATES, action, pair, confirmed="yes")

    keep = Patient.objects.get(archived_at=None)
    assert list_messages(response) == [
        f"Merged: everything of both is {kept} Archer's now; the other record is archived."
    ]
    assert (keep.first_name, keep.phone, keep.nhs_number) == (kept, "+442079460123", "9434765919")
    assert set(Appointment.objects.values_list("patient", flat=True)) == {keep.pk}
    assert PossibleDuplicate.objects.count() == 0


def test_merge_of_different_nhs_numbers_is_refused(erin, pair):
    Patient.objects.filter(pk=pair.patient_id).update(nhs_number="9990000018")

    asked = run_action(erin, DUPLICATES, "merge_into_first", pair)
    done = run_action(erin, DUPLICATES, "merge_into_first", pair, confirmed="yes")

    assert "Their NHS numbers differ" in get_text(asked)
    assert len(list_messages(done)) == 1
    assert Patient.objects.filter(archived_at=None).count() == 2


def test_duplicate_search_finds_either_record(erin, pair):
    assert len(get_rows(erin.get(url(DUPLICATES), {"q": "alicia"}))) == 1
    assert len(get_rows(erin.get(url(DUPLICATES), {"q": "archer alice"}))) == 1
    assert get_rows(erin.get(url(DUPLICATES), {"q": "somebody else"})) == []


def test_duplicate_list_hides_dismissed_pairs(erin, pair):
    run_action(erin, DUPLICATES, "dismiss", pair)

    assert get_rows(erin.get(url(DUPLICATES))) == []
    assert len(get_rows(erin.get(url(DUPLICATES), {"dismissed": "yes"}))) == 1
    assert Patient.objects.filter(archived_at=None).count() == 2


def test_phone_that_is_none_is_kept_when_staff_tick_that(erin):
    response = erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"phone": "07700 900123"})
    assert "There is no such phone number in this country (GB)." in get_text(response)
    assert 'name="phone_unchecked"' in response.content.decode()
    assert Patient.objects.count() == 0

    erin.post(url(PATIENTS, "add"), BEN | NO_INLINES | {"phone": "07700 900123", "phone_unchecked": "on"})
    ben = Patient.objects.get()
    assert ben.phone == "+447700900123"

    # What is stored is judged again only when it is changed.
    page = {"phone": "+447700900123", "initial-phone": "+447700900123"}
    erin.post(url(PATIENTS, "change", ben.pk), BEN | NO_INLINES | page | {"first_name": "Bernard"})
    ben.refresh_from_db()
    assert (ben.first_name, ben.phone) == ("Bernard", "+447700900123")


def test_extension_typed_behind_phone_has_its_own_column(erin, ben):
    page = {"phone": "020 7946 0018 x204", "initial-phone": ben.phone, "initial-phone_extension": ""}
    erin.post(url(PATIENTS, "change", ben.pk), BEN | NO_INLINES | page)

    ben.refresh_from_db()
    assert (ben.phone, ben.phone_extension) == ("+442079460018", "204")
    assert get_rows(erin.get(url(PATIENTS)))[0][3] == "+44 20 7946 0018 x204"

    page = {"phone": "", "phone_extension": "204", "initial-phone": ben.phone, "initial-phone_extension": "204"}
    response = erin.post(url(PATIENTS, "change", ben.pk), BEN | NO_INLINES | page)
    assert "An extension needs a phone number." in get_text(response)


@pytest.mark.parametrize(
    ("typed", "stored", "sentence"),
    [
        ("٢٠٤", "204", ""),
        ("12345678", "", "An extension has 7 digits at most."),
        ("x204", "", "Write the extension in digits."),
    ],
)
def test_extension_has_few_digits_that_every_program_reads(erin, ben, typed, stored, sentence):
    page = {"phone_extension": typed, "initial-phone": ben.phone, "initial-phone_extension": ""}
    response = erin.post(url(PATIENTS, "change", ben.pk), BEN | NO_INLINES | page)

    ben.refresh_from_db()
    assert ben.phone_extension == stored
    assert sentence in get_text(response)


def test_record_with_name_of_older_rules_can_be_changed_elsewhere(erin, ben):
    Patient.objects.filter(pk=ben.pk).update(last_name="O’Hara 2")

    shown = BEN | NO_INLINES | {"initial-first_name": "Ben", "initial-last_name": "O’Hara 2", "email": "b@example.org"}

    changed = erin.post(url(PATIENTS, "change", ben.pk), shown | {"last_name": "O’Hara 2"})
    refused = erin.post(url(PATIENTS, "change", ben.pk), shown | {"last_name": "O’Hara 3"})

    assert changed.status_code == 302
    assert "without digits" in get_text(refused)
    ben.refresh_from_db()
    assert (ben.last_name, ben.email) == ("O’Hara 2", "b@example.org")

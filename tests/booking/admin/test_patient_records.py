"""Staff correct a patient's contact with their coming visits, archive and merge records, and undo a merge."""

from datetime import date
from uuid import uuid4

import pytest
from django.core import mail

from booking.domain.appointments import annotate
from booking.domain.contact_corrections import (
    MAX_RESENT,
    TooManyConfirmations,
    correct_attendee,
    send_confirmation_again,
)
from booking.domain.orders import NoEmailAddress
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event, OutboxMessage, PatientAccess, Reminder, UndeliverableMail
from patients.models import Patient
from tests.booking.admin.pages import get_text, list_messages, run_action, url
from tests.booking.admin.test_edit_conflicts import parse_form, read_form
from tests.ledger import begin, nothing_changes
from tests.outbox import run_what_is_due

PATIENTS = "patients_patient"


@pytest.fixture
def bob(db):
    return Patient.objects.create(first_name="Bob", last_name="Brown", date_of_birth=date(1990, 2, 28))


@pytest.fixture
def three(book, at):
    """Three visits of alice: two to come, of which one is written to elsewhere, and one that is cancelled."""
    first = book(at(9))
    alice = first.patient
    other, gone = book(at(10), patient=alice), book(at(11), patient=alice)
    annotate(other, actor="erin", attendee_email="work@example.org")
    Appointment.objects.filter(pk=gone.pk).update(status="cancelled", slot=None)
    OutboxMessage.objects.all().delete()
    return first, other, gone


def test_changed_email_asks_also_for_coming_visits(erin, three):
    first, other, gone = three
    alice = first.patient
    address = url(PATIENTS, "change", alice.pk)
    with nothing_changes():
        page = erin.post(address, read_form(erin, address) | {"email": "alice@new.example.org"})

    assert page.context["title"] == "Also for 2 coming visits?"
    form = parse_form(page)
    assert (form["visits"], form["email"]) == ([str(first.pk)], ["alice@new.example.org"])
    assert "not as it was on record" in get_text(page)
    assert alice.pk in PatientAccess.objects.last().patient_ids

    response = erin.post(address, form)
    assert response.status_code == 302
    assert "Changed for 1 coming visit too. Links that went to another address end." in list_messages(response)
    for row in (alice, first, other, gone):
        row.refresh_from_db()
    assert alice.email == first.attendee_email == "alice@new.example.org"
    assert (first.link_version, other.attendee_email, gone.attendee_email) == (
        1,
        "work@example.org",
        "alice@example.org",
    )
    assert not OutboxMessage.objects.filter(kind__startswith="email.").exists()
    assert Event.objects.filter(subject_id=first.pk).last().data == {"changed": ["attendee_email", "link_version"]}


def test_change_without_contact_or_coming_visits_asks_nothing(erin, three):
    alice = three[0].patient
    address = url(PATIENTS, "change", alice.pk)
    assert erin.post(address, read_form(erin, address) | {"nhs_number": "943 476 5919"}).status_code == 302
    Appointment.objects.update(status="cancelled", slot=None)
    assert erin.post(address, read_form(erin, address) | {"email": "alice@new.example.org"}).status_code == 302


def test_declined_question_changes_the_record_alone(erin, three):
    alice = three[0].patient
    address = url(PATIENTS, "change", alice.pk)
    form = parse_form(erin.post(address, read_form(erin, address) | {"phone": "020 7946 0777"}))
    del form["visits"]
    assert erin.post(address, form).status_code == 302
    assert set(Appointment.objects.values_list("attendee_phone", flat=True)) == {"+442079460123"}
    alice.refresh_from_db()
    assert alice.phone == "+442079460777"


def test_corrected_address_settles_replans_and_is_not_the_verified_one(book, at, consultation):
    visit = book(at(9))
    Appointment.objects.filter(pk=visit.pk).update(verification="verified")
    UndeliverableMail.objects.create(
        pk=uuid4(), appointment=visit, kind="email.appointment_confirmed", status_code="5.1.1", happened_at=at(8)
    )
    Reminder.objects.filter(appointment=visit).update(status="queued")
    reminders = set(Reminder.objects.values_list("due_at", flat=True))

    correct_attendee(visit, actor="staff:7", attendee_email="right@example.org", send_confirmation=True)

    visit.refresh_from_db()
    assert (visit.verification, visit.link_version) == ("checked", 1)
    assert not UndeliverableMail.objects.filter(settled_at=None).exists()
    assert {(each.due_at, each.status) for each in Reminder.objects.all()} == {(due, "waiting") for due in reminders}
    mail.outbox.clear()
    OutboxMessage.objects.exclude(kind="email.appointment_confirmed").delete()
    run_what_is_due()
    assert {tuple(sent.to) for sent in mail.outbox} == {("right@example.org",)}


def test_corrected_address_of_what_waits_for_its_link_is_sent_a_new_link(book, at):
    visit = book(at(9))
    Appointment.objects.filter(pk=visit.pk).update(status="pending", verification="required", answer_by=at(8))
    OutboxMessage.objects.all().delete()
    visit.refresh_from_db()

    correct_attendee(visit, actor="staff:7", attendee_email="right@example.org")

    visit.refresh_from_db()
    assert (visit.status, visit.verification, visit.link_version) == ("pending", "required", 1)
    assert list(OutboxMessage.objects.values_list("kind", flat=True)) == ["email.verify_address"]


def test_confirmation_is_sent_again_but_not_too_often(book, at):
    visit = book(at(9))
    OutboxMessage.objects.all().delete()
    for _ in range(MAX_RESENT):
        send_confirmation_again(visit, actor="staff:7")
    with nothing_changes(), pytest.raises(TooManyConfirmations):
        send_confirmation_again(visit, actor="staff:7")
    assert [each.kind for each in OutboxMessage.objects.all()] == ["email.appointment_confirmed"] * MAX_RESENT
    assert Event.objects.filter(kind="appointment.confirmation_resent", actor="staff:7").count() == MAX_RESENT

    Appointment.objects.update(attendee_email="")
    with nothing_changes(), pytest.raises(NoEmailAddress):
        send_confirmation_again(visit, actor="staff:7")
    begin(visit)
    with nothing_changes(), pytest.raises(WrongState):
        send_confirmation_again(visit, actor="staff:7")


def test_archive_asks_for_reason_and_offers_to_cancel(erin, three):
    first, other, _ = three
    alice = first.patient
    address = url(PATIENTS, "archive", alice.pk)
    with nothing_changes():
        page = erin.post(address, {"action": "archive"})
        form = parse_form(page)
    assert form["visits"] == [str(first.pk), str(other.pk)]

    response = erin.post(address, form | {"reason": "moved_away", "visits": [str(first.pk)]})

    assert list_messages(response)[-1].endswith("Cancelled: 1.")
    for row in (alice, first, other):
        row.refresh_from_db()
    assert (alice.archive_reason, bool(alice.archived_at)) == ("moved_away", True)
    assert (first.status, other.status) == ("cancelled", "confirmed")
    assert Event.objects.get(kind="patient.archived").data == {"reason": "moved_away"}


def test_archive_of_who_has_died_writes_to_nobody(erin, three):
    first, *_ = three
    ids = [str(visit.pk) for visit in three[:2]]
    run_action(erin, PATIENTS, "archive", first.patient, reason="deceased", is_told="on", visits=ids)
    assert not Appointment.objects.exclude(status="cancelled").exists()
    assert not OutboxMessage.objects.filter(kind__startswith="email.").exists()


def test_two_ticked_patients_are_merged_and_made_two_again(erin, three, bob):
    alice = three[0].patient
    with nothing_changes():
        page = run_action(erin, PATIENTS, "merge", alice, bob)
        run_action(erin, PATIENTS, "merge", alice)
    assert "Keep the older one" in get_text(page)

    response = run_action(erin, PATIENTS, "merge", alice, bob, keep=str(bob.pk))
    assert list_messages(response)[-1].startswith("Merged: everything of both is Bob")
    assert set(Appointment.objects.values_list("patient", flat=True)) == {bob.pk}
    assert "Undo a merge" in get_text(erin.get(url(PATIENTS, "change", bob.pk)))
    assert "Undo the merge" in get_text(erin.get(url(PATIENTS, "change", alice.pk)))

    page = erin.get(url(PATIENTS, "unmerge", alice.pk))
    assert page.context["kept"] == bob
    response = erin.post(url(PATIENTS, "unmerge", alice.pk))
    assert list_messages(response)[-1] == "Alice Archer and Bob Brown are two records again."
    assert set(Appointment.objects.values_list("patient", flat=True)) == {alice.pk}
    assert not Patient.objects.exclude(archived_at=None).exists()
    with nothing_changes():
        erin.post(url(PATIENTS, "unmerge", alice.pk))


def test_clinician_may_neither_archive_nor_merge(danas_browser, three):
    with nothing_changes():
        for tool in ("archive", "unmerge"):
            assert danas_browser.post(url(PATIENTS, tool, three[0].patient.pk), {"reason": "other"}).status_code == 403


def test_appointment_page_corrects_who_comes_and_mails_the_new_address(erin, three):
    first, *_ = three
    address = url("booking_appointment", "change", first.pk)
    form = read_form(erin, address)
    assert form["send_again"] == ["on"]

    response = erin.post(address, form | {"attendee_email": "right@example.org", "attendee_phone": "020 7946 0777"})

    assert response.status_code == 302
    assert "patient’s record" in list_messages(response)[0]
    first.refresh_from_db()
    assert (first.attendee_email, first.attendee_phone, first.link_version) == ("right@example.org", "+442079460777", 1)
    assert list(OutboxMessage.objects.values_list("kind", flat=True)) == ["email.appointment_confirmed"]

    for _ in range(MAX_RESENT - 1):
        erin.post(url("booking_appointment", "send_again", first.pk))
    with nothing_changes():
        erin.post(url("booking_appointment", "send_again", first.pk))
        response = erin.post(address, read_form(erin, address) | {"attendee_email": "again@example.org"})
        assert any("several times within the hour" in said for said in list_messages(response))


def test_appointment_page_has_the_name_as_title_and_what_is_read_back(erin, three):
    page = erin.get(url("booking_appointment", "change", three[0].pk))
    text = get_text(page)
    assert text.startswith("Alice Archer, ")
    for part in ("Who Alice Archer", "Born 12 April 1985", "E-mail alice@example.org", "Phone "):
        assert part in text


def test_another_time_marks_the_present_one(erin, three):
    page = erin.get(url("booking_appointment", "another_time", three[0].pk)).content.decode()
    assert page.count('class="present"') == 1


def test_search_of_appointments_puts_coming_visits_first(erin, book, at):
    visits = [book(at(9)), book(at(10)), book(at(11)), book(at(14))]
    gone, over, later, next_one = visits
    Appointment.objects.filter(pk=gone.pk).update(status="cancelled", slot=None)
    begin(over)
    Appointment.objects.filter(pk=over.pk).update(
        ends_at=at(9) - (at(9) - at(8)) * 1000, starts_at=at(8) - (at(9) - at(8)) * 1000
    )
    Appointment.objects.filter(pk=next_one.pk).update(starts_at=at(10, 30), ends_at=at(11))
    found = erin.get(url("booking_appointment"), {"q": "archer"}).context["cl"].result_list
    assert list(found) == [next_one, later, gone, over]

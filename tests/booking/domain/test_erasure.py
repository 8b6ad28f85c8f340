"""Erasing, restricting and exporting a patient: what goes, what stays, and that nothing was forgotten."""

import json
from datetime import date, timedelta
from functools import partial
from io import StringIO
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test import Client

from booking.access.api_keys import create_key
from booking.access.email_addresses import allow_email
from booking.domain import erasure, patients
from booking.domain.appointments import annotate, cancel, complete, mark_arrived
from booking.domain.client_users import create_client_user
from booking.domain.confirmation import confirm_hold, confirm_with_approval
from booking.domain.contact_codes import Contact, ask_for_code
from booking.domain.erasure import (
    AlreadyErased,
    HasComingVisits,
    MustBeKept,
    erase_patient,
    lift_restriction,
    restrict_patient,
)
from booking.domain.holds import release_hold
from booking.domain.orders import create_order, send_link
from booking.domain.patient_drafts import write_draft
from booking.domain.patient_export import export_patient, render_html
from booking.domain.text_messages import send_text
from booking.domain.waitlist import join as join_waitlist
from booking.models import (
    ApiKey,
    Appointment,
    ContactCode,
    Erasure,
    Event,
    IdempotentAnswer,
    OutboxMessage,
    WaitlistEntry,
)
from patients.matching import match_patient
from patients.models import Consent, Patient, PossibleDuplicate
from patients.records import PatientArchived
from scheduling.lib.clock import database_now
from tests.booking.admin.pages import url
from tests.ledger import begin, nothing_changes
from tests.outbox import run_what_is_due
from tests.waiting import wait_until

MARKS = ("zaphod", "2079460777", "9434765919", "1951-07-13", "51.5077")
ZAPHODINE = {
    "first_name": "Zaphodine",
    "last_name": "Marked",
    "date_of_birth": "1951-07-13",
    "email": "zaphodine@example.org",
    "phone": "+442079460777",
}

# Rows that are deleted with the person.
DELETED = {
    "patients.Consent",
    "patients.PossibleDuplicate",
    "patients.Needs",
    "patients.Merge",
    "booking.AnswerSheet",
    "booking.ClientUser",
    "booking.ContactCode",
    "booking.EmailAddress",
    "booking.IdempotentAnswer",
    "booking.PatientDraft",
    "booking.UndeliverableMail",
    "booking.WaitlistEntry",
    "booking.WaitlistOffer",
    "booking.PhoneNumber",
    "booking.Reminder",
    "booking.StrandedOffer",
    "booking.StrandedStep",
    "booking.StrandedVisit",
    "booking.TextMessage",
}
ERASED = {
    "patients.Patient": {*erasure.OF_PATIENT, "normalized_name", "name_words", "name_spellings"},
    "booking.Appointment": set(erasure.OF_APPOINTMENT),
    "booking.Hold": set(erasure.OF_HOLD),
    "booking.Order": set(erasure.OF_ORDER),
    "booking.OutboxMessage": {"last_error"},
    "booking.StrandedPlan": {"message"},
    "booking.Import": {"file"},
    "admin.LogEntry": {"object_repr"},
    "sessions.Session": {"session_data"},
}
# Tables that know no patient, and why.
CLINIC = "the clinic's own: its places, services, people and their hours"
STAFF = "about staff and their logins"
SYSTEM = "about other systems and their access"
HARMLESS_MODELS = {
    "auth.Permission": STAFF,
    "auth.Group": STAFF,
    "auth.User": STAFF,
    "account.EmailAddress": STAFF,
    "account.EmailConfirmation": STAFF,
    "mfa.Authenticator": STAFF,
    "socialaccount.SocialApp": SYSTEM,
    "socialaccount.SocialAccount": STAFF,
    "socialaccount.SocialToken": STAFF,
    "booking.SignInEvent": STAFF,
    "contenttypes.ContentType": "names of models",
    "scheduling.Location": CLINIC,
    "scheduling.Service": CLINIC,
    "scheduling.ServiceCategory": CLINIC,
    "booking.EmbeddingSite": CLINIC,
    "scheduling.Clinician": CLINIC,
    "scheduling.Image": CLINIC,
    "scheduling.ImageFile": CLINIC,
    "scheduling.Calendar": CLINIC,
    "scheduling.BusyDay": "times of clinicians' own calendars, without titles",
    "scheduling.UnreadEvent": "hashes of events of clinicians' own calendars",
    "scheduling.WorkingHours": CLINIC,
    "scheduling.ExtraHours": CLINIC,
    "scheduling.TimeOff": CLINIC,
    "scheduling.TimeOffRequest": CLINIC,
    "scheduling.Slot": "times that were taken, without for whom",
    "booking.MessageText": CLINIC,
    "booking.Branding": CLINIC,
    "booking.PatientAccess": "who has seen which id, where; it has to be kept for a year",
    "booking.Erasure": "the ids to erase again after a restore",
    "booking.Question": CLINIC,
    "booking.QuestionVersion": CLINIC,
    "booking.ApiKey": SYSTEM,
    "booking.AccessToken": SYSTEM,
    "booking.Provider": SYSTEM,
    "booking.WebhookEndpoint": SYSTEM,
    "booking.Waitlist": CLINIC,
    "booking.CalendarFeed": SYSTEM,
    "booking.StaffInvitation": "a random token's hash, of staff",
    "booking.Event": "ids, times and reasons: test_kinds holds it to that",
    "booking.ImportProblem": "lines of a file, and sentences without what it says",
    "booking.SolvedChallenge": "hashes of riddles",
}
# Columns of tables that do know one, and why they may stay.
STATE = "one of few words"
HARMLESS = {
    "admin.LogEntry": {"object_id": "an id", "change_message": "names of fields, never values"},
    "sessions.Session": {"session_key": "a random key of staff's"},
    "booking.Appointment": {
        "price": "the service's",
        "currency": "the service's",
        "reference": "random; staff find the time by it, and nobody behind it",
        "status": STATE,
        "verification": STATE,
        "cancellation_reason": STATE,
        "override_reason": STATE,
        "language": "one of few, which its mails were in",
    },
    "booking.Hold": {
        "price": "the service's",
        "currency": "the service's",
        "status": STATE,
        "holder": "a key, a member of staff, or that it was a visitor",
        "token_hash": "a random token's",
    },
    "booking.StrandedPlan": {"action": STATE, "actor": "a member of staff", "reason": STATE, "wish": "choices"},
    "booking.OutboxMessage": {"kind": STATE, "status": STATE, "payload": "ids and times: test_kinds holds it to that"},
    "booking.Import": {
        "kind": STATE,
        "status": STATE,
        "actor": "a member of staff",
        "unknown_columns": "names of columns",
    },
}
# An id, a number, a yes or no, and when something was: none says who somebody is without the columns that are erased.
ANONYMOUS_FIELDS = (
    models.AutoField,
    models.BooleanField,
    models.DateTimeField,
    models.DurationField,
    models.ForeignKey,
    models.IntegerField,
    models.TimeField,
    models.UUIDField,
)


def test_every_field_of_every_model_is_erased_or_named_harmless():
    unknown = []
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.label
        if model._meta.proxy or label in DELETED | HARMLESS_MODELS.keys():
            continue
        known = ERASED.get(label, set()) | HARMLESS.get(label, {}).keys()
        unknown += [
            f"{label}.{field.name}"
            for field in model._meta.concrete_fields
            if not isinstance(field, ANONYMOUS_FIELDS) and field.name not in known
        ]
    assert unknown == []


def list_tables_with_marks():
    """Return the names of the tables in which a row has one of the marks, as text or as bytes."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT row::text FROM "{table}" AS row')
            rows = " ".join(row for (row,) in cursor.fetchall()).lower()
            if any(mark in rows or mark.encode().hex() in rows for mark in MARKS):
                found.add(table)
    if any(mark in json.dumps(each.get_decoded()).lower() for each in Session.objects.all() for mark in MARKS):
        found.add("django_session")
    return found


@pytest.fixture
def short_memory(settings):
    """A clinic that has to keep no records."""
    settings.RETENTION_YEARS = 0


@pytest.fixture
def client_of_practice(db):
    """What calls the API with a secret key: ``client_of_practice("patch", "/patients/…", {…})``."""
    _, plain = create_key(name="the practice", kind="secret", scopes=ApiKey.Scope.values)

    def call(method, path, body):
        headers = {"authorization": f"Bearer {plain}", "idempotency-key": str(uuid4())}
        return getattr(Client(), method)(f"/api/v1{path}", body, "application/json", headers=headers)

    return call


@pytest.fixture
def zaphodine(hold_time, at, consultation, morgan, endpoint, client_of_practice, settings):
    """A patient who has left marks wherever a patient can."""
    settings.SITE_URL = "https://booking.clinic.example"
    metadata = {"zaphodine": "of zaphod"}
    patient = patients.register(
        Patient(**ZAPHODINE, nhs_number="9434765919", external_id="zaphod-1", metadata=metadata), actor="erin"
    )
    twin = Patient(**ZAPHODINE | {"first_name": "Zaphodina", "email": "twin.zaphod@example.org"})
    patients.merge(keep=patient, duplicate=patients.register(twin, actor="erin"), actor="erin")
    match_patient(Patient(**ZAPHODINE | {"email": "other@example.org"}))  # a possible duplicate, who is somebody else
    Patient.objects.filter(email="other@example.org").update(
        first_name="Ann", date_of_birth=None, phone="", normalized_name="ann", name_words="ann", name_spellings=[]
    )
    Consent.objects.create(patient=patient, purpose="reminders", given_at=database_now())
    attendee = {"contact_name": "Zaphod's mother", "relation": "child"}
    attendee |= {"name": "Zaphod", "email": "zaphod@example.org", "phone": "+442079460777"}
    hold = hold_time(at(9), external_id="zaphod-2", metadata=metadata, patient=patient)
    seen = confirm_hold(hold, patient=patient, attendee=attendee, notes="Zaphod has a cold", actor="patient")
    annotate(seen, actor="erin", meeting_url="https://meet.example/zaphod")
    complete(mark_and_begin(seen), actor="erin")
    missed = confirm_hold(hold_time(at(10)), patient=patient, actor="patient")
    cancel(missed, reason="other", note="Zaphod called", actor="erin")
    release_hold(hold_time(at(11), patient=patient, metadata=metadata), actor="patient")
    order = create_order(
        patient=patient,
        service=consultation,
        client_user=create_client_user("zaphod-3"),
        external_id="zaphod-4",
        metadata=metadata,
        address_line_1="Zaphod House",
        city="Zaphodon",
        latitude="51.5077",
        longitude="-0.1",
        actor="erin",
    )
    send_link(order, actor="erin")
    candidate = Patient(**ZAPHODINE)
    write_draft(candidate, holder=uuid4(), origin="https://www.clinic.example", network="n")
    wish = {"service": consultation, "last_day": at(9).date(), "phone": "+447400123457", "parts_of_day": ["morning"]}
    wish |= {name: ZAPHODINE[name] for name in ("first_name", "last_name", "email")}
    join_waitlist(WaitlistEntry(**wish), actor="patient", is_proven=True)
    settings.SMS_BACKEND, settings.SMS_COUNTRIES = "console", ["GB"]
    assert send_text(wish["phone"], "Zaphod, a time is free", purpose="offer", is_proof=True)
    allow_email("zaphodine@example.org")
    ask_for_code(Contact(date(1951, 7, 13), email="zaphodine@example.org"), network="n")
    assert client_of_practice("patch", f"/patients/{patient.pk}", {"metadata": metadata}).status_code == 200
    page = url("patients_patient", "withdraw", patient.pk, Consent.objects.get().pk)
    assert morgan.get(page).status_code == 200
    assert morgan.post(page).status_code == 302
    LogEntry.objects.update(object_repr="Zaphodine Marked")  # as a release before has written it
    OutboxMessage.objects.filter(kind="email.order_link").update(last_error="550 no zaphodine@example.org here")
    mail.outbox.clear()
    return patient


def mark_and_begin(appointment):
    mark_arrived(begin(appointment), actor="erin")
    return appointment


def test_erase_leaves_no_mark_in_any_table_nor_in_mails_to_come(zaphodine, morgan, short_memory):
    assert {
        "booking_appointment",
        "booking_clientuser",
        "booking_hold",
        "booking_order",
        "booking_outboxmessage",
        "booking_patientdraft",
        "booking_waitlistentry",
        "django_admin_log",
        "django_session",
        "patients_patient",
    } <= list_tables_with_marks()
    assert IdempotentAnswer.objects.exists()

    erase_patient(zaphodine.pk, actor="staff:7")

    assert list_tables_with_marks() == set()
    for model in (IdempotentAnswer, Consent, PossibleDuplicate, ContactCode):
        assert not model.objects.exists()
    assert not OutboxMessage.objects.filter(kind="sms.text").exists()
    run_what_is_due()
    assert mail.outbox == []
    assert list_tables_with_marks() == set()


def test_erase_keeps_times_and_events_and_tells_of_each_record(zaphodine, short_memory):
    before = list(Appointment.objects.order_by("pk").values("pk", "starts_at", "ends_at", "status", "patient_id"))
    events = Event.objects.count()

    erase_patient(zaphodine.pk, actor="staff:7")

    assert list(Appointment.objects.order_by("pk").values(*before[0])) == before
    records = Patient.objects.exclude(erased_at=None)
    assert {(each.last_name, each.first_name, each.email) for each in records} == {("erased", "", "")}
    assert records.count() == 2 == Erasure.objects.count()
    told = OutboxMessage.objects.filter(kind="webhook.event", payload__type="patient.erased")
    assert {each.payload["data"]["id"] for each in told} == {str(each.pk) for each in records}
    assert Event.objects.count() == events + 3  # and the order's end
    assert Event.objects.filter(kind="patient.erased", actor="staff:7").count() == 2


def test_erase_of_merged_record_erases_the_one_that_remained(zaphodine, short_memory):
    merged = Patient.objects.get(merged_into=zaphodine)

    erase_patient(merged.pk, actor="staff:7")

    zaphodine.refresh_from_db()
    assert zaphodine.erased_at
    with pytest.raises(AlreadyErased):
        erase_patient(zaphodine.pk, actor="staff:7")


def test_erase_is_refused_while_a_visit_is_to_come(book, at, short_memory):
    visit = book(at(9))

    with nothing_changes(), pytest.raises(HasComingVisits):
        erase_patient(visit.patient_id, actor="staff:7")

    cancel(visit, reason="patient_request", actor="erin")
    erase_patient(visit.patient_id, actor="staff:7")
    assert Patient.objects.get().erased_at


def test_erase_is_refused_while_a_time_is_held_for_the_patient(hold_time, at, alice, short_memory):
    hold = hold_time(at(9), patient=alice)

    with nothing_changes(), pytest.raises(HasComingVisits):
        erase_patient(hold.patient.pk, actor="staff:7")


def test_erase_is_refused_while_the_clinic_has_to_keep_a_visit(book, at, settings):
    settings.RETENTION_YEARS = 10
    visit = mark_and_begin(book(at(9)))
    complete(visit, actor="erin")
    ended_at = database_now() - timedelta(days=9 * 365)
    Appointment.objects.update(starts_at=ended_at - timedelta(minutes=30), ends_at=ended_at)

    with nothing_changes(), pytest.raises(MustBeKept) as refusal:
        erase_patient(visit.patient_id, actor="staff:7")
    assert refusal.value.until == ended_at + timedelta(days=3652.5)

    Appointment.objects.update(starts_at=ended_at - timedelta(days=800), ends_at=ended_at - timedelta(days=799))
    erase_patient(visit.patient_id, actor="staff:7")
    assert Patient.objects.get().erased_at


def test_erased_patient_is_told_to_approver(hold_time, lab, at, alice, short_memory):
    visit = confirm_with_approval(hold_time(at(9)), patient=alice, actor="patient")
    cancel(visit, reason="patient_request", actor="erin")
    run_what_is_due()

    erase_patient(visit.patient_id, actor="staff:7")
    run_what_is_due()

    assert lab.forgotten == [str(visit.pk)]
    assert OutboxMessage.objects.get(kind="provider.forget").status == "done"


def test_restored_backup_is_erased_again_with_what_it_has_to_come(book, at, short_memory):
    visit = book(at(9))
    printed = StringIO()
    Erasure.objects.create(patient_id=visit.patient_id, erased_at=database_now(), actor="staff:7")
    call_command("list_erasures", stdout=printed)
    Erasure.objects.all().delete()  # as if the backup was older
    said = StringIO()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", StringIO(printed.getvalue() + f"{uuid4()}\n"))
        call_command("replay_erasures", stdout=said)

    assert said.getvalue() == "Erased again: 1 of 2.\n"
    visit.refresh_from_db()
    assert (visit.status, visit.attendee_name, visit.patient.last_name) == ("cancelled", "", "erased")
    assert Erasure.objects.get().patient_id == visit.patient_id
    run_what_is_due()
    assert mail.outbox == []


def test_restricted_patient_is_matched_changed_and_restored_by_nobody(book, at, alice, client_of_practice):
    visit = mark_and_begin(book(at(9)))
    complete(visit, actor="erin")

    restrict_patient(visit.patient_id, reason="Kept by law until 2036.", actor="staff:7")
    restrict_patient(visit.patient_id, reason="Again.", actor="staff:7")

    patient = Patient.objects.get()
    assert (patient.restriction_reason, bool(patient.archived_at)) == ("Kept by law until 2036.", True)
    assert Event.objects.get(kind="patient.restricted").actor == "staff:7"
    with pytest.raises(PatientArchived):
        book(at(10), patient=patient)
    with pytest.raises(Patient.DoesNotExist):
        patients.change(patient.pk, lambda row: row, actor="erin")
    assert patients.restore(patient, actor="erin") is False
    fresh = Patient(**{name: getattr(alice, name) for name in ("first_name", "last_name", "date_of_birth", "email")})
    assert book(at(11), patient=fresh).patient_id != patient.pk
    for path in (f"/appointments/{visit.pk}", f"/patients/{patient.pk}"):
        assert client_of_practice("get", path, None).status_code == 404
    listed = client_of_practice("get", "/patients", {"updated_since": "2020-01-01T00:00:00Z"}).json()["data"]
    assert str(patient.pk) not in [each["id"] for each in listed]

    lift_restriction(patient.pk, actor="staff:7")
    patient.refresh_from_db()
    assert (patient.restricted_at, patient.restriction_reason, patient.archived_at) == (None, "", None)


def test_restricted_patient_is_shown_only_to_who_may_see_it(book, at, erin, morgan):
    visit = mark_and_begin(book(at(9)))
    complete(visit, actor="erin")
    pages = [
        url("patients_patient", "changelist") + "?archived=all",
        url("patients_patient", "change", visit.patient_id),
        url("booking_appointment", "changelist") + "?day=any",
        url("booking_appointment", "change", visit.pk),
    ]
    assert all("Archer" in erin.get(page).text for page in pages)

    restrict_patient(visit.patient_id, reason="Kept by law.", actor="staff:7")

    assert not any("Archer" in erin.get(page, follow=True).text for page in pages)
    assert all("Archer" in morgan.get(page).text for page in pages)
    assert "Kept by law." in morgan.get(pages[1]).text


def test_export_has_everything_of_all_records(zaphodine):
    export = export_patient(Patient.objects.get(merged_into=zaphodine).pk)

    assert {name: len(rows) for name, rows in export.items() if isinstance(rows, list)} == {
        "records": 2,
        "consents": 1,
        "appointments": 2,
        "needs": 0,
        "answers": 0,
        "orders": 1,
        "holds": 3,
        "wishes": 1,
        "known_elsewhere_as": 1,
        "messages": 4,
        "reminders": 2,
        "text_messages": 0,
        "seen_by": 2,
    }
    assert export["seen_by"][1]["who"] == "staff of the clinic"
    for text in (json.dumps(export, default=str), render_html(export).decode()):
        for mark in ("Zaphodine", "Zaphodina", "Zaphod House", "Zaphod called", "9434765919", "zaphod-3", "51.5077"):
            assert mark in text
        assert "token" not in text
    page = render_html(export).decode()
    assert "http" not in page.replace("https://meet.example/zaphod", "")  # it needs no other file


def test_commands_export_and_erase(book, at, short_memory):
    visit, printed = book(at(9)), StringIO()

    call_command("export_patient", str(visit.patient_id), stdout=printed)

    assert json.loads(printed.getvalue())["records"][0]["first_name"] == "Alice"
    with nothing_changes():
        with pytest.raises(CommandError, match="visits to come"):
            call_command("erase_patient", str(visit.patient_id), "--yes")
        with pytest.raises(CommandError, match="add --yes"):
            call_command("erase_patient", str(visit.patient_id))
        with pytest.raises(CommandError, match="no such patient"):
            call_command("export_patient", str(uuid4()))
    cancel(visit, reason="other", actor="erin")
    call_command("erase_patient", str(visit.patient_id), "--yes", stdout=printed)
    assert Patient.objects.get().erased_at


def test_erase_waits_for_a_booking_under_way_and_is_refused(open_transaction, elsewhere, hold_time, at, alice):
    patient = patients.register(alice, actor="erin")
    commit = open_transaction(partial(confirm_hold, hold_time(at(9)), patient=patient, actor="patient"))

    erasing = elsewhere(erase_patient, patient.pk, actor="staff:7")
    wait_until(is_anybody_waiting)
    commit()

    with pytest.raises(HasComingVisits):
        erasing.result()
    assert Patient.objects.get().erased_at is None


def test_erase_succeeds_while_a_member_of_staff_with_unread_messages_signs_out(
    open_transaction, elsewhere, morgan, alice, short_memory
):
    patient = patients.register(alice, actor="erin")
    session = morgan.session
    session["_messages"] = "Alice was changed."
    session.save()
    commit = open_transaction(session.delete)

    erasing = elsewhere(erase_patient, patient.pk, actor="staff:7")
    wait_until(is_anybody_waiting)
    commit()

    erasing.result()
    assert Patient.objects.get().erased_at
    assert not Session.objects.exists()


def is_anybody_waiting():
    """Return whether a transaction waits for the lock of another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]

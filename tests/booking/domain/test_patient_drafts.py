"""Details that a page sends of a person before it books for them."""

from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from django.db import connection, transaction

from booking import tasks
from booking.domain import patient_drafts
from booking.domain.confirmation import confirm_hold
from booking.domain.patient_drafts import (
    MAX_LIVE_DRAFTS_PER_NETWORK,
    DraftNotFound,
    TooManyDrafts,
    find_draft,
    use_draft,
    write_draft,
)
from booking.domain.transitions import HoldExpired
from booking.models import Appointment, Hold, PatientDraft
from patients.models import Patient
from scheduling.lib.clock import database_now
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

SITE, HOLDER = "https://www.clinic.example", uuid4()


@pytest.fixture
def draft(alice):
    """Write Alice's details down on the clinic's site: ``draft(network="…")`` returns ``(PatientDraft, id)``."""

    def draft(**changes):
        return write_draft(alice, **{"holder": HOLDER, "origin": SITE, "network": "a home", **changes})

    return draft


def age(elapsed):
    PatientDraft.objects.update(expires_at=database_now() + patient_drafts.LIFETIME - elapsed)


def test_draft_keeps_the_details_for_an_hour_and_of_its_id_the_hash(draft, alice):
    alice.phone_extension = "204"
    with transaction.atomic():
        before = database_now()
        written, id = draft()

    [row] = PatientDraft.objects.values()
    assert timedelta() <= row.pop("created_at") - before < timedelta(seconds=10)
    assert row == {
        "id": written.pk,
        "token_hash": sha256(str(id).encode()).digest(),
        "api_key_holder": HOLDER,
        "origin": SITE,
        "network": "a home",
        "first_name": "Alice",
        "last_name": "Archer",
        "date_of_birth": alice.date_of_birth,
        "email": "alice@example.org",
        "phone": "+442079460123",
        "phone_extension": "204",
        "expires_at": written.created_at + timedelta(hours=1),
    }
    assert not Patient.objects.exists()


def test_draft_is_found_by_its_id_with_its_key_on_its_site_only(draft):
    written, id = draft()

    assert find_draft(id, holder=HOLDER, origin=SITE) == written
    for changes in ({"holder": uuid4()}, {"origin": "https://www.elsewhere.example"}, {"origin": None}):
        with pytest.raises(DraftNotFound):
            find_draft(id, **{"holder": HOLDER, "origin": SITE, **changes})
    with pytest.raises(DraftNotFound):
        find_draft(uuid4(), holder=HOLDER, origin=SITE)


def test_draft_is_not_found_after_an_hour(draft):
    written, id = draft()

    age(timedelta(minutes=59))
    assert find_draft(id, holder=HOLDER, origin=SITE) == written
    age(timedelta(hours=1))
    with pytest.raises(DraftNotFound):
        find_draft(id, holder=HOLDER, origin=SITE)
    with pytest.raises(DraftNotFound):
        use_draft(written, at=database_now())


def test_confirm_uses_the_draft_up(draft, hold_time, at):
    written, _ = draft()

    appointment = confirm_hold(hold_time(at(9)), patient=written.make_candidate(), draft=written, actor="page")

    assert (appointment.patient.first_name, appointment.patient.email) == ("Alice", "alice@example.org")
    assert not PatientDraft.objects.exists()
    hold = hold_time(at(10))
    with nothing_changes(), pytest.raises(DraftNotFound):
        confirm_hold(hold, patient=written.make_candidate(), draft=written, actor="page")
    assert hold.status == "active"


def test_failed_confirm_keeps_the_draft(draft, hold_time, at):
    written, id = draft()
    hold = hold_time(at(9))
    lapse(hold)

    with nothing_changes(), pytest.raises(HoldExpired):
        confirm_hold(hold, patient=written.make_candidate(), draft=written, actor="page")

    assert find_draft(id, holder=HOLDER, origin=SITE) == written


@pytest.mark.django_db(transaction=True)
def test_draft_that_two_confirms_use_at_once_makes_one_appointment(
    draft, hold_time, at, elsewhere, consultation, harbour
):
    written, _ = draft()
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    holds = [hold_time(at(9)), hold_time(at(9), clinician=otis)]

    with transaction.atomic():
        PatientDraft.objects.select_for_update().get()
        details = {"patient": written.make_candidate(), "draft": written, "actor": "page"}
        calls = [elsewhere(confirm_hold, hold, **details) for hold in holds]
        wait_until(lambda: count_waiting() == 2)

    assert [type(call.exception()) for call in calls].count(DraftNotFound) == 1
    assert sorted(Hold.objects.values_list("status", flat=True)) == ["active", "confirmed"]
    assert (Appointment.objects.count(), Patient.objects.count(), PatientDraft.objects.count()) == (1, 1, 0)


def count_waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def test_network_writes_a_limited_number_of_drafts_that_nobody_books_with(draft):
    written = [draft()[0] for _ in range(MAX_LIVE_DRAFTS_PER_NETWORK)]

    with nothing_changes(), pytest.raises(TooManyDrafts) as refusal:
        draft()
    assert 3590 <= refusal.value.retry_after <= 3601
    draft(network="a practice")
    use_draft(written[0], at=database_now())
    draft()
    age(timedelta(hours=1))
    draft()


@pytest.mark.django_db(transaction=True)
def test_drafts_of_a_network_are_counted_exactly_when_they_are_written_at_once(draft, elsewhere, monkeypatch):
    monkeypatch.setattr(patient_drafts, "MAX_LIVE_DRAFTS_PER_NETWORK", 3)

    calls = [elsewhere(draft) for _ in range(8)]

    assert [type(call.exception()) for call in calls].count(TooManyDrafts) == 5
    assert PatientDraft.objects.count() == 3


def test_beat_deletes_the_drafts_of_an_hour_ago_and_no_others(draft):
    draft()
    age(timedelta(hours=1))
    newer, _ = draft()

    tasks.forget_old_drafts()

    assert list(PatientDraft.objects.all()) == [newer]

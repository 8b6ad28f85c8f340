"""One person, one place at a time: who is refused, who is only told, and what counts."""

from datetime import UTC, timedelta

import pytest

from booking.domain.appointments import cancel, complete, mark_arrived, mark_no_show
from booking.domain.confirmation import confirm_hold
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder, move_hold
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, OutboxMessage
from booking.outbox import handlers
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Service
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

HOUR = timedelta(hours=1)


@pytest.fixture
def otis(harbour, consultation):
    """Otis, who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


@pytest.fixture
def visit(book, at):
    """Alice's appointment with Dana from nine to half past."""
    return book(at(9))


@pytest.fixture
def book_with_otis(visit, hold_time, otis, at):
    """Book Alice with Otis too: ``book_with_otis(at(9))``."""

    def book_with_otis(starts_at, **options):
        hold = hold_time(starts_at, clinician=otis)
        return confirm_hold(hold, patient=visit.patient, actor="key:lab", **options)

    return book_with_otis


def list_told():
    """Return the payloads of the mails about other visits."""
    return list(OutboxMessage.objects.filter(kind="email.also_booked").values_list("payload", flat=True))


def test_confirm_hold_for_patient_who_is_elsewhere_raises_patient_busy_and_changes_nothing(visit, hold_time, otis, at):
    hold = hold_time(at(9), clinician=otis)

    with nothing_changes(), pytest.raises(PatientBusy) as refused:
        confirm_hold(hold, patient=visit.patient, actor="key:lab", must_be_free=True)

    assert refused.value.conflict == (visit.pk, True)


def test_confirm_hold_by_person_who_is_elsewhere_tells_address_on_their_record(visit, book_with_otis, at, alice):
    alice.pk, alice._state.adding = None, True
    second = book_with_otis(at(9), attendee={"name": "Ann Archer", "email": "ann@example.org", "phone": ""})

    assert second.status == "confirmed"
    assert list_told() == [{"appointment": str(second.pk), "others": str(visit.pk)}]


@pytest.mark.parametrize("minutes", [-30, 30])
def test_visit_that_only_touches_is_no_conflict_whatever_buffers_say(minutes, book_with_otis, at):
    Service.objects.update(buffer_before=timedelta(minutes=5), buffer_after=timedelta(minutes=5))
    Appointment.objects.update(starts_at=at(10), ends_at=at(10, 30))

    book_with_otis(at(10) + timedelta(minutes=minutes), must_be_free=True)

    assert list_told() == []


@pytest.mark.parametrize(
    ("end", "is_in_the_way"),
    [
        (lambda visit: mark_arrived(visit, actor="erin", enforce_start=False), True),
        (lambda visit: complete(visit, actor="erin", enforce_start=False), False),
        (lambda visit: mark_no_show(visit, actor="erin", enforce_start=False), False),
        (lambda visit: cancel(visit, reason="other", actor="erin"), False),
        (lambda visit: Appointment.objects.update(status="reserved"), True),
        (lambda visit: Appointment.objects.update(status="pending", answer_by=visit.starts_at), True),
        (lambda visit: Appointment.objects.update(status="pending", answer_by=database_now()), False),
    ],
    ids=["arrived", "completed", "no-show", "cancelled", "reserved", "pending", "unanswered"],
)
def test_only_visits_that_stand_are_in_the_way(end, is_in_the_way, visit, book_with_otis, at):
    end(visit)

    try:
        book_with_otis(at(9), must_be_free=True)
        was_refused = False
    except PatientBusy:
        was_refused = True

    assert was_refused == is_in_the_way


def test_hold_for_order_whose_patient_is_elsewhere_is_refused_and_changes_nothing(visit, hold_time, otis, order, at):
    with nothing_changes(), pytest.raises(PatientBusy):
        hold_time(at(9), clinician=otis, order=order, must_be_free=True)

    hold_time(at(9), clinician=otis, order=order)  # a visitor with the order's link


def test_hold_moved_to_where_its_patient_is_elsewhere_is_refused_and_changes_nothing(
    visit, hold_time, otis, consultation, harbour, at
):
    hold = hold_time(at(10), clinician=otis, patient=visit.patient, must_be_free=True)

    with nothing_changes(), pytest.raises(PatientBusy):
        opening = OpeningRequest(consultation, at(9), otis, harbour, is_remote=False)
        move_hold(hold, opening, actor="key:lab", must_be_free=True)


def test_book_directly_for_patient_who_is_elsewhere_is_refused_and_changes_nothing(
    visit, otis, consultation, harbour, at
):
    opening = OpeningRequest(consultation, at(9), otis, harbour, is_remote=False)

    with nothing_changes(), pytest.raises(PatientBusy):
        book_directly(opening, patient=visit.patient, actor="key:lab", holder=Holder("key:lab"), must_be_free=True)


@pytest.mark.parametrize("is_to_hold", [False, True])
def test_reschedule_to_where_patient_is_elsewhere_is_refused_or_told(
    is_to_hold, visit, book_with_otis, hold_time, otis, consultation, harbour, at
):
    second = book_with_otis(at(10))
    target = (
        hold_time(at(9), clinician=otis)
        if is_to_hold
        else OpeningRequest(consultation, at(9), otis, harbour, is_remote=False)
    )
    verb = reschedule_to_hold if is_to_hold else reschedule

    with nothing_changes(), pytest.raises(PatientBusy):
        verb(Appointment.objects.get(pk=second.pk), target, actor="key:lab", must_be_free=True)
    if is_to_hold:
        target.refresh_from_db()
    verb(second, target, actor="patient")

    assert (second.starts_at, Appointment.objects.get(pk=second.pk).starts_at) == (at(9), at(9))
    assert list_told() == [{"appointment": str(second.pk), "others": str(visit.pk)}]


# Once a day


@pytest.fixture
def once_a_day(consultation):
    """Make the consultation a service that one person has once a day."""
    consultation.is_once_a_day = True
    consultation.save()


def test_second_visit_of_service_once_a_day_is_refused_on_that_day_alone(
    once_a_day, visit, book_with_otis, hold_time, otis, at
):
    hold = hold_time(at(16), clinician=otis)
    with nothing_changes(), pytest.raises(PatientBusy) as refused:
        confirm_hold(hold, patient=visit.patient, actor="key:lab", must_be_free=True)
    book_with_otis(at(9) + 24 * HOUR, must_be_free=True)

    assert refused.value.conflict == (visit.pk, False)


def test_day_of_service_once_a_day_is_the_locations_own(once_a_day, visit, book_with_otis, harbour, at):
    midnight = at(0).astimezone(UTC)
    Appointment.objects.update(starts_at=midnight - HOUR, ends_at=midnight - HOUR / 2)

    assert book_with_otis(at(9), must_be_free=True).status == "confirmed"


def test_visit_of_another_service_on_that_day_is_no_conflict(once_a_day, visit, book_with_otis, at):
    Appointment.objects.update(service=Service.objects.create(name="X-ray", slug="x-ray", duration=HOUR, price=1))

    assert book_with_otis(at(16), must_be_free=True).status == "confirmed"


def test_completed_visit_of_service_once_a_day_is_in_the_way(once_a_day, visit, book_with_otis, at):
    complete(visit, actor="erin", enforce_start=False)

    with pytest.raises(PatientBusy):
        book_with_otis(at(16), must_be_free=True)


# The mail


@pytest.fixture
def send(visit, book_with_otis, at):
    """Book Alice with Otis at nine for somebody else's address, and send the mail about the other visit."""
    second = book_with_otis(at(9), attendee={"name": "Ann Archer", "email": "ann@example.org", "phone": ""})

    def send():
        handlers.attempt(OutboxMessage.objects.get(kind="email.also_booked"))
        return second

    return send


def test_mail_about_other_visit_goes_to_address_on_record_alone(send, visit, mailoutbox, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    second = send()

    [mail] = mailoutbox
    [(html, _)] = mail.alternatives
    assert (mail.to, mail.cc, mail.bcc) == (["alice@example.org"], [], [])
    for text in (mail.body, html):
        assert "Dear Alice Archer" in text
        for each in (visit, second):
            assert each.reference in text
            assert f"{settings.SITE_URL}/appointment/" in text
        assert "You also have:" in text
        assert f"{second.local_start:%H:%M}" in text
    assert "Consultation" not in mail.subject


def test_mail_about_other_visit_that_is_cancelled_by_then_is_not_sent(send, visit, mailoutbox):
    cancel(visit, reason="other", actor="erin")

    send()

    assert mailoutbox == []


def test_mail_about_other_visit_of_patient_without_address_is_not_sent(send, mailoutbox):
    Patient.objects.update(email="")

    send()

    assert mailoutbox == []

"""A further kind of approver is a module and a line in the registry."""

from datetime import timedelta

import pytest
from django.urls import reverse

from booking.domain.appointments import confirm
from booking.domain.approvals import ProviderUnavailable
from booking.domain.confirmation import confirm_hold, confirm_with_approval
from booking.integrations import approvers
from booking.integrations.approvers.base import Answer, NotAnswered
from booking.models import Acknowledgement, Appointment, Provider
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

pytestmark = pytest.mark.django_db


class InsurerApprover:
    """Another system that approves by a ledger of its own: here, a dictionary."""

    kind = "insurer"
    label = "the patient's insurer"
    is_remote = True
    is_staff = False

    def __init__(self):
        self.ledger = {}

    def acknowledge(self, provider, booking, *, at, answer_within=None):
        raise NotImplementedError

    def ask(self, provider, request, *, timeout):
        if request.attendee.name == "Nobody Insured":
            return Answer("refused")
        self.ledger[request.booking.pk] = request.version
        return Answer("confirmed", "POL-7")

    def withdraw(self, provider, booking_id, *, version, timeout):
        self.ledger.pop(booking_id, None)

    def check(self, provider, *, timeout):
        raise NotAnswered("it has no desk")


class CaretakerApprover:
    """Somebody in the house, who has a day for it."""

    kind = "caretaker"
    label = "the caretaker"
    is_remote = False
    is_staff = True

    def acknowledge(self, provider, booking, *, at, answer_within=None):
        return Acknowledgement(Appointment.Status.PENDING, provider, answer_by=at + timedelta(days=1))


@pytest.fixture
def insurer(monkeypatch, consultation):
    approver = InsurerApprover()
    monkeypatch.setitem(approvers.APPROVERS, approver.kind, approver)
    Provider.objects.create(name="The insurer", slug="insurer", kind="insurer").services.add(consultation)
    return approver


@pytest.fixture
def caretaker(monkeypatch, consultation):
    monkeypatch.setitem(approvers.APPROVERS, "caretaker", CaretakerApprover())
    provider = Provider.objects.create(name="The caretaker", slug="caretaker", kind="caretaker")
    provider.services.add(consultation)
    return provider


def test_confirm_with_registered_remote_approver_asks_it_once(insurer, hold_time, alice, at):
    appointment = confirm_with_approval(hold_time(at(9)), patient=alice, actor="patient")

    assert (appointment.status, appointment.provider_reference) == ("confirmed", "POL-7")
    assert insurer.ledger.keys() == {appointment.pk}


def test_confirm_without_approval_of_registered_remote_approver_changes_nothing(insurer, hold_time, alice, at):
    hold = hold_time(at(9))

    with nothing_changes(), pytest.raises(ProviderUnavailable):
        confirm_hold(hold, patient=alice, actor="patient")

    assert insurer.ledger == {}


def test_appointment_cancelled_here_is_withdrawn_from_registered_approver(insurer, hold_time, alice, at):
    appointment = confirm_with_approval(hold_time(at(9)), patient=alice, actor="patient")
    Appointment.objects.filter(pk=appointment.pk).update(provider_reference="")

    from booking.domain.appointments import cancel

    cancel(appointment, reason="other", actor="patient")
    run_what_is_due()

    assert insurer.ledger == {}


def test_registered_staff_approver_leaves_appointment_pending_until_staff_confirm(caretaker, hold_time, alice, at):
    appointment = confirm_hold(hold_time(at(9)), patient=alice, actor="patient")

    assert (appointment.status, appointment.provider) == ("pending", caretaker)
    assert appointment.answer_by == appointment.created_at + timedelta(days=1)
    assert appointment.slot.expires_at == appointment.answer_by
    confirm(appointment, actor="erin")
    appointment.slot.refresh_from_db()
    assert (appointment.status, appointment.slot.expires_at) == ("confirmed", None)


def test_admin_offers_registered_kinds_of_approver(insurer, admin_client):
    page = admin_client.get(reverse("admin:booking_provider_add")).content.decode()

    assert '<option value="insurer">the patient&#x27;s insurer</option>' in page

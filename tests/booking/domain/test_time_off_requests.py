"""A clinician asks for time off, and a manager answers."""

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail

from booking.domain.time_off_requests import (
    RequestAnswered,
    approve_time_off,
    decline_time_off,
    request_time_off,
    withdraw_time_off,
)
from booking.models import Branding, OutboxMessage
from booking.models.branding import recent_branding
from booking.outbox.handlers import HANDLERS
from scheduling.models import TimeOff, TimeOffRequest


@pytest.fixture
def morgan(db):
    user = User.objects.create_user("morgan", "morgan@clinic.example", is_staff=True)
    user.groups.add(Group.objects.get(name="manager"))
    return user


@pytest.fixture
def ask(dana, at):
    return lambda: request_time_off(dana, starts_at=at(9), ends_at=at(12), reason="Course")


def send_mails():
    for message in OutboxMessage.objects.filter(kind__startswith="email.time_off"):
        HANDLERS[message.kind].run(message)
    return [(sent.to, sent.subject, sent.body) for sent in mail.outbox]


def test_request_waits_and_is_mailed_to_managers(dana, morgan, ask):
    first, again = ask(), ask()

    assert (first, first.status, TimeOff.objects.count()) == (again, "waiting", 0)
    [(to, subject, body)] = send_mails()
    assert (to, subject) == (["morgan@clinic.example"], "Dana Reed asks for time off")
    assert "09:00" in body
    assert "/admin/time-off-requests/" in body or "in admin" in body


def test_approved_request_is_time_off_and_mailed_to_clinician(dana, morgan, ask, at):
    dana.user = User.objects.create_user("dana", "dana@clinic.example")
    dana.save()
    request = ask()
    OutboxMessage.objects.all().delete()

    approve_time_off(request, user=morgan, note="Enjoy it.")

    request = TimeOffRequest.objects.get()
    assert (request.status, request.decided_by) == ("approved", morgan)
    time_off = request.time_off
    assert (time_off.clinician, time_off.starts_at, time_off.ends_at) == (dana, at(9), at(12))
    assert time_off.reason == "Course"
    [(to, subject, body)] = send_mails()
    assert (to, subject) == (["dana@clinic.example"], "Your time off is approved")
    assert "Enjoy it." in body


def test_answered_request_is_not_answered_again(morgan, ask):
    request = ask()
    decline_time_off(request, user=morgan, note="Too many are away.")

    for verb in (approve_time_off, decline_time_off):
        with pytest.raises(RequestAnswered):
            verb(request, user=morgan)
    with pytest.raises(RequestAnswered):
        withdraw_time_off(request)

    assert (TimeOffRequest.objects.get().status, TimeOff.objects.count()) == ("declined", 0)


@pytest.mark.parametrize("setting", ["clinic", "clinician"])
def test_time_off_counts_at_once_by_a_setting_and_can_be_taken_back(dana, ask, setting):
    if setting == "clinic":
        Branding.objects.create(approves_time_off=False)
        recent_branding.forget()
    else:
        dana.time_off_approval = "at_once"
        dana.save()

    request = ask()

    assert (request.status, TimeOff.objects.count(), OutboxMessage.objects.count()) == ("approved", 1, 0)
    withdraw_time_off(request)
    assert (request.status, TimeOff.objects.count()) == ("withdrawn", 0)


def test_request_of_who_is_asked_may_be_taken_back_while_it_waits(morgan, ask):
    request = ask()
    withdraw_time_off(request)

    with pytest.raises(RequestAnswered):
        approve_time_off(request, user=morgan)
    assert (TimeOffRequest.objects.get().status, TimeOff.objects.count()) == ("withdrawn", 0)

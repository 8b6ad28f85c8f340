"""The log of rights, and its page in admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from booking.access import sign_in_log
from booking.models import SignInEvent
from booking.tasks import forget_old_sign_ins
from tests.booking.admin.pages import get_rows, get_text, url

EVENTS = "booking_signinevent"


@pytest.fixture
def olga(admin_user):
    """A superuser, and what the log says before the test."""
    return admin_user


def list_changes(after):
    rows = SignInEvent.objects.filter(kind="rights_changed", pk__gt=after).order_by("id")
    return [(event.user_id, event.data) for event in rows]


@pytest.fixture
def newest(olga):
    """The newest event before the test."""
    return SignInEvent.objects.latest("id").pk


def test_new_changed_and_deleted_users_are_recorded(newest):
    erin = User.objects.create_user("erin", is_staff=True)
    key = erin.pk
    erin.is_superuser, erin.email = True, "erin@clinic.example"
    erin.save()
    erin.first_name = "Erin"
    erin.save()
    erin.delete()

    assert list_changes(newest) == [
        (key, {"created": True, "is_active": True, "is_staff": True, "is_superuser": False}),
        (key, {"is_superuser": True, "email": "changed"}),
        (key, {"deleted": True}),
    ]


def test_granted_and_lost_rights_are_recorded(olga, newest):
    reception = Group.objects.create(name="night shift")
    permission = Permission.objects.get(codename="change_order")

    olga.groups.add(reception)
    olga.user_permissions.add(permission)
    olga.groups.clear()
    reception.permissions.set([permission])
    reception.permissions.set([])
    reception.user_set.add(olga)
    reception.delete()

    assert list_changes(newest) == [
        (olga.pk, {"groups added": ["night shift"]}),
        (olga.pk, {"permissions added": ["change_order"]}),
        (olga.pk, {"groups removed": ["night shift"]}),
        (None, {"group": "night shift", "permissions added": ["change_order"]}),
        (None, {"group": "night shift", "permissions removed": ["change_order"]}),
        (None, {"group": "night shift", "users added": [olga.pk]}),
        (None, {"group": "night shift", "deleted": True}),
    ]


def test_change_in_admin_is_recorded_with_who_made_it_and_from_where(admin_client, olga, newest):
    password = "harbour gulls eat chips"
    typed = {"username": "erin", "password1": password, "password2": password, "usable_password": "true"}

    admin_client.post(url("auth_user", "add"), typed, REMOTE_ADDR="192.0.2.7")

    erin = User.objects.get(username="erin")
    event = SignInEvent.objects.get(kind="rights_changed", user=erin)
    assert (event.address, event.data["by"]) == ("192.0.2.7", olga.pk)


def test_users_made_by_command_are_recorded(db):
    call_command("createsuperuser", interactive=False, username="olivia", email="olivia@clinic.example")

    event = SignInEvent.objects.filter(kind="rights_changed").latest("id")
    assert (event.data["is_superuser"], event.address) == (True, None)


def test_log_is_append_only_and_purged_after_a_year(db):
    now = timezone.now()
    for days in (366, 360):
        SignInEvent.objects.create(kind="failed", account="x", created_at=now - timedelta(days=days))

    for change in (SignInEvent.objects.filter(account="x").delete, lambda: SignInEvent.objects.update(account="y")):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    forget_old_sign_ins()

    assert [(now - event.created_at).days for event in SignInEvent.objects.filter(account="x")] == [360]


def test_manager_reads_the_log_and_changes_nothing(morgan):
    sign_in_log.record(SignInEvent.Kind.FAILED, account=sign_in_log.get_account_id("Erin"), data={"method": "code"})
    sign_in_log.record(SignInEvent.Kind.SIGNED_OUT, user=User.objects.get(username="morgan"))
    event = SignInEvent.objects.latest("id")

    rows = get_rows(morgan.get(url(EVENTS)))
    assert rows[0][1:3] == ["signed out", "morgan"]
    assert len(get_rows(morgan.get(url(EVENTS) + "?q=erin"))) == 1
    assert morgan.get(url(EVENTS) + "?q=192.0.2").status_code == 200
    assert "method: code" in get_text(morgan.get(url(EVENTS) + "?kind__exact=failed"))
    assert morgan.post(url(EVENTS, "change", event.pk), {"account": ""}).status_code == 403
    assert morgan.get(url(EVENTS, "add")).status_code == 403


def test_reception_does_not_read_the_log(erin):
    assert erin.get(url(EVENTS)).status_code == 403

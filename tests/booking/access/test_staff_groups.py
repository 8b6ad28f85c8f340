"""The permissions of reception, clinicians and managers."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from booking.models import Appointment
from tests.booking.admin.pages import get_rows, run_action, url
from tests.conftest import make_clinician

APPOINTMENTS = "booking_appointment"
ANY_DAY = "?day=any"


@pytest.fixture
def others(book, at, harbour, consultation):
    """An appointment with somebody else."""
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    return book(at(11), clinician=otis)


@pytest.mark.django_db
def test_staff_groups_exist_after_migrate():
    assert set(Group.objects.values_list("name", flat=True)) == {"reception", "clinician", "manager"}


@pytest.mark.django_db
def test_groups_cannot_change_events_slots_or_logins_or_delete_history():
    granted = Permission.objects.filter(group__isnull=False)

    assert not granted.filter(content_type__app_label="auth").exists()
    assert not granted.filter(content_type__model__in=["event", "slot"]).exclude(codename__startswith="view_").exists()
    assert not granted.filter(
        codename__in=["delete_appointment", "delete_hold", "delete_patient", "delete_outboxmessage"]
    ).exists()


@pytest.mark.django_db
def test_configuration_permissions_belong_to_managers_only():
    configuring = Permission.objects.filter(
        content_type__app_label="scheduling", codename__regex="^(add|change|delete)_"
    ).exclude(codename="add_timeoffrequest")  # which clinicians have for themselves

    assert set(Group.objects.filter(permissions__in=configuring).values_list("name", flat=True)) == {"manager"}


@pytest.mark.django_db
def test_migrate_restores_missing_group_and_keeps_changed_ones():
    first = sorted(Permission.objects.filter(group__name="manager").values_list("codename", flat=True))
    assert "change_service" in first
    Group.objects.get(name="manager").delete()
    Group.objects.get(name="clinician").permissions.clear()

    call_command("migrate", verbosity=0)

    assert sorted(Permission.objects.filter(group__name="manager").values_list("codename", flat=True)) == first
    assert not Permission.objects.filter(group__name="clinician").exists()


@pytest.mark.django_db
def test_migrate_gives_new_permission_to_existing_groups_once():
    manager = Group.objects.get(name="manager")
    manager.permissions.clear()
    Permission.objects.get(codename="view_signinevent").delete()  # as in the release before it

    call_command("migrate", verbosity=0)
    assert list(manager.permissions.values_list("codename", flat=True)) == ["view_signinevent"]

    manager.permissions.clear()
    call_command("migrate", verbosity=0)
    assert not manager.permissions.exists()


def test_clinician_sees_own_appointments_only(danas_browser, book, at, others):
    own = book(at(9))

    [row] = get_rows(danas_browser.get(url(APPOINTMENTS) + ANY_DAY))
    assert row[-1].endswith(own.reference)
    assert danas_browser.get(url(APPOINTMENTS, "change", own.pk)).status_code == 200
    assert danas_browser.get(url(APPOINTMENTS, "change", others.pk)).status_code == 302  # not found, and back home
    assert danas_browser.get(url(APPOINTMENTS, "history", others.pk)).status_code == 302


def test_clinician_marks_own_appointments_only(danas_browser, book_today, others):
    own = book_today(9)
    Appointment.objects.filter(pk=others.pk).update(starts_at=own.starts_at, ends_at=own.ends_at)

    danas_browser.post(url(APPOINTMENTS, "move", own.pk, "arrived"))
    run_action(danas_browser, APPOINTMENTS, "arrived", others, query=ANY_DAY)

    assert danas_browser.post(url(APPOINTMENTS, "move", others.pk, "arrived")).status_code == 404
    assert dict(Appointment.objects.values_list("pk", "status")) == {own.pk: "in_progress", others.pk: "confirmed"}


def test_clinician_cannot_cancel_or_decide_appointments(danas_browser, book, at):
    own = book(at(9))

    refused = [
        danas_browser.post(url(APPOINTMENTS, "move", own.pk, "cancel"), {"reason": "other"}),
        danas_browser.post(url(APPOINTMENTS, "move", own.pk, "confirm")),
    ]
    run_action(danas_browser, APPOINTMENTS, "cancel", own, query=ANY_DAY, reason="other")

    assert [response.status_code for response in refused] == [403, 403]
    appointment = Appointment.objects.get()
    assert (appointment.status, appointment.notes) == ("confirmed", "")


@pytest.mark.parametrize(
    "model", ["booking_hold", "booking_event", "patients_patient", "scheduling_clinician", "auth_user"]
)
def test_clinician_sees_no_other_admin_pages(danas_browser, model):
    assert danas_browser.get(url(model)).status_code == 403


def test_reception_views_schedule_but_cannot_change_it(erin, dana, harbour):
    for model, obj in (("scheduling_clinician", dana), ("scheduling_location", harbour)):
        assert erin.get(url(model)).status_code == 200
        assert erin.post(url(model, "change", obj.pk), {"name": "Mine"}).status_code == 403
        assert erin.get(url(model, "add")).status_code == 403
    dana.refresh_from_db()
    assert dana.name == "Dana Reed"


@pytest.mark.parametrize("model", ["auth_user", "auth_group"])
def test_manager_cannot_change_logins(morgan, model):
    assert morgan.get(url(model)).status_code == 403
    assert morgan.get(url(model, "add")).status_code == 403


def test_staff_without_group_sees_nothing(staff, book, at):
    appointment = book(at(9))
    stranger = staff("vic", "reception")
    stranger.user.groups.clear()

    assert stranger.get(url(APPOINTMENTS)).status_code == 403
    assert stranger.post(url(APPOINTMENTS, "move", appointment.pk, "arrived")).status_code in (403, 404)
    appointment.refresh_from_db()
    assert appointment.status == "confirmed"

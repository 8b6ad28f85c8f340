"""Managers invite staff, say what they may do and where, and let nobody do more than they may themselves."""

import re

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from booking.access.staff_groups import GROUPS
from booking.access.staff_rights import list_grantable_groups
from booking.models import SignInEvent, StaffInvitation, StaffMember
from scheduling.models import Location
from tests.booking.admin.pages import get_text, list_messages, url
from tests.ledger import rows
from tests.outbox import run_what_is_due

STAFF = "booking_staffaccount"
PASSWORD = "bees-hum-over-clover"


@pytest.fixture
def invite(morgan):
    """Fill in the form for Iris, who is to work at reception, and return the answer."""

    def invite(browser=morgan, **changes):
        typed = {"first_name": "Iris", "last_name": "Vane", "email": "iris@clinic.example", "has_all_locations": "on"}
        typed["groups"] = [Group.objects.get(name="reception").pk]
        return browser.post(url(STAFF, "add"), {**typed, **changes})

    return invite


def read_link(message):
    return re.search(r"http\S+(/admin/account/invitation/\S+/)", message.body)[1]


def test_invited_colleague_chooses_a_password_and_works(invite, dana):
    assert invite().status_code == 302
    iris = User.objects.get(username="iris@clinic.example")
    assert (iris.is_staff, iris.is_superuser, iris.has_usable_password()) == (True, False, False)

    run_what_is_due()
    [message] = mail.outbox
    assert message.to == ["iris@clinic.example"]
    link, browser = read_link(message), Client()
    assert "Welcome, Iris" in get_text(browser.get(link))
    response = browser.post(link, {"new_password1": PASSWORD, "new_password2": PASSWORD})

    assert response.status_code == 302
    assert browser.get(url("booking_appointment")).status_code == 200
    assert browser.get(url(STAFF)).status_code == 403
    assert browser.get(link).status_code == 404
    kinds = [event.data for event in SignInEvent.objects.filter(user=iris, kind="rights_changed").order_by("pk")]
    assert {"invited": True}.items() <= kinds[-1].items()
    assert not StaffInvitation.objects.exists()


def test_invitation_ends_with_the_next_one_and_after_a_week(invite, morgan):
    invite()
    run_what_is_due()
    iris = User.objects.get(username="iris@clinic.example")
    morgan.post(url(STAFF, "resend", iris.pk))
    run_what_is_due()
    first, second = map(read_link, mail.outbox)

    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    StaffInvitation.objects.update(expires_at=timezone.now())
    assert Client().get(second).status_code == 404
    assert Client().post(second, {"new_password1": PASSWORD, "new_password2": PASSWORD}).status_code == 404
    iris.refresh_from_db()
    assert not iris.has_usable_password()


def test_deactivated_colleague_is_out_at_once(morgan, erin):
    assert erin.get("/admin/").status_code == 200

    morgan.post(url(STAFF, "deactivate", erin.user.pk))

    assert erin.get("/admin/").status_code == 302
    assert not Session.objects.filter(session_key=erin.session.session_key).exists()
    morgan.post(url(STAFF, "reactivate", erin.user.pk))
    erin.user.refresh_from_db()
    assert erin.user.is_active


def test_address_of_who_has_logged_in_cannot_be_changed_by_a_manager(morgan, invite):
    typed = {"first_name": "Iris", "last_name": "Vane", "email": "morgan@clinic.example", "has_all_locations": "on"}
    typed["groups"] = [Group.objects.get(name="reception").pk]
    invite()
    iris = User.objects.get(username="iris@clinic.example")
    User.objects.filter(pk=iris.pk).update(last_login=timezone.now())

    morgan.post(url(STAFF, "change", iris.pk), typed)
    iris.refresh_from_db()
    assert (iris.email, iris.last_name) == ("iris@clinic.example", "Vane")

    User.objects.filter(pk=iris.pk).update(last_login=None)
    morgan.post(url(STAFF, "change", iris.pk), typed)
    iris.refresh_from_db()
    assert iris.email == "morgan@clinic.example"


def test_manager_can_give_each_of_the_clinics_groups(morgan):
    assert {*list_grantable_groups(morgan.user).values_list("name", flat=True)} == {*GROUPS}


def test_manager_neither_makes_nor_changes_whoever_may_more(morgan, invite, db):
    chief = User.objects.create_superuser("chief", password=PASSWORD)
    strong = User.objects.create_user("strong", is_staff=True)
    strong.user_permissions.add(Permission.objects.get(codename="add_user"))
    admins = Group.objects.create(name="admins")
    admins.permissions.add(Permission.objects.get(codename="change_user"))
    before = rows(User)

    assert "is not one of the available choices" in get_text(invite(groups=[admins.pk]))
    for user in (chief, strong, morgan.user):
        typed = {"first_name": "X", "email": "x@clinic.example", "has_all_locations": "on"}
        assert morgan.post(url(STAFF, "change", user.pk), typed).status_code == 403
        for tool in ("resend", "deactivate", "reactivate", "remove_factors"):
            assert morgan.post(url(STAFF, tool, user.pk)).status_code == 403
        assert "Save" not in get_text(morgan.get(url(STAFF, "change", user.pk)))
    assert rows(User) == before
    invite(is_superuser="on", user_permissions=[Permission.objects.get(codename="add_user").pk])

    iris = User.objects.get(username="iris@clinic.example")
    assert (iris.is_superuser, iris.user_permissions.count()) == (False, 0)


def test_manager_of_one_location_gives_that_one_and_sees_those_who_work_there(morgan, erin, invite, harbour):
    mill = Location.objects.create(name="Mill Lane", timezone="Europe/London")
    StaffMember.objects.create(user=morgan.user, has_all_locations=False).locations.add(harbour)

    assert "Say where they work" in get_text(invite())
    assert "not one of the available choices" in get_text(invite(locations=[mill.pk]))
    invite(locations=[harbour.pk])

    iris = StaffMember.objects.get(user__username="iris@clinic.example")
    assert (iris.has_all_locations, list(iris.locations.all())) == (False, [harbour])
    page = get_text(morgan.get(url(STAFF)))
    assert "Iris Vane" in page and "erin" not in page
    assert morgan.post(url(STAFF, "deactivate", erin.user.pk)).status_code == 404


def test_address_of_a_colleague_is_taken_once(invite, erin):
    User.objects.filter(pk=erin.user.pk).update(email="Iris@clinic.example")

    before = rows(User)
    assert "Somebody has a login with that address already." in get_text(invite())
    assert rows(User) == before


def test_reception_has_no_page_of_staff(erin):
    assert erin.get(url(STAFF)).status_code == 403
    assert list_messages(erin.get("/admin/")) == []

"""Users of a client: ids for people whom their first order identifies."""

from datetime import date

import pytest

from booking.domain.client_users import (
    ClientUserExists,
    OtherPerson,
    change_client_user,
    create_client_user,
)
from booking.domain.orders import create_order
from booking.domain.patients import archive, merge
from booking.models import ClientUser, Order
from patients.models import Patient
from patients.records import PatientArchived
from tests.ledger import nothing_changes


@pytest.fixture
def user(db):
    """A user whom nobody knows yet."""
    return create_client_user("alice-7")


def describe(patient, **changes):
    """Return an unsaved patient with the same details, but for ``changes``."""
    names = ("first_name", "last_name", "date_of_birth", "email", "phone")
    return Patient(**{name: getattr(patient, name) for name in names} | changes)


def test_create_client_user_with_a_known_id_raises_and_names_the_user(user):
    with nothing_changes(), pytest.raises(ClientUserExists) as refused:
        create_client_user("alice-7")
    assert refused.value.client_user == user == ClientUser.objects.get()


def test_change_client_user_to_a_known_id_raises_and_changes_nothing(user):
    other = create_client_user("bob-8")
    with pytest.raises(ClientUserExists) as refused:
        change_client_user(other, client_user_id="alice-7")
    assert refused.value.client_user == user
    assert sorted(ClientUser.objects.values_list("client_user_id", flat=True)) == ["alice-7", "bob-8"]


def test_first_order_links_the_user_to_the_patient_it_finds(user, alice, consultation):
    alice.save()
    order = create_order(patient=describe(alice), service=consultation, client_user=user, actor="erin")
    assert (order.patient, order.client_user, ClientUser.objects.get().patient) == (alice, user, alice)
    assert Patient.objects.get() == alice


def test_later_order_is_for_the_same_patient_whatever_the_contact(user, alice, consultation):
    create_order(patient=alice, service=consultation, client_user=user, actor="erin")
    moved = describe(alice, email="alice@elsewhere.example", phone="")
    order = create_order(patient=moved, service=consultation, client_user=ClientUser.objects.get(), actor="erin")
    assert order.patient == Patient.objects.get() == alice


@pytest.mark.parametrize("changes", [{"first_name": "Bob"}, {"date_of_birth": date(1990, 1, 1)}])
def test_later_order_for_somebody_else_is_refused(user, alice, consultation, changes):
    create_order(patient=alice, service=consultation, client_user=user, actor="erin")
    with nothing_changes(), pytest.raises(OtherPerson):
        create_order(patient=describe(alice, **changes), service=consultation, client_user=user, actor="erin")
    assert Order.objects.count() == 1


def test_user_follows_the_patient_through_a_merge(user, alice, consultation):
    create_order(patient=alice, service=consultation, client_user=user, actor="erin")
    twin = describe(alice, email="twin@example.org")
    twin.save()
    merge(keep=twin, duplicate=alice, actor="erin")
    order = create_order(patient=describe(alice), service=consultation, client_user=ClientUser.objects.get(), actor="x")
    assert order.patient == twin


def test_user_whose_patient_is_archived_gets_no_order(user, alice, consultation):
    create_order(patient=alice, service=consultation, client_user=user, actor="erin")
    archive(alice, actor="erin")
    with nothing_changes(), pytest.raises(PatientArchived):
        create_order(patient=describe(alice), service=consultation, client_user=user, actor="erin")

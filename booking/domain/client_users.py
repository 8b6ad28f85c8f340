"""The verbs of a client's user: an id for a person before anybody here knows who it is."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from booking.domain.patients import find_or_register
from booking.models import ClientUser
from patients.models import Patient
from patients.text import normalize_name


class ClientUserExists(Exception):
    """Another user, ``client_user``, has that id of the client's."""

    message = _("A user with that client_user_id exists.")

    def __init__(self, client_user: ClientUser) -> None:
        self.client_user = client_user
        super().__init__(str(client_user.pk))


class OtherPerson(Exception):
    """The details are not those of the person whom the user is known to be."""

    message = _("That user is somebody with another name or birth date.")


def create_client_user(client_user_id: str) -> ClientUser:
    """Save a user and return it; raises ClientUserExists."""
    client_user, is_new = ClientUser.objects.get_or_create(client_user_id=client_user_id)
    if not is_new:
        raise ClientUserExists(client_user)
    return client_user


def change_client_user(client_user: ClientUser, *, client_user_id: str) -> None:
    """Give a user another id of the client's. Raises ClientUserExists."""
    client_user.client_user_id = client_user_id
    try:
        with transaction.atomic():
            client_user.save(update_fields=["client_user_id"])
    except IntegrityError as error:
        raise ClientUserExists(ClientUser.objects.get(client_user_id=client_user_id)) from error


@transaction.atomic(savepoint=False)
def identify(client_user: ClientUser, candidate: Patient, *, actor: str) -> Patient:
    """Return who a user is, locked: the patient it is linked to, else ``candidate`` as find_or_register finds it.

    The first call links the two for good. Raises PatientArchived, or OtherPerson if ``candidate`` is not the one.
    """
    if client_user.patient is None:
        found = find_or_register(candidate, actor=actor)
        # The patient's lock comes first, as in a merge, which moves the link. One of two first orders makes it.
        ClientUser.objects.filter(pk=client_user.pk, patient=None).update(patient=found)
        client_user.refresh_from_db()
        if client_user.patient != found:
            raise OtherPerson
        return found
    patient = find_or_register(client_user.patient, actor=actor)
    check_same_person(patient, candidate)
    return patient


def check_same_person(patient: Patient, candidate: Patient) -> None:
    """Raise OtherPerson unless the names and the birth date of both are the same."""
    name = normalize_name(candidate.first_name, candidate.last_name)
    is_same_birth = candidate.date_of_birth in (None, patient.date_of_birth) or patient.date_of_birth is None
    if patient.normalized_name != name or not is_same_birth:
        raise OtherPerson

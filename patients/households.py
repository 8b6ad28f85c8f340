"""Who shares a contact: the people of one mailbox, or one phone."""

from datetime import date

from patients.models import Patient
from patients.text import normalize_name


def list_household(*, email: str = "", phone: str = "", born: date) -> list[Patient]:
    """Return the patients with this e-mail address or phone number whom somebody who knows a birth date may see.

    These are the patients with that birth date, and those for whom the same person is written to: a parent sees the
    children they have booked for. Others who share the mailbox are not shown: that somebody reads it does not say
    whose it was when they gave it. The archive, and so whoever is restricted or erased, is not looked into.
    """
    contact = {"email": email} if email else {"phone": phone}
    everybody = list(Patient.objects.filter(**contact, archived_at=None).order_by("created_at", "pk"))
    known = [patient for patient in everybody if patient.date_of_birth == born]
    writers = {_name_writer(patient) for patient in known}
    dependants = [patient for patient in everybody if patient.contact_name and _name_writer(patient) in writers]
    household = {}
    for patient in (*known, *dependants):  # of one person's two records the older one
        household.setdefault((patient.normalized_name, patient.date_of_birth), patient)
    return sorted(household.values(), key=lambda patient: bool(patient.contact_name))


def _name_writer(patient):
    """Return the name of who reads the patient's mail, as names are compared."""
    return normalize_name(patient.contact_name) if patient.contact_name else patient.normalized_name

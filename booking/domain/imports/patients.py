"""Import patients. One who is here already stays as they are."""

from django.core.exceptions import ValidationError

from booking.domain.imports.cells import Importing, Kind, RowRefused, check_fields, read_date
from booking.domain.imports.tables import Column
from booking.domain.patients import register
from patients.models import Patient
from patients.records import ExternalIdTaken, NhsNumberTaken, PatientExists
from scheduling.lib.phones import list_phone_countries, read_phone

PERSON = (
    Column("first_name", "Alice", ("forename", "given name")),
    Column("last_name", "Ash", ("surname", "family name")),
    Column("date_of_birth", "1984-03-09", ("birth date", "born", "dob")),
    Column("email", "alice@example.org", ("e-mail", "email address", "e-mail address", "mail")),
    Column("phone", "+44 20 7946 0000", ("mobile", "telephone", "phone number", "mobile phone")),
)
COLUMNS = (
    *PERSON,
    Column("contact_name", ""),
    Column("relation", ""),
    Column("nhs_number", "", ("nhs no",)),
    Column("external_id", "P-1001", ("id", "patient id")),
)
TEXTS = ("first_name", "last_name", "email", "contact_name", "relation", "nhs_number", "external_id")


def save_patient(values: dict[str, str], importing: Importing) -> bool:
    """Register a patient, and return whether they are new; raises RowRefused."""
    return find_or_add(values, importing)[1]


def find_or_add(values: dict[str, str], importing: Importing) -> tuple[Patient, bool]:
    """Return the patient of a row, and whether they are new; raises RowRefused."""
    external_id = values.get("external_id", "")
    if external_id and (known := Patient.objects.filter(external_id=external_id).first()):
        return known, False
    candidate = build_patient(values)
    try:
        return register(candidate, actor=importing.actor, is_announced=importing.is_announced), True
    except PatientExists as error:
        return error.patient, False
    except NhsNumberTaken as error:
        raise RowRefused(str(error.message), "nhs_number") from error
    except ExternalIdTaken as error:
        raise RowRefused(str(error.message), "external_id") from error


def build_patient(values: dict[str, str]) -> Patient:
    """Return an unsaved, validated Patient; raises RowRefused."""
    candidate = Patient(
        **{name: values.get(name, "") for name in TEXTS}, date_of_birth=read_date(values, "date_of_birth")
    )
    if text := values.get("phone"):
        try:
            candidate.phone, candidate.phone_extension = read_phone(text, list_phone_countries())
        except ValidationError as error:
            raise RowRefused(error.messages[0], "phone") from error
    check_fields(candidate)
    return candidate


PATIENTS = Kind(COLUMNS, save_patient)

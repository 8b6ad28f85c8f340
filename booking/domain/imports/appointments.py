"""Import coming appointments, as the program before had them: any time that is free, whether it is offered or not."""

from collections.abc import Iterable
from datetime import UTC, datetime

from booking.domain.appointments import new_reference
from booking.domain.audit import record_event
from booking.domain.imports.cells import (
    Importing,
    Kind,
    RowRefused,
    check_fields,
    find_named,
    get_named,
    read_date,
    read_flag,
    read_time,
)
from booking.domain.imports.patients import COLUMNS as PATIENT_COLUMNS
from booking.domain.imports.patients import PERSON, find_or_add
from booking.domain.imports.tables import Column, Row
from booking.domain.notifications import notify_changed
from booking.domain.patient_conflicts import PatientBusy, check_conflicts
from booking.domain.patients import lock_patient
from booking.integrations.approvers import get_provider
from booking.models import Appointment
from booking.models.enums import EventKind, Job
from patients.models import Patient
from scheduling.models import Clinician, Location, Service
from scheduling.slots import SlotTaken, lock_clinicians, take_slot

COLUMNS = (
    Column("date", "2026-12-01", ("day",), is_required=True),
    Column("time", "09:30", ("start", "start time"), is_required=True),
    Column("service", "Physiotherapy", ("appointment type", "treatment"), is_required=True),
    Column("clinician", "Dana Weber", ("practitioner", "with"), is_required=True),
    Column("location", "Harbour Street", ("place", "site"), is_required=True),
    Column("by_video", "no", ("video", "remote")),
    *PERSON,
    Column("patient_external_id", "P-1001", ("patient id",)),
    Column("notes", ""),
    Column("external_id", "A-204", ("id", "appointment id")),
)


def save_visit(values: dict[str, str], importing: Importing) -> bool:
    """Book a confirmed appointment, and return whether it is new; raises RowRefused."""
    external_id = values.get("external_id", "")
    if external_id and Appointment.objects.filter(external_id=external_id).exists():
        return False
    appointment = _build(values, importing)
    patient = _find_patient(values, importing)
    lock_patient(patient.pk)
    if _is_booked(appointment, patient):
        return False
    _book(appointment, patient, importing)
    return True


def _build(values, importing):
    service = get_named(Service, values, "service", importing)
    clinician = get_named(Clinician, values, "clinician", importing)
    location = get_named(Location, values, "location", importing)
    starts_at = read_start(values, location)
    if starts_at <= importing.now:
        raise RowRefused("It is in the past: only coming appointments are imported.", "date")
    is_remote = read_flag(values, "by_video", default=service.mode == Service.Mode.REMOTE)
    if not service.allows(is_remote=is_remote):
        raise RowRefused(f"{service} is not given in that way.", "by_video")
    if (clinician, service) not in importing.found:
        importing.found[clinician, service] = clinician.services.contains(service)
    if not importing.found[clinician, service]:
        raise RowRefused(f"{clinician} does not give {service}: add it to their services.", "clinician")
    return Appointment(
        reference=new_reference(),
        status=Appointment.Status.CONFIRMED,
        service=service,
        clinician=clinician,
        location=location,
        starts_at=starts_at,
        ends_at=starts_at + service.duration,
        is_remote=is_remote,
        price=service.price,
        currency=service.currency,
        notes=values.get("notes", ""),
        external_id=values.get("external_id", ""),
        created_at=importing.now,
    )


def read_start(values: dict[str, str], location: Location) -> datetime:
    """Return when a visit starts on the location's clock: of an hour that comes twice, the first; raises RowRefused."""
    day = read_date(values, "date")
    if day is None:
        raise RowRefused("It is empty.", "date")
    local = datetime.combine(day, read_time(values, "time"), location.zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(location.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise RowRefused("There is no such time on that day: the clocks go forward.", "time")
    return instant


def _find_patient(values, importing):
    person = {name: values[name] for name in (column.name for column in PATIENT_COLUMNS) if name in values}
    person["external_id"] = values.get("patient_external_id", "")
    if not person.get("first_name") and not person.get("last_name"):
        found = person["external_id"] and Patient.objects.filter(external_id=person["external_id"]).first()
        if not found:
            raise RowRefused("Nobody has that id, and there is no name.", "patient_external_id")
    else:
        found, _ = find_or_add(person, importing)
    if found.archived_at:
        raise RowRefused("The patient is in the archive.", "patient_external_id")
    return found


def _is_booked(appointment, patient):
    same = Appointment.objects.filter(clinician=appointment.clinician, starts_at=appointment.starts_at)
    return same.filter(patient=patient, status__in=Appointment.STANDING).exists()


def _book(appointment, patient, importing):
    is_announced = importing.is_announced
    try:
        period = appointment.padded_period
        slot = take_slot(clinician=appointment.clinician, location=appointment.location, period=period)
        check_conflicts(appointment, patient.pk, must_be_free=True)
    except SlotTaken as error:
        sentence = f"{appointment.clinician} has another visit then, or one too near, or somebody is just booking it."
        raise RowRefused(sentence, "time") from error
    except PatientBusy as error:
        raise RowRefused("The patient has another visit then, or the same service on that day.", "time") from error
    appointment.slot, appointment.patient = slot, patient
    contact = patient.contact
    appointment.attendee_name = contact.pop("name")
    appointment.attendee_email, appointment.attendee_phone = contact.pop("email"), contact.pop("phone")
    appointment.contact_name, appointment.relation = contact["contact_name"], contact["relation"]
    if is_announced:
        appointment.provider = get_provider(appointment.service_id, appointment.location_id)
    check_fields(appointment, exclude=["attendee_name"])  # a name on record may be older than today's rules
    appointment.save(force_insert=True)
    record_event(
        appointment,
        EventKind.APPOINTMENT_CREATED,
        actor=importing.actor,
        at=importing.now,
        to_status=appointment.status,
        is_announced=is_announced,
    )
    if is_announced:
        notify_changed(appointment, email=Job.EMAIL_APPOINTMENT_CONFIRMED)


def lock_clinicians_of(rows: Iterable[Row], importing: Importing) -> None:
    """Lock the clinicians whom rows name, in the order in which nobody's locks cross."""
    named = [find_named(Clinician, row.values.get("clinician", ""), importing) for row in rows]
    if ids := [clinician.pk for clinician in named if clinician]:
        lock_clinicians(*ids)


APPOINTMENTS = Kind(COLUMNS, save_visit, lock_clinicians_of)

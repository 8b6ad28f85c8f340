"""How appointments, times and locations are written."""

from datetime import UTC, datetime

from booking.api.hold_ids import write_hold_id
from booking.models import ApiKey, Hold
from scheduling.availability.openings import as_datetime

# The two letters of each status: of a hold and of an appointment.
STATUSES = {
    "active": "IN",
    "released": "CN",
    "pending": "PE",
    "reserved": "RS",
    "confirmed": "BK",
    "in_progress": "AR",
    "completed": "CO",
    "cancelled": "CN",
    "no_show": "NS",
}
HELD, RESERVED = "IN", "RS"
CONFIRMED = {"confirmed", "in_progress", "completed"}
# From why a time is not offered to OnSched's words for what takes it; its "weekly" and "recurring" are not told.
SOURCES = {
    "taken": "appointment",
    "held": "appointment",
    "time-off": "block",
    "calendar-busy": "external",
    "calendar-unreachable": "external",
}
CLOSED = "holiday"


def write_moment(moment):
    """Return a datetime as UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_times(start, duration):
    """Return {start_time, end_time} of an opening; ``start`` is seconds since 1970 UTC, ``duration`` a timedelta."""
    starts_at = datetime.fromtimestamp(start, UTC)
    return {"start_time": write_moment(starts_at), "end_time": write_moment(starts_at + duration)}


def write_opening(opening):
    """Return an opening of /api/v1 as one of the times of availability."""
    start, end = (datetime.fromisoformat(opening[name]) for name in ("start_time", "end_time"))
    return {
        "start_time": write_moment(start),
        "end_time": write_moment(end),
        "ResourceIds": [opening["clinician_id"]],
        "LocationId": opening["location_id"],
    }


def write_appointment(booking, key):
    """Return a Hold or an Appointment as an appointment; ``key`` is told as much of the customer as it may know."""
    is_held = isinstance(booking, Hold)
    may_know = any(key.may(scope) for scope in (ApiKey.Scope.READ_APPOINTMENTS, ApiKey.Scope.READ_PATIENTS))
    is_reserved = is_held and booking.status == Hold.Status.ACTIVE and booking.is_reservation
    return {
        "id": write_hold_id(booking, key) if is_held else booking.pk,
        "status": RESERVED if is_reserved else STATUSES[booking.status],
        "confirmed": booking.status in CONFIRMED,
        "confirmationNumber": None if is_held else booking.reference,
        "ServiceId": booking.service_id,
        "LocationId": booking.location_id,
        "ResourceIds": [booking.clinician_id],
        "CustomerId": None if key.is_publishable else booking.patient_id,
        "Customer": write_customer(booking, is_held) if may_know and is_shown(booking.patient) else None,
        "Unavailability": {
            "startTime": write_moment(booking.starts_at),
            "endTime": write_moment(booking.ends_at),
        },
        "timezone": booking.location.timezone,
        "notes": booking.notes if may_know and not is_held else "",
        "metadata": booking.metadata if may_know or (is_held and not key.is_publishable) else {},
        "expiresAt": write_moment(booking.expires_at)
        if booking.status == Hold.Status.ACTIVE and not is_reserved
        else None,
        "createdAt": write_moment(booking.created_at),
        "updatedAt": write_moment(booking.updated_at),
    }


def is_shown(patient):
    return bool(patient and not patient.restricted_at)


def write_customer(booking, is_held):
    """Return a customer, with the e-mail and phone number of the attendee."""
    patient = booking.patient
    return {
        "id": patient.pk,
        "firstName": patient.first_name,
        "lastName": patient.last_name,
        "email": patient.email if is_held else booking.attendee_email,
        "phone": patient.phone_with_extension if is_held else booking.attendee_phone,
    }


def write_patient(patient):
    """Return a customer as their record has them."""
    return {
        "id": patient.pk,
        "firstName": patient.first_name,
        "lastName": patient.last_name,
        "email": patient.email,
        "phone": patient.phone_with_extension,
        "dateOfBirth": patient.date_of_birth,
        "createdAt": write_moment(patient.created_at),
        "updatedAt": write_moment(patient.updated_at),
    }


def write_event(event):
    """Return an event of an appointment: what, when, by which kind of actor, from and to which status."""
    return {
        "sequence": event.sequence,
        "event": event.kind,
        "createdAt": write_moment(event.created_at),
        "createdBy": event.actor.partition(":")[0],
        "fromStatus": STATUSES.get(event.from_status),
        "toStatus": STATUSES.get(event.to_status),
        "data": event.data,
    }


def write_service(service):
    """Return a service, with the resources that offer it; ``duration`` and the buffers are minutes."""
    return {
        "id": service.pk,
        "name": service.name,
        "description": service.description,
        "duration": write_minutes(service.duration),
        "bufferBefore": write_minutes(service.buffer_before),
        "bufferAfter": write_minutes(service.buffer_after),
        "price": float(service.price),
        "currency": service.currency,
        "color": service.color,
        "mode": service.mode.upper(),
        "onlineBooking": service.is_online_bookable,
        "ResourceIds": [clinician.pk for clinician in service.clinicians.all()],
    }


def write_minutes(duration):
    return round(duration.total_seconds() / 60)


def write_resource(clinician):
    """Return a resource, with what it offers and where it works."""
    return {
        "id": clinician.pk,
        "name": clinician.name,
        "title": clinician.title,
        "description": clinician.bio,
        "ServiceIds": [service.pk for service in clinician.services.all()],
        "LocationIds": list(
            dict.fromkeys(hours.location_id for hours in [*clinician.working_hours.all(), *clinician.extra_hours.all()])
        ),
    }


def write_busy(start, end, owner, reason, *, is_location):
    """Return a stretch of time that a resource, or everybody at a location, cannot be booked, and its source."""
    return {
        "start_time": write_moment(as_datetime(start)),
        "end_time": write_moment(as_datetime(end)),
        "source": CLOSED if is_location else SOURCES[reason],
        "entity_type": "location" if is_location else "resource",
        "entity_id": owner,
        "reasons": ["closed" if is_location else reason],
    }


def write_calendar(calendar):
    """Return whether the calendar of a resource is known as it is now."""
    synced_at = calendar["last_synced_at"]
    return {
        "ResourceId": calendar["clinician_id"],
        "isCurrent": calendar["is_current"],
        "lastSyncedAt": synced_at and write_moment(synced_at),
        "error": calendar["error"],
    }


def write_location(location):
    """Return a location; ``expirationDelay`` is how many seconds a hold lives there."""
    return {
        "id": location.pk,
        "name": location.name,
        "expirationDelay": location.hold_seconds,
        "timezone": location.timezone,
        "address": {
            "addressLine1": location.address_line_1,
            "addressLine2": location.address_line_2,
            "city": location.city,
            "postalCode": location.postcode,
            "country": location.country,
        },
        "phone": location.phone,
        "email": location.email,
    }

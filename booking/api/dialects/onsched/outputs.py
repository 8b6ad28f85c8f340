"""How appointments, times and locations are written."""

from datetime import UTC, datetime

from booking.api.hold_ids import write_hold_id
from booking.models import ApiKey, Hold

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
    return {
        "id": write_hold_id(booking, key) if is_held else booking.pk,
        "status": STATUSES[booking.status],
        "confirmationNumber": None if is_held else booking.reference,
        "ServiceId": booking.service_id,
        "LocationId": booking.location_id,
        "ResourceIds": [booking.clinician_id],
        "CustomerId": None if key.is_publishable else booking.patient_id,
        "Customer": write_customer(booking, is_held) if booking.patient_id and may_know else None,
        "Unavailability": {
            "startTime": write_moment(booking.starts_at),
            "endTime": write_moment(booking.ends_at),
        },
        "timezone": booking.location.timezone,
        "expiresAt": write_moment(booking.expires_at) if booking.status == Hold.Status.ACTIVE else None,
        "createdAt": write_moment(booking.created_at),
        "updatedAt": write_moment(booking.updated_at),
    }


def write_customer(booking, is_held):
    """Return a customer, with the e-mail and phone number of the attendee."""
    patient = booking.patient
    return {
        "id": patient.pk,
        "firstName": patient.first_name,
        "lastName": patient.last_name,
        "email": patient.email if is_held else booking.attendee_email,
        "phone": patient.phone if is_held else booking.attendee_phone,
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

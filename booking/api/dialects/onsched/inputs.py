"""What requests may contain."""

from dataclasses import replace
from datetime import datetime, timedelta

from rest_framework import serializers

from booking.api.dialects.views import Input, Query
from booking.api.fields import BookableService, ClinicianIds, DayOrMoment, Id, Moment, Text
from booking.api.v1.attendance import KnownPatient, PersonInput
from booking.api.v1.availability import MAX_RANGE
from booking.domain.slot_selection import OpeningRequest
from patients.models import Patient
from patients.text import validate_printable_lines
from scheduling.models import Clinician, Location, Service

DAY = timedelta(days=1)
# What a patient's member is called here, where that is not the same.
MEMBERS = {"first_name": "firstName", "last_name": "lastName", "date_of_birth": "dateOfBirth"}


def primary_location():
    """Return the location that is meant where none is named: of the active ones the first by name."""
    return Location.objects.filter(is_active=True).order_by("name").first()


class Resources(ClinicianIds):
    """Ids of clinicians: a list, one alone, or several with commas between them."""

    def to_internal_value(self, data):
        parts = [data] if isinstance(data, str) else data
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            parts = [text.strip() for part in parts for text in part.split(",") if text.strip()]
        return super().to_internal_value(parts)


class AvailabilityQuery(Query):
    """Which times: of a service at one location, of all resources or of some."""

    ServiceId = BookableService(source="service")
    LocationId = Id(queryset=Location.objects.all(), source="location", required=False)
    ResourceIds = Resources(source="clinicians", required=False, max_length=50)
    startDate = DayOrMoment(source="start_at")
    endDate = DayOrMoment(source="end_at")
    roundRobin = serializers.ChoiceField(["NONE", "RANDOM", "BALANCED"], default="NONE")
    syncExternal = serializers.BooleanField(default=False)

    def validate(self, fields):
        """Return the fields with a location, and with a range: one without any length is a day."""
        fields["location"] = fields.get("location") or primary_location()
        fields["clinicians"] = fields.get("clinicians") or None
        start_at, end_at = fields["start_at"], fields["end_at"]
        if isinstance(start_at, datetime) != isinstance(end_at, datetime):
            raise serializers.ValidationError({"endDate": "Write both in the same way."}, code="order")
        if end_at < start_at:
            raise serializers.ValidationError({"endDate": "The end is before the start."}, code="order")
        if end_at - start_at > (MAX_RANGE if isinstance(end_at, datetime) else MAX_RANGE - DAY):
            raise serializers.ValidationError({"endDate": "Ask for 31 days at most."}, code="order")
        if end_at == start_at and isinstance(end_at, datetime):
            fields["end_at"] = start_at + DAY
        return fields


class CustomerInput(Input, PersonInput):
    """A patient by ``id``, or by what identifies a person."""

    first_name = last_name = date_of_birth = None
    id = KnownPatient(queryset=Patient.objects.filter(archived_at=None), required=False)
    firstName = Text(max_length=100, source="first_name", required=False)
    lastName = Text(max_length=100, source="last_name", required=False)
    dateOfBirth = serializers.DateField(source="date_of_birth", required=False)
    email = Text(max_length=254, required=False, allow_blank=True)

    def validate(self, fields):
        """Return a saved Patient, or an unsaved and validated one to be found or created."""
        known = fields.pop("id", None)
        if known:
            return known
        missing = [MEMBERS[name] for name in ("first_name", "last_name") if name not in fields]
        if missing:
            raise serializers.ValidationError(
                dict.fromkeys(missing, "Send the names of a customer, or an id."), code="required"
            )
        try:
            return super().validate(fields)
        except serializers.ValidationError as error:
            detail = {MEMBERS.get(name, name): said for name, said in error.detail.items()}
            raise serializers.ValidationError(detail) from error


class UnavailabilityInput(Input):
    """The time, as availability wrote it."""

    startTime = Moment(source="starts_at")
    endTime = Moment(source="ends_at", required=False)


class TimeInput(Input):
    """A time from availability, and with whom."""

    LocationId = Id(queryset=Location.objects.all(), source="location", required=False)
    resourceId = Id(queryset=Clinician.objects.all(), source="clinician", required=False)
    ResourceIds = Resources(source="clinicians", required=False, max_length=50)
    Unavailability = UnavailabilityInput(source="time")

    def validate(self, fields):
        """Return the fields with ``opening``, an OpeningRequest of what is named."""
        service = fields.pop("service", None) or self.context["service"]
        starts_at, ends_at = fields["time"]["starts_at"], fields.pop("time").get("ends_at")
        if ends_at not in (None, starts_at + service.duration):
            raise serializers.ValidationError(
                {"Unavailability": {"endTime": "The service does not end then; use a time from availability."}},
                code="order",
            )
        opening = {name: fields.pop(name, None) or None for name in ("clinician", "clinicians", "location")}
        return {**fields, "opening": OpeningRequest(service, starts_at, **opening)}


class HoldInput(TimeInput):
    """A service, one of its times and perhaps a customer already."""

    ServiceId = Id(queryset=Service.objects.all(), source="service")
    Customer = CustomerInput(source="patient", required=False)

    def validate(self, fields):
        fields = super().validate(fields)
        opening = fields["opening"]
        return {**fields, "opening": replace(opening, location=opening.location or primary_location())}


class AppointmentInput(HoldInput):
    """A service, one of its times and the customer."""

    Customer = CustomerInput(source="patient")
    notes = Text(max_length=2000, required=False, allow_blank=True, check=validate_printable_lines)


class BookInput(Input):
    """The customer, unless the hold has named one."""

    Customer = CustomerInput(source="patient", required=False)
    notes = Text(max_length=2000, required=False, allow_blank=True, check=validate_printable_lines)


class CancelInput(Input):
    """Nothing need be said."""

    note = Text(max_length=500, required=False, allow_blank=True)


class LocationInput(Input):
    """How long a hold lives there, in seconds."""

    expirationDelay = serializers.IntegerField(min_value=30, max_value=86_400, source="hold_seconds", required=False)

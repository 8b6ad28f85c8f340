"""What requests may contain."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rest_framework import serializers

from booking.api.dialects.onsched.base import PageQuery
from booking.api.dialects.onsched.outputs import STATUSES
from booking.api.dialects.views import Input, Query
from booking.api.fields import (
    AnyDay,
    BookableService,
    Choice,
    ClinicianIds,
    DayOrMoment,
    EmailAddress,
    Id,
    Moment,
    Notes,
    Text,
    as_moment,
)
from booking.api.integration_fields import Metadata
from booking.api.phones import PhoneInput
from booking.api.v1.attendance import ONE_NAME, AttendeeName, KnownPatient, PersonInput
from booking.api.v1.availability import MAX_RANGE
from booking.domain.slot_selection import OpeningRequest
from scheduling.lib.phones import MAX_LENGTH, list_phone_countries
from scheduling.models import Clinician, Location, Service

DAY = timedelta(days=1)


def primary_location():
    """Return the location that is meant where none is named: of the active ones the first by name."""
    return Location.objects.filter(is_active=True).order_by("name").first()


def get_zone(location):
    """Return the time zone of a location, or of the primary one; UTC where there is none."""
    location = location or primary_location()
    return location.zone if location else UTC


class Several(serializers.ListField):
    """A list, one alone, or several with commas between them."""

    def to_internal_value(self, data):
        parts = [data] if isinstance(data, str) else data
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            parts = [text.strip() for part in parts for text in part.split(",") if text.strip()]
        return super().to_internal_value(parts)


class Ids(Several):
    """Ids, of which there need not be anything."""

    child = serializers.UUIDField()


class Resources(Several, ClinicianIds):
    """Ids of clinicians who exist."""


class RangeQuery(Query):
    """From when to when: date-times, the end not included, or dates of a location, the last one included."""

    startDate = DayOrMoment(source="start_at")
    endDate = DayOrMoment(source="end_at")

    def validate(self, fields):
        """Return the fields with a range: one without any length is a day."""
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


class AvailabilityQuery(RangeQuery):
    """Which times: of a service at one location, of all resources or of some."""

    ServiceId = BookableService(source="service")
    LocationId = Id(queryset=Location.objects.all(), source="location", required=False)
    ResourceIds = Resources(source="clinicians", required=False, max_length=50)
    roundRobin = serializers.ChoiceField(["NONE", "RANDOM", "BALANCED"], default="NONE")
    syncExternal = serializers.BooleanField(default=False)

    def validate(self, fields):
        """Return the fields with a location and a range."""
        fields["location"] = fields.get("location") or primary_location()
        fields["clinicians"] = fields.get("clinicians") or None
        return super().validate(fields)


class UnavailabilityQuery(RangeQuery):
    """Whose time: of resources, of those at locations, of those who offer a service; whatever is named must hold."""

    aliases = {"locationid": "LocationIds", "resourceid": "ResourceIds"}

    LocationIds = Ids(source="locations", required=False, max_length=50)
    ResourceIds = Resources(source="clinicians", required=False, max_length=50)
    ServiceId = Id(queryset=Service.objects.all(), source="service", required=False)

    def validate(self, fields):
        """Return the fields, the range as two moments: dates are those of the first location named."""
        if not any(fields.get(name) for name in ("locations", "clinicians", "service")):
            raise serializers.ValidationError(
                {"ResourceIds": "Send ResourceIds, LocationIds or ServiceId."}, code="required"
            )
        fields = super().validate(fields)
        zone = get_zone(Location.objects.filter(pk__in=fields.get("locations", [])).first())
        fields["start_at"] = as_moment(fields["start_at"], zone)
        fields["end_at"] = as_moment(fields["end_at"], zone, is_end=True)
        return fields


class CatalogueQuery(PageQuery):
    """Which services or resources: those that go together with what is named."""

    aliases = {"locationids": "LocationId", "serviceids": "ServiceId", "resourceid": "ResourceIds"}

    LocationId = serializers.UUIDField(source="location", required=False)
    ServiceId = serializers.UUIDField(source="service", required=False)
    ResourceIds = Ids(source="resources", required=False, max_length=50)


class CustomerQuery(PageQuery):
    """Whose words: ``email`` is the whole address, the others are searched for together, best match first."""

    aliases = {"firstname": "search", "lastname": "search", "phone": "search", "name": "search"}

    email = Text(max_length=254, required=False)
    search = serializers.ListField(child=Text(max_length=200), required=False, max_length=4)


class AppointmentQuery(PageQuery):
    """Which appointments: all that is named must hold; of several ids or statuses any."""

    aliases = {
        "from": "startDate",
        "to": "endDate",
        "locationids": "LocationId",
        "serviceid": "ServiceIds",
        "resourceid": "ResourceIds",
    }

    startDate = DayOrMoment(required=False)
    endDate = DayOrMoment(required=False)
    LocationId = Id(queryset=Location.objects.all(), required=False)
    ServiceIds = Ids(required=False, max_length=50)
    ResourceIds = Ids(required=False, max_length=50)
    CustomerId = serializers.UUIDField(required=False)
    status = Several(child=Choice(sorted(set(STATUSES.values()))), required=False, max_length=8)

    def validate(self, fields):
        """Return the fields with ``where``, the filters of holds and appointments alike."""
        location = fields.get("LocationId")
        has_days = any(name in fields and not isinstance(fields[name], datetime) for name in ("startDate", "endDate"))
        zone = get_zone(location) if has_days else UTC
        where = {
            "location": location,
            "service__in": fields.get("ServiceIds"),
            "clinician__in": fields.get("ResourceIds"),
            "patient": fields.get("CustomerId"),
            "starts_at__gte": "startDate" in fields and as_moment(fields["startDate"], zone),
            "starts_at__lt": "endDate" in fields and as_moment(fields["endDate"], zone, is_end=True),
        }
        return {**fields, "where": {name: value for name, value in where.items() if value}}


class PersonFields(Input, PersonInput):
    """What identifies a person, as customers have it."""

    first_name = last_name = date_of_birth = None
    firstName = Text(max_length=100, source="first_name", required=False, allow_blank=True, help_text=ONE_NAME)
    lastName = Text(max_length=100, source="last_name", required=False, allow_blank=True, help_text=ONE_NAME)
    dateOfBirth = AnyDay(source="date_of_birth", required=False)


class CustomerInput(PersonFields):
    """A patient by ``id``, or by what identifies a person."""

    id = KnownPatient(required=False)
    email = Text(max_length=254, required=False, allow_blank=True)

    def validate(self, fields):
        """Return a saved Patient, or an unsaved and validated one to be found or created."""
        known = fields.pop("id", None)
        if known:
            return known
        if "first_name" not in fields and "last_name" not in fields:
            said = dict.fromkeys(
                ["firstName", "lastName"], "Send the customer's name, of which one is enough, or an id."
            )
            raise serializers.ValidationError(said, code="required")
        return super().validate(fields)


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

    def list_phone_countries(self):
        """Yield the countries that a phone number in the body may be of, first that of the location it names."""
        sent, location = self.select_known(self.initial_data), None
        with suppress(serializers.ValidationError):  # it is told where the field is read
            location = "LocationId" in sent and self.fields["LocationId"].run_validation(sent["LocationId"])
        location = location or primary_location()
        yield from list_phone_countries(location and location.country)

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
    notes = Notes()


class BookInput(Input):
    """The customer, unless the hold has named one."""

    Customer = CustomerInput(source="patient", required=False)
    notes = Notes()


class CancelInput(Input):
    """Nothing need be said."""

    note = Text(max_length=500, required=False, allow_blank=True)


class AppointmentChange(Input, PhoneInput):
    """What may be changed of an appointment beside its time: who comes, the notes, and the metadata, merged."""

    name = AttendeeName(source="attendee_name")
    email = EmailAddress(source="attendee_email")
    phone = Text(max_length=MAX_LENGTH, source="attendee_phone", required=False, allow_blank=True)
    notes = Notes()
    metadata = Metadata(required=False)

    def validate(self, fields):
        """Return the fields with the phone as it is stored."""
        return super().validate(self.read_attendee_phone(fields))


class LocationInput(Input):
    """How long a hold lives there, in seconds."""

    expirationDelay = serializers.IntegerField(min_value=30, max_value=86_400, source="hold_seconds", required=False)

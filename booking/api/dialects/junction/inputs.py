"""What requests may contain."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey
from booking.api.dialects.views import Input, Query
from booking.api.fields import BookableService, Day, Text
from booking.api.v1.approval_views import ApprovalTimeoutsInput
from booking.api.v1.opening_input import read_opening
from booking.domain.approvals import ApprovalTimeouts
from booking.models import Appointment
from scheduling.models import Service

ANSWER_TIMEOUT = timedelta(minutes=15)
Reason = Appointment.CancellationReason
# A reason's id there has the form of a random UUID.
REASONS = {
    "62ec7086-1b92-474a-9c93-b0cf8f0f999b": Reason.PATIENT_REQUEST,
    "74cdfcd8-5420-4aab-abe0-9a60b5de0bf4": Reason.PATIENT_UNWELL,
    "29c4cda0-bbfa-41a0-ae45-e21240c35030": Reason.CLINICIAN_UNAVAILABLE,
    "612cf5cf-e989-48bc-a9f6-07b6cb2a2a3a": Reason.CLINIC_CLOSED,
    "b0ed24b2-7aca-44b8-a7fb-54bd48301e40": Reason.BOOKED_BY_MISTAKE,
    "5c51aa92-7a76-4130-8852-bf16b329f2be": Reason.OTHER,
}


class Address(Input):
    """Where the patient is, as far as it tells which location is near."""

    city = Text(required=False, allow_blank=True, max_length=100)
    zip_code = Text(required=False, allow_blank=True, max_length=20)


class AvailabilityQuery(Query):
    """From which day on; for psc also where the patient is. ``service_id`` is ours."""

    start_date = Day(required=False)
    zip_code = Text(required=False, max_length=20)
    service_id = BookableService(queryset=Service.objects.filter(is_active=True), source="service", required=False)


class AvailabilityInput(Address):
    """An address; a start date is read here too."""

    start_date = Day(required=False)


class OpeningInput(Input):
    """A booking key."""

    booking_key = serializers.CharField(max_length=300)

    def validate(self, fields):
        """Return the fields with ``opening`` in place of the key, which must be of the order's service."""
        fields = super().validate(fields)
        opening = read_opening(fields.pop("booking_key"), now=timezone.now())
        if opening.service != self.context["service"]:
            raise InvalidBookingKey
        return {**fields, "opening": opening}


class BookInput(OpeningInput, ApprovalTimeoutsInput):
    """A booking key, and how long to wait for its approver; the wait counts only if the booking may be pending."""

    def validate(self, fields):
        fields = super().validate(fields)
        timeouts = fields["timeouts"]
        if not timeouts.is_async:
            return {**fields, "timeouts": ApprovalTimeouts()}
        return {**fields, "timeouts": replace(timeouts, answer_within=timeouts.answer_within or ANSWER_TIMEOUT)}


class CancelInput(Input):
    """Why: the id of a reason, or our name of it."""

    cancellation_reason_id = serializers.CharField(max_length=36, source="reason")
    note = Text(max_length=500, required=False, allow_blank=True)
    notes = Text(max_length=500, required=False, allow_blank=True, source="note")

    def validate_cancellation_reason_id(self, text):
        reason = REASONS.get(text.lower(), text)
        if reason not in REASONS.values():
            raise serializers.ValidationError("There is no such reason.", code="does_not_exist")
        return reason

"""What requests may contain."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey
from booking.api.dialects.views import Input, Query
from booking.api.fields import AnyDay, BookableService, Choice, Day, DayOrMoment, Id, Notes, Text
from booking.api.phones import list_countries_of_address
from booking.api.v1.approval_views import ApprovalTimeoutsInput
from booking.api.v1.attendance import KnownPatient, PersonInput
from booking.api.v1.opening_input import read_opening
from booking.domain.approvals import ApprovalTimeouts
from booking.domain.client_users import check_same_person
from booking.integrations.webhooks.junction.orders import AT_HOME, COLLECTION_METHODS, get_service_method
from booking.models import Appointment, ClientUser
from scheduling.lib.phones import MAX_TYPED
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
    """From which day on; for psc also where the patient is, and at which sites. ``service_id`` is ours.

    Availability is always that of this moment, whether or not stale data would do.
    """

    unsupported = ("radius",)  # where a zip code is, nobody here knows

    start_date = Day(required=False)
    zip_code = Text(required=False, max_length=20)
    site_codes = serializers.ListField(child=Text(max_length=100), required=False)
    allow_stale = serializers.BooleanField(required=False)
    service_id = BookableService(queryset=Service.objects.filter(is_active=True), source="service", required=False)


class AvailabilityInput(Address):
    """An address; a start date is read here too."""

    start_date = Day(required=False)


class OpeningInput(Input):
    """A booking key."""

    booking_key = serializers.CharField(max_length=300)
    appointment_notes = Notes(source="notes")

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


class UsAddress(Input):
    """Where to visit the patient."""

    unsupported = ("access_notes",)

    first_line = Text(max_length=100, source="address_line_1")
    second_line = Text(max_length=100, source="address_line_2", required=False, allow_blank=True)
    unit = Text(max_length=20, required=False, allow_blank=True)
    city = Text(max_length=100)
    state = Text(max_length=50)
    zip_code = Text(max_length=20, source="postcode")


class RequestInput(Input):
    """Where to visit the patient as soon as can be, and whose appointment it is to be."""

    address = UsAddress()
    provider = Text(max_length=50)
    appointment_notes = Notes(source="notes")


# Users


class UserInput(Input):
    """The client's own id of somebody; who that is the first order says."""

    unsupported = ("fallback_time_zone", "fallback_birth_date", "ingestion_start", "ingestion_end")

    client_user_id = Text(max_length=100)


# Orders


class PatientInput(Input, PersonInput):
    """Who the order is for. Of other particulars, such as ``gender``, nothing is kept."""

    unsupported = ("medical_proxy",)
    date_of_birth = phone = None

    dob = AnyDay(source="date_of_birth")
    phone_number = Text(max_length=MAX_TYPED, source="phone", required=False, allow_blank=True)


class PatientAddress(Input):
    """Where the patient lives; of an order that is done at home it is where to go, of another it is not kept."""

    unsupported = ("access_notes",)

    first_line = Text(max_length=100, source="address_line_1")
    second_line = Text(max_length=100, source="address_line_2", required=False, allow_blank=True)
    city = Text(max_length=100)
    state = Text(max_length=50, required=False, allow_blank=True)
    zip = Text(max_length=20, source="postcode", required=False, allow_blank=True)
    country = serializers.RegexField(
        "^[A-Za-z]{2}$", error_messages={"invalid": "Write a country in two letters, such as US."}
    )

    def validate(self, fields):
        fields = super().validate(fields)
        return fields | {"country": fields["country"].upper()}


class LabTest(Id):
    """The id of a service that is given."""

    def __init__(self, **options):
        super().__init__(queryset=Service.objects.filter(is_active=True), **options)


class OrderSet(Input):
    """Lab tests; there can be one."""

    unsupported = ("add_on", "lab_account_id")

    lab_test_ids = serializers.ListField(child=LabTest(), min_length=1, max_length=1)


class OrderInput(Input):
    """A user, a lab test and who the patient is. What would be lost is refused."""

    unsupported = (
        "physician",
        "health_insurance",
        "priority",
        "billing_type",
        "icd_codes",
        "consents",
        "activate_by",
        "aoe_answers",
        "clinical_notes",
        "lab_account_id",
        "creator_member_id",
    )

    user_id = serializers.UUIDField()
    lab_test_id = LabTest(source="service", required=False)
    order_set = OrderSet(required=False)
    collection_method = Choice(COLLECTION_METHODS, required=False)
    patient_details = PatientInput(source="candidate")
    patient_address = PatientAddress(source="address")
    passthrough = serializers.CharField(max_length=5000, required=False)

    def list_phone_countries(self):
        """Return the countries that the patient's phone number may be of."""
        return list_countries_of_address(self.select_known(self.initial_data).get("patient_address"))

    def validate(self, fields):
        """Return create_order's arguments: ``client_user``, or a patient who is known by that id."""
        fields = super().validate(fields)
        order_set = fields.pop("order_set", None)
        service = fields.get("service") or (order_set and order_set["lab_test_ids"][0])
        if service is None:
            raise serializers.ValidationError({"lab_test_id": "Send lab_test_id, or one in an order_set."}, "required")
        method = fields.get("collection_method") or get_service_method(service)
        found = {"service": service, "patient": fields["candidate"]}
        user = ClientUser.objects.select_related("patient").filter(pk=fields["user_id"]).first()
        if user:
            found["client_user"] = user
        else:
            found["patient"] = self.get_patient(fields["user_id"])
            check_same_person(found["patient"], fields["candidate"])
        if "passthrough" in fields:
            found["metadata"] = {"passthrough": fields["passthrough"]}
        return found | (fields["address"] if method == AT_HOME else {})

    def get_patient(self, user_id):
        field = KnownPatient()
        field.bind("user_id", self)
        try:
            return field.run_validation(str(user_id))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"user_id": error.detail}) from error


class OrderFilters(Query):
    """Which orders, in pages by number. Dates are moments, or days in UTC."""

    unsupported = (
        "search_input",
        "status",
        "order_key",
        "order_direction",
        "is_critical",
        "interpretation",
        "order_activation_types",
        "patient_name",
        "shipping_recipient_name",
        "order_transaction_id",
    )

    user_id = serializers.UUIDField(required=False)
    order_ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    order_type = serializers.ListField(child=Choice(COLLECTION_METHODS), required=False)
    start_date = DayOrMoment(required=False)
    end_date = DayOrMoment(required=False)
    updated_start_date = DayOrMoment(required=False)
    updated_end_date = DayOrMoment(required=False)
    page = serializers.IntegerField(min_value=1, max_value=100_000, default=1)
    size = serializers.IntegerField(min_value=1, max_value=100, default=50)


class SimulationQuery(Query):
    """What is to become of an order."""

    unsupported = ("delay",)

    final_status = Text(required=False, max_length=100)


class SimulationInput(Input):
    """Results are not simulated: there are none here."""

    unsupported = ("interpretation", "result_types", "has_missing_results")


# Lab tests and areas


class LabTestFilters(Query):
    """Which lab tests."""

    unsupported = ("generation_method", "lab_slug", "marker_ids", "provider_ids", "order_key", "order_direction")

    name = Text(required=False, max_length=100)
    collection_method = Choice(COLLECTION_METHODS, required=False)
    status = Choice(["active", "inactive", "pending_approval"], required=False)


class LabTestPage(LabTestFilters):
    """Which lab tests, in pages."""

    unsupported = (*LabTestFilters.unsupported, "include_pricing", "lab_account_id")

    lab_test_limit = serializers.IntegerField(min_value=1, max_value=100, default=100)
    next_cursor = serializers.IntegerField(min_value=0, max_value=100_000, default=0)


class LabTestQuery(Query):
    """Nothing but the id in the address."""

    unsupported = ("lab_account_id",)


class AreaQuery(Query):
    """Where somebody is. The clinic is the one lab there is, however it is called."""

    unsupported = ("radius", "lab_account_id")

    zip_code = Text(max_length=20)


class CenterQuery(AreaQuery):
    """Where somebody is, and what they need there."""

    capabilities = serializers.ListField(child=Text(max_length=50), required=False)


class OrderCenterQuery(Query):
    """How far from the order's address, in miles, and what is needed there."""

    radius = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    capabilities = serializers.ListField(child=Text(max_length=50), required=False)

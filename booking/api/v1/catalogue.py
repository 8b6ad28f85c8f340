"""What can be booked, with whom and where: services (the API says appointment types), clinicians, locations."""

from django.shortcuts import get_object_or_404
from rest_framework import serializers

from booking.api.operation import operation
from booking.api.pagination import ChangesQuery
from booking.api.views import ApiView
from booking.models import ApiKey
from scheduling.models import Clinician, Location, Service


class AppointmentTypeOutput(serializers.ModelSerializer):
    """A service. ``price`` is a number; ``is_remote`` tells one that is by video only."""

    duration_minutes = serializers.SerializerMethodField()
    price = serializers.FloatField()
    allow_online_booking = serializers.BooleanField(source="is_online_bookable")
    is_remote = serializers.SerializerMethodField()
    booking_notice_hours = serializers.SerializerMethodField()
    cancellation_notice_hours = serializers.SerializerMethodField()

    class Meta:
        model = Service
        fields = [
            "id",
            "name",
            "description",
            "duration_minutes",
            "price",
            "currency",
            "is_active",
            "allow_online_booking",
            "mode",
            "is_remote",
            "booking_notice_hours",
            "cancellation_notice_hours",
            "new_patients_only_text",
            "what_to_bring",
            "color",
        ]

    def get_duration_minutes(self, service) -> int:
        return int(service.duration.total_seconds() // 60)

    def get_is_remote(self, service) -> bool:
        return service.mode == Service.Mode.REMOTE

    def get_booking_notice_hours(self, service) -> float:
        return service.notice.total_seconds() / 3600

    def get_cancellation_notice_hours(self, service) -> float:
        return service.cancellation_notice.total_seconds() / 3600


class ClinicianOutput(serializers.ModelSerializer):
    """Who can be booked, and for what."""

    appointment_type_ids = serializers.PrimaryKeyRelatedField(source="services", many=True, read_only=True)

    class Meta:
        model = Clinician
        fields = ["id", "name", "title", "bio", "is_active", "appointment_type_ids"]


class LocationOutput(serializers.ModelSerializer):
    """Where; times there are told in ``timezone``. Coordinates are degrees, or null."""

    address = serializers.SerializerMethodField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)

    class Meta:
        model = Location
        fields = [
            "id",
            "name",
            "timezone",
            "hold_seconds",
            "address",
            "latitude",
            "longitude",
            "phone",
            "email",
            "directions",
            "is_active",
        ]

    def get_address(self, location) -> dict[str, str]:
        return {
            "line_1": location.address_line_1,
            "line_2": location.address_line_2,
            "city": location.city,
            "postcode": location.postcode,
            "country": location.country,
        }


class CatalogueList(ApiView):
    """All of one kind; a publishable key sees those that a patient could book."""

    tag = "Catalogue"
    scopes = {"GET": ApiKey.Scope.READ_APPOINTMENT_TYPES}
    output = None

    @operation(query=ChangesQuery, many=True)
    def get(self, request):
        things = self.things().filter(**self.filters)
        if self.filters:
            things = things.order_by("updated_at", "pk")
        return self.answer(self.output(things, many=True).data, next_cursor=None, has_more=False)

    def things(self):
        things = self.output.Meta.model.objects.all()
        return things.filter(is_active=True) if self.key.is_publishable else things


class CatalogueEntry(CatalogueList):
    """One of them."""

    @operation()
    def get(self, request, id):
        return self.answer(self.output(get_object_or_404(self.things(), pk=id)).data)


class AppointmentTypes(CatalogueList):
    """List what can be booked. A publishable key sees what a patient could book."""

    output = AppointmentTypeOutput

    def things(self):
        things = super().things()
        return things.filter(is_online_bookable=True) if self.key.is_publishable else things


class AppointmentType(AppointmentTypes, CatalogueEntry):
    """Read one thing that can be booked."""

    get = CatalogueEntry.get


class Clinicians(CatalogueList):
    """List the clinicians and what each can be booked for."""

    output = ClinicianOutput

    def things(self):
        return super().things().prefetch_related("services")


class ClinicianEntry(Clinicians, CatalogueEntry):
    """Read one clinician."""

    get = CatalogueEntry.get


class Locations(CatalogueList):
    """List the clinic's sites."""

    output = LocationOutput


class LocationEntry(Locations, CatalogueEntry):
    """Read one of the clinic's sites."""

    get = CatalogueEntry.get

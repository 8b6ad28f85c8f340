"""What can be booked, with whom and where: services (the API says appointment types), clinicians, locations."""

from django.conf import settings
from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.integration_fields import HIDDEN, ExternalId, IntegrationInput, Metadata
from booking.api.lists import Ids, Sort
from booking.api.operation import operation
from booking.api.pagination import ChangesQuery, choose_ordering
from booking.api.views import ApiView
from booking.domain.catalogue import change_integration_fields
from booking.models import ApiKey
from scheduling.lib.integration_fields import TooMuchMetadata
from scheduling.models import Clinician, Location, Service, ServiceCategory
from scheduling.models.images import get_image_path

READ, WRITE = ApiKey.Scope.READ_APPOINTMENT_TYPES, ApiKey.Scope.WRITE_CATALOGUE


class CatalogueOutput(serializers.ModelSerializer):
    """What all of the catalogue have; to a publishable key external_id and metadata are empty."""

    metadata = Metadata()
    created_at = Moment()
    updated_at = Moment()

    @classmethod
    def rows(cls, key):
        """Return a QuerySet of all of them, ready to be written to ``key``."""
        return cls.Meta.model.objects.all()


class CategoryOutput(serializers.ModelSerializer):
    """The heading that services are listed under; the lowest ``position`` comes first."""

    class Meta:
        model = ServiceCategory
        fields = ["id", "name", "position"]


class AppointmentTypeOutput(CatalogueOutput):
    """A service. ``price`` is a number; ``is_remote`` tells one that is by video only."""

    category = CategoryOutput(allow_null=True)
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
            "category",
            "duration_minutes",
            "price",
            "currency",
            "is_active",
            "allow_online_booking",
            "is_private",
            "mode",
            "is_remote",
            "booking_notice_hours",
            "cancellation_notice_hours",
            "new_patients_only_text",
            "what_to_bring",
            "color",
            "external_id",
            "metadata",
            "created_at",
            "updated_at",
        ]

    @staticmethod
    def rows(key):
        return Service.objects.select_related("category")

    def get_duration_minutes(self, service) -> int:
        return int(service.duration.total_seconds() // 60)

    def get_is_remote(self, service) -> bool:
        return service.mode == Service.Mode.REMOTE

    def get_booking_notice_hours(self, service) -> float:
        return service.notice.total_seconds() / 3600

    def get_cancellation_notice_hours(self, service) -> float:
        return service.cancellation_notice.total_seconds() / 3600


class PictureSize(serializers.Serializer):
    """A picture in one size: WebP, in pixels. Its address never has another."""

    url = serializers.SerializerMethodField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()

    def get_url(self, size) -> str:
        return settings.SITE_URL + get_image_path(size)


class ClinicianOutput(CatalogueOutput):
    """Who can be booked, and for what. ``languages`` are codes of BCP 47, sign languages too."""

    photo = serializers.SerializerMethodField()
    appointment_type_ids = serializers.PrimaryKeyRelatedField(source="services", many=True, read_only=True)

    class Meta:
        model = Clinician
        fields = [
            "id",
            "name",
            "title",
            "bio",
            "photo",
            "languages",
            "gender",
            "is_active",
            "appointment_type_ids",
            "external_id",
            "metadata",
            "created_at",
            "updated_at",
        ]

    @staticmethod
    def rows(key):
        services = Service.objects.filter(is_private=False) if key.is_publishable else Service.objects.all()
        return Clinician.objects.select_related("photo").prefetch_related(Prefetch("services", services))

    @extend_schema_field(PictureSize(many=True))
    def get_photo(self, clinician):
        return write_photo(clinician)


class LocationOutput(CatalogueOutput):
    """Where; times there are told in ``timezone``. Coordinates are degrees, or null."""

    address = serializers.SerializerMethodField()
    photo = serializers.SerializerMethodField()
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
            "photo",
            "step_free_access",
            "access_notes",
            "parking",
            "is_active",
            "external_id",
            "metadata",
            "created_at",
            "updated_at",
        ]

    @staticmethod
    def rows(key):
        return Location.objects.select_related("photo")

    def get_address(self, location) -> dict[str, str]:
        return {
            "line_1": location.address_line_1,
            "line_2": location.address_line_2,
            "city": location.city,
            "postcode": location.postcode,
            "country": location.country,
        }

    @extend_schema_field(PictureSize(many=True))
    def get_photo(self, location):
        return write_photo(location)


def write_photo(row):
    """Return the sizes of a row's photo, the smallest first; none where it has no photo."""
    return PictureSize(row.photo.sizes if row.photo else [], many=True).data


def write_catalogue(output, things, key):
    """Return services, clinicians or locations as ``output`` writes them to ``key``."""
    written = output(things, many=True).data
    return [one | HIDDEN for one in written] if key.is_publishable else list(written)


class CatalogueFilters(ChangesQuery):
    """Which of them: all filters must hold."""

    id = Ids(source="pk__in")
    external_id = ExternalId(help_text="With this id in another system.")
    sort = Sort(usual="as the clinic has put them", name="name", created_at="created_at", updated_at="updated_at")


class CatalogueList(ApiView):
    """All of one kind; a publishable key sees those that a patient could book."""

    tag = "Catalogue"
    scopes = {"GET": READ}
    output = None

    @operation(query=CatalogueFilters, many=True)
    def get(self, request):
        things = self.listed().filter(self.filters)
        ordering = choose_ordering(self.parameters, usual="")
        things = things.order_by(*([ordering] if ordering else things.query.get_meta().ordering), "pk")
        return self.answer(write_catalogue(self.output, things, self.key), next_cursor=None, has_more=False)

    def listed(self):
        return self.things()

    def things(self):
        things = self.output.rows(self.key)
        return things.filter(is_active=True) if self.key.is_publishable else things


class CatalogueEntry(CatalogueList):
    """One of them."""

    scopes = {"GET": READ, "PATCH": WRITE}

    @operation(has_etag=True)
    def get(self, request, id):
        return self.answer_thing(get_object_or_404(self.things(), pk=id))

    @operation(
        body=IntegrationInput,
        has_etag=True,
        supports_if_match=True,
        refusals=[TooMuchMetadata],
    )
    def patch(self, request, id):
        """Change its external id and metadata: what is sent, and only that."""
        thing = get_object_or_404(self.things(), pk=id)
        changes = self.body(partial=True)
        change_integration_fields(thing, actor=self.key.actor, expected_version=self.expected_version(thing), **changes)
        return self.answer_thing(thing)

    def answer_thing(self, thing):
        [written] = write_catalogue(self.output, [thing], self.key)
        return self.answer_version(thing, written)


class AppointmentTypes(CatalogueList):
    """List what can be booked. A publishable key sees what a patient could book, and a private one only by its id."""

    output = AppointmentTypeOutput

    def listed(self):
        things = self.things()
        return things.filter(is_private=False) if self.key.is_publishable else things

    def things(self):
        things = super().things()
        return things.filter(is_online_bookable=True) if self.key.is_publishable else things


class AppointmentType(AppointmentTypes, CatalogueEntry):
    """Read one thing that can be booked, or change what another system keeps with it."""

    scopes = CatalogueEntry.scopes
    get = CatalogueEntry.get


class Clinicians(CatalogueList):
    """List the clinicians and what each can be booked for."""

    output = ClinicianOutput


class ClinicianEntry(Clinicians, CatalogueEntry):
    """Read one clinician, or change what another system keeps with them."""

    scopes = CatalogueEntry.scopes
    get = CatalogueEntry.get


class Locations(CatalogueList):
    """List the clinic's sites."""

    output = LocationOutput


class LocationEntry(Locations, CatalogueEntry):
    """Read one of the clinic's sites, or change what another system keeps with it."""

    scopes = CatalogueEntry.scopes
    get = CatalogueEntry.get

"""The event feed: what webhooks deliver, to be read by whoever missed deliveries or cannot receive any."""

from datetime import datetime

from django.core import signing
from django.http import Http404
from rest_framework import serializers

from booking.access import recent_writes
from booking.api.fields import Choice, Moment
from booking.api.operation import operation
from booking.api.pagination import PageQuery
from booking.api.refusals import MissingScope
from booking.api.views import ApiView
from booking.domain.event_feed import Position, read_feed
from booking.domain.locations import get_location_version
from booking.models import ApiKey, WebhookEndpoint
from booking.models.enums import ANNOUNCED_KINDS
from scheduling.models import Location

# Beside the endpoint's own scope, by what the events are about.
SCOPES = {"order": ApiKey.Scope.WRITE_ORDERS, "patient": ApiKey.Scope.READ_PATIENTS}


class EventFilters(PageQuery):
    """``cursor`` is the ``next_cursor`` of the page before, which the last page has too."""

    since = Moment(
        required=False, help_text="Where to begin: with what happened then or later. Left out when there is a cursor."
    )
    kind = serializers.ListField(
        child=Choice(WebhookEndpoint.Kind.choices),
        required=False,
        max_length=50,
        help_text="May be repeated. Without it: all that the key may see.",
    )

    def validate_cursor(self, text):
        try:
            transaction_id, event_id, *moments = signing.loads(text, salt="events")
        except (signing.BadSignature, ValueError):
            raise serializers.ValidationError("Use a next_cursor as it was given.", code="cursor") from None
        return Position(transaction_id, event_id, *(moment and datetime.fromisoformat(moment) for moment in moments))


def make_cursor(position):
    """Return a Position of the feed as a cursor."""
    moments = [moment and moment.isoformat() for moment in (position.created_at, position.since)]
    return signing.dumps([position.transaction_id, position.event_id, *moments], salt="events")


class EventDataOutput(serializers.Serializer):
    """What an event is about, as it was then: ids, times and states. Which members there are depends on its type."""

    always = ["id", "sequence"]

    id = serializers.UUIDField(help_text="Of the hold, appointment, order or patient.")
    sequence = serializers.IntegerField(help_text="Of two events with one `id` the higher is the later.")
    status = serializers.CharField(help_text="Of a hold or an appointment, from then on.")
    appointment_type_id = serializers.UUIDField()
    clinician_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start_time = Moment()
    end_time = Moment()
    is_remote = serializers.BooleanField()
    expires_at = Moment(help_text="Of a hold.")
    patient_id = serializers.UUIDField()
    order_id = serializers.UUIDField(allow_null=True)
    changed = serializers.ListField(child=serializers.CharField(), help_text="Names of the fields that changed.")
    to = Moment(help_text="The new start of what was rescheduled or moved; `from` is the old one.")
    reason = serializers.CharField(help_text="Why it was cancelled.")
    merged_id = serializers.UUIDField(help_text="The record that became part of this patient's.")

    def get_fields(self):
        return {**super().get_fields(), "from": Moment()}


class FeedEventOutput(serializers.Serializer):
    """Something that happened, as webhooks deliver it, with its place in the feed as ``id``."""

    id = serializers.CharField()
    type = serializers.ChoiceField(WebhookEndpoint.Kind.choices)
    timestamp = Moment()
    data = EventDataOutput()


class Events(ApiView):
    """Read what has happened, the oldest first."""

    tag = "Events"
    is_personal = True
    scopes = {"GET": ApiKey.Scope.READ_APPOINTMENTS}
    output = FeedEventOutput

    @operation(query=EventFilters, many=True)
    def get(self, request):
        """List what has happened, the oldest first, in pages.

        Events of orders are shown to a key that also has the scope `write_orders`, those of patients to one with
        `read_patients`. The last page has a `next_cursor` too: ask with it again later. A page may be short, or
        empty, while `has_more` is true.
        """
        position = self.parameters.get("cursor") or Position(since=self.parameters.get("since"))
        page = read_feed(position, kinds=self.get_kinds(), limit=self.parameters["limit"])
        if page.events:
            recent_writes.note(self.request)  # what it asks for next must not be older than these
        return self.answer(page.events, next_cursor=make_cursor(page.position), has_more=page.has_more)

    def get_kinds(self):
        """Return the kinds to show; raises MissingScope for one that is asked for by name."""
        wanted = self.parameters.get("kind")
        lacking = {about: scope for about, scope in SCOPES.items() if not self.key.may(scope)}
        for kind in wanted or ():
            if scope := lacking.get(kind.partition(".")[0]):
                raise MissingScope(scope)
        return wanted or [kind for kind in ANNOUNCED_KINDS if kind.partition(".")[0] not in lacking]


class LocationVersionOutput(serializers.Serializer):
    """The version of all that can be seen of a location's times; what it is made of is nobody's business."""

    version = serializers.CharField()


class LocationChanges(ApiView):
    """Ask whether anything has changed at a location: a time was held, booked, moved or freed, or its hours."""

    tag = "Events"
    scopes = {"GET": ApiKey.Scope.READ_AVAILABILITY}
    output = LocationVersionOutput

    @operation(name="get_location_changes", has_etag=True)
    def get(self, request, id):
        """Ask whether anything has changed at a location, such as its free times.

        Send the last answer's ETag as `If-None-Match`: 304 says that nothing has.
        """
        try:
            version = get_location_version(id, is_active_only=self.key.is_publishable)
        except Location.DoesNotExist:
            raise Http404 from None
        answer = self.answer_with_etag(f'"{version}"', {"version": version})
        if answer.status_code == 200:
            recent_writes.note(self.request)  # the times it asks for next must not be older than this version
        return answer

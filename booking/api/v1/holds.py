"""Holds: place, read, extend, move, release, confirm. A key reaches only the holds it has placed."""

from functools import partial

from django.db.models import Q
from django.db.models.functions import Now
from rest_framework import serializers

from booking.access.booking_keys import InvalidBookingKey
from booking.access.client_identity import get_networks
from booking.api.cors import get_origin
from booking.api.fields import Choice, is_bookable
from booking.api.hold_ids import get_own_hold, write_hold_id
from booking.api.integration_fields import ExternalId, IntegrationInput
from booking.api.lists import ListQuery, Sort
from booking.api.operation import operation
from booking.api.outputs import AppointmentOutput, HoldOutput, write_hold
from booking.api.refusals import SecretKeyRequired
from booking.api.v1.approval_views import ApprovalTimeoutsInput, ApprovalView
from booking.api.v1.attendance import Attendance, PatientOrDraft, RemindersInput
from booking.api.v1.expansions import BookingQuery, ExpandedHoldOutput, expand
from booking.api.v1.opening_input import NewTimeInput, OpeningInput
from booking.api.v1.opening_output import get_opening, offering_alternatives
from booking.api.v1.plain_bodies import read_confirm_body, read_place_body
from booking.api.v1.questions import AnswerInput, read_answers
from booking.api.views import ApiView
from booking.domain.approvals import ProviderRefused, ProviderUnavailable
from booking.domain.confirmation import get_confirmed
from booking.domain.holds import (
    Holder,
    HoldLimits,
    TooManyExtensions,
    TooManyHolds,
    extend_hold,
    move_hold,
    place_hold,
    release_hold,
)
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.patient_drafts import DraftNotFound
from booking.domain.questions import MAX_QUESTIONS
from booking.domain.scarcity import NeedsProof, Visitor
from booking.domain.slot_selection import NotOffered, book_first_available
from booking.domain.transitions import HoldExpired, WrongState
from booking.models import ApiKey, Hold, PatientDraft
from patients.records import PatientArchived
from scheduling.lib.integration_fields import TooMuchMetadata
from scheduling.slots import SlotTaken

WRITE = ApiKey.Scope.WRITE_HOLDS


class HoldView(ApiView):
    """What the endpoints of one hold share."""

    tag = "Holds"
    is_personal = True
    scopes = {"POST": WRITE}
    output = HoldOutput

    def hold(self, id):
        return get_own_hold(self.key, id)


def get_place_hold(view, service):
    """Return place_hold for a service, with what its key may; raises NotOffered where a visitor's may not."""
    key = view.key
    if not is_bookable(service, key):
        raise NotOffered(["not-offered-here"])
    visitor = None
    if key.is_publishable:
        visitor = Visitor(get_networks(view.request), page=get_origin(view.request) or "")
    holder = Holder(key.actor, visitor)
    # The rate is counted here only while Redis does not count it. All visitors of a site together have no number.
    live = None if key.is_publishable else key.max_live_holds
    limits = HoldLimits(live, per_minute=None if view.usage else key.requests_per_minute)
    return partial(place_hold, holder=holder, actor=key.actor, limits=limits, must_be_free=view.must_be_free)


class PlaceInput(OpeningInput, IntegrationInput):
    """What to hold, and what another system keeps with it, which the appointment will have too."""


class HoldFilters(ListQuery, BookingQuery):
    """Which holds: all filters must hold; of one that is repeated, any of its values."""

    sort = Sort(created_at="created_at")
    patient_id = serializers.UUIDField(required=False, help_text="Of this patient, if it was placed for one.")
    clinician_id = serializers.UUIDField(required=False, help_text="With this clinician.")
    location_id = serializers.UUIDField(required=False, help_text="At this location.")
    appointment_type_id = serializers.UUIDField(required=False, source="service_id", help_text="For this service.")
    order_id = serializers.UUIDField(required=False, help_text="Of this order.")
    external_id = ExternalId(help_text="With this id in another system.")
    is_remote = serializers.BooleanField(required=False, help_text="By video, or not.")
    status = serializers.ListField(
        child=Choice(Hold.Status.choices),
        required=False,
        max_length=len(Hold.Status),
        help_text="May be repeated. Without it: any.",
    )

    def validate(self, fields):
        if "status" in fields:
            fields["status"] = Q(*[with_status(each) for each in fields["status"]], _connector=Q.OR)
        return fields


def with_status(status):
    """Return which holds are written with a status: one that has run out is expired, though not marked yet."""
    if status == Hold.Status.ACTIVE:
        return Q(status=status, expires_at__gt=Now())
    if status == Hold.Status.EXPIRED:
        return Q(status=status) | Q(status=Hold.Status.ACTIVE, expires_at__lte=Now())
    return Q(status=status)


class Holds(HoldView):
    """List the holds of a secret key; place a hold."""

    scopes = {"GET": WRITE, "POST": WRITE}

    @operation(query=HoldFilters, output=ExpandedHoldOutput, many=True, refusals=[SecretKeyRequired])
    def get(self, request):
        """List the holds that a secret key has placed, as they came, in pages."""
        if self.key.is_publishable:
            raise SecretKeyRequired
        rows = Hold.objects.filter(self.filters, holder=self.key.actor).select_related("service", "location")
        holds = self.paginate_queryset(rows)
        return self.get_paginated_response(expand(holds, [write_hold(hold, self.key) for hold in holds], self))

    @operation(
        name="place_hold",
        body=PlaceInput,
        read=read_place_body,
        status=[201],
        has_etag=True,
        has_location=True,
        refusals=[SlotTaken, NotOffered, TooManyHolds, NeedsProof, InvalidBookingKey],
    )
    def post(self, request):
        """Hold an opening.

        Name the service and the start, or send a booking key alone. Leave the clinician out and any who is
        free will do. Until ``expires_at`` nobody else can have that time.
        """
        fields = self.body()
        opening = fields.pop("opening")
        place = partial(get_place_hold(self, opening.service), **fields)
        with offering_alternatives(opening):
            hold = book_first_available(place, opening)
        path = f"{request.path}/{write_hold_id(hold, self.key)}"
        return self.answer_hold(hold, 201, Location=self.locate(path))


class HoldEntry(HoldView):
    """Read or release a hold."""

    scopes = {"GET": WRITE, "DELETE": WRITE}

    @operation(query=BookingQuery, output=ExpandedHoldOutput, has_etag=True)
    def get(self, request, id):
        """Read a hold, and how many seconds are left."""
        hold = self.hold(id)
        [written] = expand([hold], [write_hold(hold, self.key)], self)
        return self.answer_version(hold, written)

    @operation(name="release_hold", has_etag=True, supports_if_match=True, refusals=[WrongState])
    def delete(self, request, id):
        """Release a hold. Succeeds as well for one that has expired or was released."""
        hold = self.hold(id)
        release_hold(hold, actor=self.key.actor, expected_version=self.expected_version(hold))
        return self.answer_hold(hold)


class HoldExtend(HoldView):
    """Give a hold its full time again, ten times at most.

    A publishable key's is extended in its last five minutes; before, it stays as it is.
    """

    @operation(has_etag=True, supports_if_match=True, refusals=[HoldExpired, WrongState, TooManyExtensions])
    def post(self, request, id):
        self.body()
        hold = self.hold(id)
        with offering_alternatives(get_opening(hold)):
            extend_hold(hold, actor=self.key.actor, expected_version=self.expected_version(hold))
        return self.answer_hold(hold)


class HoldMove(HoldView):
    """Hold another time instead. If that cannot be had, the old one is still held."""

    @operation(
        body=NewTimeInput,
        has_etag=True,
        supports_if_match=True,
        refusals=[HoldExpired, WrongState, SlotTaken, NotOffered, PatientBusy, InvalidBookingKey],
    )
    def post(self, request, id):
        hold = self.hold(id)
        opening = self.body(service=hold.service)["opening"]
        options = {"must_be_free": self.must_be_free, "expected_version": self.expected_version(hold)}
        move = partial(move_hold, hold, actor=self.key.actor, **options)
        with offering_alternatives(opening):
            book_first_available(move, opening, moving=hold)
        return self.answer_hold(hold)


class ConfirmInput(Attendance, RemindersInput, ApprovalTimeoutsInput, IntegrationInput):
    """Who comes, and how long to wait for the approver."""

    patient_id = PatientOrDraft()
    answers = AnswerInput(
        many=True,
        required=False,
        max_length=MAX_QUESTIONS,
        help_text="Answers to the service's questions. With a publishable key all that are required, or none; whoever "
        "answers none is asked by the link to the appointment. What is answered to questions that do not apply is not "
        "kept.",
    )

    def validate(self, fields):
        """Return the fields with ``draft``, the PatientDraft that the patient is made from, if any."""
        known = fields.get("patient_id")
        draft = known if isinstance(known, PatientDraft) else None
        if draft:
            fields["patient_id"] = draft.make_candidate()
        if "answers" in fields:
            service_id, is_complete = self.context["booking"].service_id, self.context["key"].is_publishable
            fields["answers"] = read_answers(fields["answers"], service_id, is_complete=is_complete)
        return {**super().validate(fields), "draft": draft}


class HoldConfirm(HoldView, ApprovalView):
    """Make a hold an appointment. Confirming again answers with the same one: 200, or 202 while it is pending.

    Without the scope `read_appointments` it then says of who comes only what this request has said too; other members
    are empty.
    With a publishable key many bookings from one network are pending until the visitor has pressed the link in an
    e-mail.
    """

    @operation(
        body=ConfirmInput,
        read=read_confirm_body,
        output=AppointmentOutput,
        status=[201, 200, 202],
        has_etag=True,
        has_location=True,
        supports_if_match=True,
        refusals=[
            HoldExpired,
            WrongState,
            DraftNotFound,
            PatientArchived,
            PatientBusy,
            NeedsProof,
            TooMuchMetadata,
            ProviderRefused,
            ProviderUnavailable,
        ],
    )
    def post(self, request, id):
        hold = self.hold(id)
        try:
            fields = self.body(origin=get_origin(request), booking=hold)
        except DraftNotFound:
            hold = self.hold(id)  # read again: the draft may just have been used to confirm it
            if hold.status != Hold.Status.CONFIRMED:
                raise
            return self.store(lambda: self.answer_booked(get_confirmed(hold), is_new=False))

        def answer(confirm):
            try:
                return self.answer_booked(confirm(must_be_new=True))
            except WrongState:  # it was confirmed before, perhaps a moment ago
                return self.answer_booked(confirm(), is_new=False)

        return self.confirm(hold, answer=answer, **fields)

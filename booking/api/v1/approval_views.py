"""Bookings that a provider may have to acknowledge: how long a caller waits for it, and asking it in time."""

import hashlib
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.urls import reverse
from rest_framework import serializers

from booking.api.serializers import Input
from booking.api.v1.opening_output import get_opening, offering_alternatives
from booking.api.views import ApiView
from booking.domain.approvals import ApprovalTimeouts, ProviderUnavailable, request_approval
from booking.domain.direct_booking import book_directly, hold_and_ask, placed_before
from booking.domain.holds import HoldExpired, HoldNotFound, MustAsk, confirm_hold
from booking.domain.orders import book_order, check_not_booked
from booking.domain.slot_selection import book_first_available
from booking.domain.transitions import ChangedMeanwhile
from booking.models import ApiKey, Appointment
from scheduling.slots import SlotTaken


def milliseconds(minimum, maximum, **options):
    return serializers.IntegerField(min_value=minimum, max_value=maximum, required=False, allow_null=True, **options)


class ApprovalTimeoutsInput(Input):
    """How long to wait for a provider that is another system, and whether the appointment may be pending then."""

    async_confirmation = serializers.BooleanField(
        required=False, help_text="Without an answer: false is 502 and nothing booked, true a pending appointment."
    )
    sync_confirmation_timeout_millisecond = milliseconds(
        1_000, 10_000, help_text="How long to wait for its answer; without it 2500."
    )
    async_confirmation_timeout_millisecond = milliseconds(
        60_000, 172_800_000, help_text="After how long a pending one is cancelled; without it as the provider is set."
    )

    def validate(self, fields):
        """Return the fields with ``timeouts``, a Patience, in place of the three."""
        fields = super().validate(fields)
        timeouts = ApprovalTimeouts(is_async=fields.pop("async_confirmation", False))
        for name, part in (("sync", "sync"), ("async", "answer_within")):
            if given := fields.pop(f"{name}_confirmation_timeout_millisecond", None):
                timeouts = timeouts._replace(**{part: timedelta(milliseconds=given)})
        return {**fields, "timeouts": timeouts}


class ApprovalView(ApiView):
    """An endpoint that makes appointments.

    Its method may run in a transaction, that of an Idempotency-Key, and no provider is asked in one. So where a
    verb says that one must be, the transaction is undone, the provider asked, and the method called once more.
    """

    asking = asked = None

    def answer_once(self, handler):
        try:
            return super().answer_once(handler)
        except MustAsk as must:
            try:
                self.asked = (self.asking(must.provider),)
            except Exception as error:  # noqa: BLE001 (the method raises it: it is answered, and kept, like its own)
                self.asked = error
        try:
            return super().answer_once(handler)
        except MustAsk:  # meanwhile it is for another provider to say
            return self.refuse(ProviderUnavailable())

    def answer_of_provider(self):
        """Return what asking has brought, or raise what it has raised; None where nobody has been asked yet."""
        if isinstance(self.asked, Exception):
            raise self.asked
        return self.asked and self.asked[0]

    def confirm(self, hold, *, timeouts=ApprovalTimeouts(), **details):  # noqa: B008 (it is immutable)
        """Confirm a hold as confirm_hold does; a provider that must be asked has been."""
        actor = self.key.actor
        known = {name: details[name] for name in ("patient", "attendee") if name in details}
        self.asking = partial(request_approval, hold, actor=actor, timeouts=timeouts, **known)
        with offering_alternatives(get_opening(hold)):
            acknowledged = self.answer_of_provider()
            # Asking made the hold last longer; before, it was as it should be.
            expected_version = None if self.asked else self.expected_version(hold)
            return confirm_hold(
                hold,
                actor=actor,
                acknowledged=acknowledged,
                answer_within=timeouts.answer_within,
                expected_version=expected_version,
                **details,
            )

    def book(self, opening, *, patient=None, order=None, timeouts=ApprovalTimeouts(), **details):  # noqa: B008
        """Book an opening at once for a patient, or for an order; a provider that must be asked has been."""
        who = {"holder": self.key.actor, "actor": self.key.actor}
        patient, id = order.patient if order else patient, self.id_of_booking()
        self.asking = lambda provider: hold_and_ask(
            opening=opening,
            timeouts=timeouts,
            patient=patient,
            attendee=details.get("attendee"),
            order=order,
            id=id,
            **who,
        )
        with offering_alternatives(opening):
            if asked := self.answer_of_provider():
                return self.confirm_asked(*asked, patient=patient, **details)
            if placed_before(id, self.key.actor):  # by the same request, which did not come to its end
                raise MustAsk
            if order:
                check_not_booked(order)  # before its own booking is in the way
            verb = (
                partial(book_order, order)
                if order
                else partial(book_directly, service=opening["service"], patient=patient)
            )
            try:
                return book_first_available(
                    partial(verb, answer_within=timeouts.answer_within, **who, **details), **opening
                )
            except SlotTaken:
                if placed_before(id, self.key.actor):  # by its twin, a moment ago
                    raise MustAsk from None
                raise

    def confirm_asked(self, hold, acknowledged, **details):
        """Confirm a hold of this request's own; one that is no more was given back by its twin, or is too late."""
        try:
            return confirm_hold(hold, actor=self.key.actor, acknowledged=acknowledged, **details)
        except (ChangedMeanwhile, HoldExpired, HoldNotFound) as error:
            raise ProviderUnavailable from error

    def id_of_booking(self):
        """Return the id of what this request books, the same if it is sent again; None without an Idempotency-Key."""
        name = self.request.headers.get("Idempotency-Key")
        if name is None:
            return None
        body = hashlib.sha256(self.raw_body()).hexdigest()
        same = "\n".join([str(self.caller), self.request.path, name, body])
        return UUID(bytes=hashlib.sha256(same.encode()).digest()[:16], version=4)

    def answer_booked(self, appointment, *, is_new=True, **options):
        """Answer with an appointment just made, or made earlier; say where it is if the key may read it there."""
        status = 201 if is_new else 200
        if appointment.status == Appointment.Status.PENDING:
            status = 202
        if self.key.may(ApiKey.Scope.READ_APPOINTMENTS):
            path = reverse("api_appointment", args=[appointment.pk])
            options["Location"] = self.request.build_absolute_uri(path)
        return self.answer_appointment(appointment, status, **options)

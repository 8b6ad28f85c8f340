"""Bookings that a provider may have to acknowledge: how long a caller waits for it, and asking it in time."""

import hashlib
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.urls import reverse
from rest_framework import serializers

from scheduling.slots import SlotTaken

from ..asking import Patience, ProviderUnavailable, ask
from ..choosing import with_first_free
from ..confirming import MustAsk, confirm_hold
from ..direct import book_directly, hold_and_ask, placed_before
from ..holds import HoldExpired, HoldNotFound
from ..models import ApiKey, Appointment
from ..orders import book_order, check_not_booked
from ..states import ChangedMeanwhile
from .base import ApiView
from .inputs import Input
from .openings import offering_alternatives, opening_of


def milliseconds(least, most, **options):
    return serializers.IntegerField(
        min_value=least, max_value=most, required=False, allow_null=True, **options
    )


class PatienceInput(Input):
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
        """Return the fields with ``patience``, a Patience, in place of the three."""
        fields = super().validate(fields)
        patience = Patience(is_async=fields.pop("async_confirmation", False))
        for name, part in (("sync", "sync"), ("async", "answer_within")):
            if given := fields.pop(f"{name}_confirmation_timeout_millisecond", None):
                patience = patience._replace(**{part: timedelta(milliseconds=given)})
        return {**fields, "patience": patience}


class AskingView(ApiView):
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

    def confirm(self, hold, *, patience=Patience(), **details):  # noqa: B008 (it is immutable)
        """Confirm a hold as confirm_hold does; a provider that must be asked has been."""
        by = self.key.actor
        known = {name: details[name] for name in ("patient", "attendee") if name in details}
        self.asking = partial(ask, hold, by=by, patience=patience, **known)
        with offering_alternatives(opening_of(hold)):
            acknowledged = self.answer_of_provider()
            # Asking made the hold last longer; before, it was as it should be.
            if_unchanged = None if self.asked else self.expected_version(hold)
            return confirm_hold(
                hold, by=by, acknowledged=acknowledged, answer_within=patience.answer_within,
                if_unchanged=if_unchanged, **details,
            )

    def book(self, opening, *, patient=None, order=None, patience=Patience(), **details):  # noqa: B008
        """Book an opening at once for a patient, or for an order; a provider that must be asked has been."""
        who = {"holder": self.key.actor, "by": self.key.actor}
        patient, id = order.patient if order else patient, self.id_of_booking()
        self.asking = lambda provider: hold_and_ask(
            opening=opening, patience=patience, patient=patient, attendee=details.get("attendee"), order=order,
            id=id, **who,
        )
        with offering_alternatives(opening):
            if asked := self.answer_of_provider():
                return self.confirm_asked(*asked, patient=patient, **details)
            if placed_before(id, self.key.actor):  # by the same request, which did not come to its end
                raise MustAsk
            if order:
                check_not_booked(order)  # before its own booking is in the way
            verb = partial(book_order, order) if order else partial(
                book_directly, service=opening["service"], patient=patient
            )
            try:
                return with_first_free(
                    partial(verb, answer_within=patience.answer_within, **who, **details), **opening
                )
            except SlotTaken:
                if placed_before(id, self.key.actor):  # by its twin, a moment ago
                    raise MustAsk from None
                raise

    def confirm_asked(self, hold, acknowledged, **details):
        """Confirm a hold of this request's own; one that is no more was given back by its twin, or is too late."""
        try:
            return confirm_hold(hold, by=self.key.actor, acknowledged=acknowledged, **details)
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

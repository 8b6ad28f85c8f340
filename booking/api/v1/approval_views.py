"""Bookings that a provider may have to acknowledge: how long a caller waits for it, and asking it in time."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from uuid import UUID

from django.urls import get_script_prefix, reverse
from rest_framework import serializers

from booking.api.outputs import ask_events_after_commit
from booking.api.serializers import Input
from booking.api.v1.attendance import ATTENDEE_FIELDS
from booking.api.v1.opening_output import get_opening, offering_alternatives
from booking.api.views import ApiView
from booking.domain.appointments import OrderBooked
from booking.domain.approvals import DEFAULT_TIMEOUTS, ApprovalTimeouts, ProviderUnavailable, obtain_approval
from booking.domain.confirmation import confirm_hold
from booking.domain.direct_booking import book_directly, find_local_approval, hold_for_approval
from booking.domain.holds import Holder
from booking.domain.slot_selection import book_first_available
from booking.domain.transitions import HoldExpired, HoldNotFound
from booking.domain.verification import as_without_proof
from booking.models import ApiKey, Appointment


class Attempt:
    """Call a function now; return its result, or raise its exception, from ``result()``.

    A failure before the answer's transaction is so answered and stored like one inside it.
    """

    def __init__(self, function, *args, **kwargs):
        self.error = None
        try:
            self.value = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (it is raised where it is asked for)
            self.error = error

    def result(self):
        if self.error:
            raise self.error
        return self.value


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
        """Return the fields with ``timeouts``, ApprovalTimeouts, in place of the three."""
        fields = super().validate(fields)
        timeouts = ApprovalTimeouts(is_async=fields.pop("async_confirmation", False))
        for name, part in (("sync", "sync"), ("async", "answer_within")):
            if given := fields.pop(f"{name}_confirmation_timeout_millisecond", None):
                timeouts = replace(timeouts, **{part: timedelta(milliseconds=given)})
        return {**fields, "timeouts": timeouts}


@cache
def get_appointments_path(script_prefix: str) -> str:
    """Return the path of the list of appointments: to reverse an address for each takes as long as to write its row."""
    return reverse("api_appointments")


class ApprovalView(ApiView):
    """An endpoint that makes appointments, which another system may have to approve.

    No other system is asked in a transaction, so its method is not run in that of the Idempotency-Key as a whole:
    the time is held and the approval obtained first, then ``store`` confirms and keeps the answer in one transaction.
    Only an endpoint whose method calls ``confirm`` or ``book`` may be one: no other keeps its answer.
    """

    def answer_once(self, handler):
        """Call the method, which stores its answer by itself, unless an earlier request has the answer."""
        if self.request.method not in self.once_with_a_key:
            return handler(self.request, **self.kwargs)
        return self.find_stored_answer() or handler(self.request, **self.kwargs)

    def store(self, act):
        """Return the answer of ``act()``; with an Idempotency-Key, act once for all requests with that key."""
        return super().answer_once(lambda request, **kwargs: act())

    def confirm(self, hold, *, patient, attendee=None, timeouts=DEFAULT_TIMEOUTS, answer=None, **details):
        """Confirm a hold, if necessary with the approval of another system, and answer with its appointment.

        ``answer(confirm)`` answers with what ``confirm(must_be_new=True)`` returns, if not as answer_booked does.
        """
        self.note_sent(patient, attendee, details.get("notes", ""))
        actor, opening = self.key.actor, get_opening(hold)
        expected_version = self.expected_version(hold)
        who = {"patient": patient, "attendee": attendee, "actor": actor}
        approval = Attempt(obtain_approval, hold, timeouts=timeouts, **who)

        def confirm(must_be_new=False):
            self.events = ask_events_after_commit(hold.pk)
            with offering_alternatives(opening):
                return confirm_hold(
                    hold,
                    approval=approval.result(),
                    answer_within=timeouts.answer_within,
                    # Asking has changed the hold; before, it was as expected.
                    expected_version=None if approval.result().acknowledgement else expected_version,
                    must_be_new=must_be_new,
                    must_be_free=self.must_be_free,
                    **who,
                    **details,
                )

        return self.store(lambda: answer(confirm) if answer else self.answer_booked(confirm(must_be_new=True)))

    def book(self, opening, *, patient=None, order=None, attendee=None, timeouts=DEFAULT_TIMEOUTS, **details):
        """Book an opening at once for a patient, or for an order, and answer with its appointment."""
        self.note_sent(patient, attendee, details.get("notes", ""))
        actor, holder = self.key.actor, Holder(self.key.actor)
        who = {"patient": order.patient if order else patient, "attendee": attendee, "actor": actor}
        details |= {**who, "answer_within": timeouts.answer_within, "must_be_free": self.must_be_free}
        if approval := find_local_approval(opening):
            verb = partial(book_directly, holder=holder, order=order, approval=approval, **details)
            act = partial(self._book_first_available, verb, opening, order)
        else:
            held = Attempt(
                hold_for_approval,
                opening,
                holder=holder,
                order=order,
                timeouts=timeouts,
                must_be_free=self.must_be_free,
                id=self.id_of_booking(),
                **who,
            )
            act = partial(self._confirm_held, held, details)

        def answer():
            with offering_alternatives(opening):
                return self.answer_booked(act())

        return self.store(answer)

    @staticmethod
    def _book_first_available(verb, opening, order):
        # Before the order's own appointment is in the way. book_directly looks again, behind the lock.
        if booked := order and order.get_booked_appointment():
            raise OrderBooked(booked.pk)
        return book_first_available(verb, opening)

    @staticmethod
    def _confirm_held(held, details):
        hold, approval = held.result()
        try:
            return confirm_hold(hold, approval=approval, **details)
        except (HoldExpired, HoldNotFound) as error:
            # Released by a concurrent duplicate of this request, or the caller was too slow.
            raise ProviderUnavailable from error

    def id_of_booking(self):
        """Return the id of what this request books, the same if it is sent again; None without an Idempotency-Key."""
        if self.idempotency_key is None:
            return None
        body = hashlib.sha256(self.request.body).hexdigest()
        same = "\n".join([str(self.caller), self.request.path, self.idempotency_key, body])
        return UUID(bytes=hashlib.sha256(same.encode()).digest()[:16], version=4)

    def note_sent(self, patient, attendee, notes):
        """Remember what the request has said of who comes, before the patient is found or saved.

        What is written down of a patient whom it names by id is that only for a key that may read patients.
        """
        is_described = bool(patient and patient._state.adding)
        names = {ATTENDEE_FIELDS[part]: value for part, value in (attendee or {}).items()}
        described = {name: value for name, value in names.items() if is_described or self.data.get(name)}
        self.described = described | {"notes": notes}
        is_told = patient and self.key.may(ApiKey.Scope.READ_PATIENTS)
        self.sent = (names | {"notes": notes}) if is_told else self.described

    def as_told(self, appointment):
        """Return an appointment as the key may know it: a publishable one is a visitor's, who has proved nothing."""
        return as_without_proof(appointment) if self.key.is_publishable else appointment

    def answer_booked(self, appointment, *, is_new=True, **options):
        """Answer with an appointment just made, or made earlier; say where it is if the key may read it there."""
        appointment = self.as_told(appointment)
        status = 201 if is_new else 200
        if appointment.status == Appointment.Status.PENDING:
            status = 202
        if self.key.may(ApiKey.Scope.READ_APPOINTMENTS):
            options["Location"] = self.locate(f"{get_appointments_path(get_script_prefix())}/{appointment.pk}")
        return self.answer_appointment(appointment, status, is_new=is_new, **options)

"""Confirming a hold: it becomes an appointment."""

from django.db import transaction
from django.db.models import Q

from patients.matching import agree
from scheduling.slots import prolong_slot

from .appointments import create_appointment
from .holds import check_live
from .models import Appointment, Event, Hold
from .people import find_or_register
from .providers import kind_of, provider_of
from .states import ChangedMeanwhile, WrongState, lock_booking, move


class MustAsk(Exception):
    """Another system must be asked before that can be confirmed."""

    def __init__(self, provider=None):
        self.provider = provider
        super().__init__()


@transaction.atomic
def confirm_hold(
    hold, *, patient, by, notes="", attendee=None, agreed_to=(), acknowledged=None, answer_within=None,
    if_unchanged=None, only_once=False
):
    """Make the hold an appointment and return it; a confirmed hold returns its appointment again.
    With ``only_once`` that raises WrongState.

    ``patient`` is a saved Patient, or an unsaved, validated one to be found or created; ``agreed_to`` has
    the Consent.Purpose of what they agreed to. ``attendee`` ({"name", "email", "phone"}) is who comes, if
    not as the patient is written. ``acknowledged`` (an Acknowledgement) says what its provider has answered; it
    is made by asking.ask, since nobody can be asked in a transaction. Staff answer later, in
    ``answer_within`` (a timedelta). Raises MustAsk if there is a provider to be asked first, ChangedMeanwhile if
    it was asked about something else, PatientArchived, HoldExpired, HoldNotFound or WrongState, and then nothing has
    changed.
    """
    now = lock_booking(hold, if_unchanged=if_unchanged)
    if hold.status == Hold.Status.CONFIRMED and not only_once:
        appointment = Appointment.objects.filter(pk=hold.pk).first()
        if appointment is None:  # an earlier appointment has been moved to its time
            raise WrongState(hold)
        return appointment
    check_live(hold, now)
    if acknowledged is None:
        acknowledged = _acknowledge_at_once(hold, now, answer_within)
    elif _is_void(acknowledged, hold):
        raise ChangedMeanwhile
    attendee = attendee or patient.contact  # as they say, however they are written down
    patient = find_or_register(patient, by=by)
    move(hold, Hold.Status.CONFIRMED, kind="hold.confirmed", by=by, at=now)
    prolong_slot(hold.slot_id, expires_at=None)
    appointment = create_appointment(
        hold, patient=patient, attendee=attendee, acknowledged=acknowledged, notes=notes, by=by, at=now
    )
    for purpose in agreed_to:
        agree(patient, purpose, at=now)
    return appointment


def _acknowledge_at_once(hold, now, answer_within):
    provider = provider_of(hold.service_id, hold.location_id)
    acknowledged = kind_of(provider).at_once(provider, hold, at=now, answer_within=answer_within)
    if acknowledged is None:
        raise MustAsk(provider)
    return acknowledged


def _is_void(acknowledged, hold):
    """Return whether what the provider has answered to is no longer so: it was taken back, or is another time now."""
    if not acknowledged.asked:
        return False
    since = Event.objects.filter(booking_id=hold.pk, sequence__gt=acknowledged.asked)
    is_taken_back = Q(kind="provider.taken_back", data__provider=acknowledged.provider.slug)
    return since.filter(is_taken_back | Q(kind="hold.moved")).exists()

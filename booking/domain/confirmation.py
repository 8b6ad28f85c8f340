"""The verb that makes a hold an appointment."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from booking.domain.appointments import create_appointment
from booking.domain.approvals import (
    DEFAULT_TIMEOUTS,
    Approval,
    ApprovalTimeouts,
    ProviderUnavailable,
    check_approval,
    obtain_approval,
)
from booking.domain.new_patients import is_known_after_all
from booking.domain.patient_conflicts import find_conflicts, find_conflicts_later, refuse_conflicts, tell_patient
from booking.domain.patient_drafts import use_draft
from booking.domain.patients import find_known_later, find_or_register, register_unknown
from booking.domain.questions import Answer, write_answers
from booking.domain.scarcity import VERIFY_WITHIN, check_email, get_verification, has_many_visits, lock_contacts
from booking.domain.transitions import WrongState, check_live, lock_and_refresh_later, transition_later
from booking.integrations.approvers import get_approver, get_provider_later
from booking.models import Acknowledgement, Appointment, Hold, PatientDraft
from booking.models.enums import EventKind
from patients.matching import note_consent, note_privacy_notice
from patients.models import Consent, Patient
from scheduling.slots import set_slot_expiry

Verification = Appointment.Verification


@transaction.atomic
def confirm_hold(
    hold: Hold,
    *,
    patient: Patient,
    actor: str,
    notes: str = "",
    language: str = "",
    patient_timezone: str = "",
    external_id: str = "",
    metadata: dict | None = None,
    attendee: dict | None = None,
    notice_version: str | None = None,
    wants_reminders: bool = False,
    draft: PatientDraft | None = None,
    approval: Approval | None = None,
    answer_within: timedelta | None = None,
    expected_version: datetime | None = None,
    must_be_new: bool = False,
    must_be_free: bool = False,
    answers: Collection[Answer] | None = None,
) -> Appointment:
    """Make the hold an appointment and return it; a confirmed hold returns its appointment again, or
    with ``must_be_new`` raises WrongState.

    ``patient`` is a saved Patient, or an unsaved, validated one to be found or created; ``notice_version`` is that of
    the privacy notice that they were shown, if any; ``wants_reminders`` says that they ask for reminders. ``attendee``
    ({"name", "email", "phone"}) is who comes, if not as the patient is written, ``language`` what they are written to
    in, and ``patient_timezone`` the IANA zone of their clock, of a video call. ``external_id`` replaces the hold's, and
    ``metadata`` are merged with them. A ``draft`` that the patient was made from is used up. ``answers`` are kept, none
    too where questions were asked. ``approval`` comes from obtain_approval, since no other system can be asked in a
    transaction. Staff answer later, within ``answer_within``. A patient who is elsewhere then is told by e-mail; with
    ``must_be_free`` it is PatientBusy. What a visitor must verify, or books for who has many visits to come, is pending
    for VERIFY_WITHIN, unless verify_appointment hands it to its approver; without an address for the link it is
    NeedsProof. Raises ProviderUnavailable where another system is responsible and ``approval`` is not its word on this
    booking, ChangedMeanwhile, PatientArchived, DraftNotFound, TooMuchMetadata, OrderBooked, OrderCancelled,
    HoldExpired, HoldNotFound or WrongState, and then nothing has changed.
    """
    # In one round trip, each statement behind the locks of those ahead of it.
    refresh = lock_and_refresh_later(hold, expected_version=expected_version)
    find_provider = _find_provider_later(hold, approval)
    identify = _identify_later(hold, patient, actor)
    now = refresh()
    if hold.status == Hold.Status.CONFIRMED and not must_be_new:
        return get_confirmed(hold)
    check_live(hold, now)
    attendee = attendee or patient.contact  # as they say, however they are written down
    verification = get_verification(hold, attendee)
    check_email(hold, attendee, verification, now=now)
    if draft:
        use_draft(draft, at=now)
    acknowledgement = _acknowledge(hold, approval, find_provider(), verification, now, answer_within)
    has_caps = verification in (Verification.WAIVED, Verification.VERIFIED)  # others wait openly
    if has_caps:
        lock_contacts(attendee)
    patient, conflicts = identify()
    if must_be_free:
        refuse_conflicts(conflicts)
    if has_caps and _is_above_caps(patient, attendee, verification, acknowledgement, now):
        verification, acknowledgement = Verification.REQUIRED_QUIETLY, _wait_quietly(acknowledgement, hold, now)
    said_new_is_known = is_known_after_all(hold, patient, now=now)
    # From here on all is written at once, with COMMIT. Were another first in spite of the lock, the appointment would
    # be refused: its id would be taken, or its slot gone.
    transition_later(hold, Hold.Status.CONFIRMED, kind=EventKind.HOLD_CONFIRMED, actor=actor, at=now)
    # A pending appointment's time is free again, by itself, when its deadline has passed.
    set_slot_expiry(hold.slot_id, expires_at=acknowledgement.answer_by)
    appointment = create_appointment(
        hold,
        patient=patient,
        attendee=attendee,
        acknowledgement=acknowledgement,
        verification=verification,
        said_new_is_known=said_new_is_known,
        notes=notes,
        language=language,
        patient_timezone=patient_timezone,
        external_id=external_id,
        metadata=metadata or {},
        actor=actor,
        at=now,
    )
    if answers is not None:
        write_answers(appointment, answers, actor=actor, at=now)
    if not appointment.awaits_verification:
        tell_patient(appointment, conflicts)
    if notice_version is not None:
        note_privacy_notice(patient, notice_version, at=now)
    if wants_reminders:
        note_consent(patient, Consent.Purpose.REMINDERS, at=now)
    return appointment


def get_confirmed(hold: Hold) -> Appointment:
    """Return the appointment of a confirmed hold; WrongState if an earlier appointment has been moved to its time."""
    appointment = Appointment.objects.filter(pk=hold.pk).first()
    if appointment is None:
        raise WrongState(hold)
    return appointment


def _find_provider_later(hold, approval):
    """Return a function for the Provider of a hold's Approval, or of the hold where that leaves it open."""
    if approval and not approval.is_open:
        return lambda: approval.provider
    return get_provider_later(hold)


def _identify_later(hold, patient, actor):
    """Return a function that finds or registers the patient of a hold, and returns them with their conflicts.

    A visitor's patient is looked for only then, behind the locks of their contacts.
    """
    if hold.network or hold.verified_email:
        return lambda: _identify_in_equal_time(hold, patient, actor)
    find_known = find_known_later(patient)
    find_theirs = None if patient._state.adding else find_conflicts_later(hold, patient.pk)

    def identify():
        known = find_known()
        if known is None:
            return register_unknown(patient, actor=actor), []  # who is new has no other visit
        return known, find_theirs() if find_theirs else find_conflicts(hold, known.pk)

    return identify


def _identify_in_equal_time(hold, patient, actor):
    patient = find_or_register(patient, actor=actor, in_equal_time=True)
    return patient, find_conflicts(hold, patient.pk)


def _acknowledge(hold, approval, provider, verification, now, answer_within):
    if approval and approval.acknowledgement:
        check_approval(approval, hold)
        return approval.acknowledgement
    if verification == Verification.REQUIRED:
        return _wait_for_link(provider, hold, now)
    approver = get_approver(provider)
    if approver.is_remote:
        raise ProviderUnavailable
    return approver.acknowledge(provider, hold, at=now, answer_within=answer_within)


def _wait_for_link(provider, hold, now):
    return Acknowledgement(Appointment.Status.PENDING, provider, answer_by=min(now + VERIFY_WITHIN, hold.starts_at))


def _is_above_caps(patient, attendee, verification, acknowledgement, now):
    """Return whether a visitor's booking has to wait without saying so, which only a mail can end.

    Where another system has just been asked, it decides by itself: its answer could not be kept from the visitor.
    """
    if acknowledgement.asked or not attendee["email"]:
        return False
    return has_many_visits(patient.pk, attendee, now=now, is_proven=verification == Verification.VERIFIED)


def _wait_quietly(acknowledgement, hold, now):
    """Return the Acknowledgement of what waits for its link: staff's deadline, which the visitor is told, stays."""
    is_pending = acknowledgement.status == Appointment.Status.PENDING
    return acknowledgement if is_pending else _wait_for_link(acknowledgement.provider, hold, now)


def confirm_with_approval(
    hold: Hold, *, patient: Patient, actor: str, timeouts: ApprovalTimeouts = DEFAULT_TIMEOUTS, **details: Any
) -> Appointment:
    """Obtain the approval of a hold, then confirm it with ``details`` as confirm_hold does.

    Not to be called in a transaction. Raises what obtain_approval and confirm_hold raise.
    """
    approval = obtain_approval(hold, patient=patient, actor=actor, attendee=details.get("attendee"), timeouts=timeouts)
    return confirm_hold(
        hold, patient=patient, actor=actor, approval=approval, answer_within=timeouts.answer_within, **details
    )

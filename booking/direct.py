"""Booking in one step, for a caller who knows the patient already."""

from django.db import transaction

from .holds import confirm_hold, place_hold


@transaction.atomic
def book_directly(*, patient, by, holder, notes="", attendee=None, **opening):
    """Book an opening at once and return the Appointment; takes what place_hold and confirm_hold take.

    Raises SlotTaken or NotOffered, and then nothing has changed.
    """
    hold = place_hold(holder=holder, by=by, most=None, **opening)
    return confirm_hold(hold, patient=patient, by=by, notes=notes, attendee=attendee)

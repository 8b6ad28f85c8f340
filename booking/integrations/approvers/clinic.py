"""The clinic itself: what it can offer it has agreed to."""

from booking.models import Acknowledgement, Appointment


def at_once(provider, booking, *, at, answer_within=None):
    """Return that the booking is confirmed."""
    return Acknowledgement(Appointment.Status.CONFIRMED, provider)

"""The clinic's staff: they confirm or decline each appointment in admin, by a deadline."""

from booking.models import Acknowledgement, Appointment


def at_once(provider, booking, *, at, answer_within=None):
    """Return that the booking is pending: for as long as the provider has, but not beyond its start."""
    answer_by = min(at + (answer_within or provider.answer_within), booking.starts_at)
    return Acknowledgement(Appointment.Status.PENDING, provider, answer_by=answer_by)

"""The clinic itself: it acknowledges at once."""

from booking.integrations.approvers.base import Approver
from booking.models import Acknowledgement, Appointment


class ClinicApprover(Approver):
    kind = "clinic"
    label = "the clinic itself, at once"
    is_remote = is_staff = False

    def acknowledge(self, provider, booking, *, at, answer_within=None):
        """Return that the booking is confirmed."""
        return Acknowledgement(Appointment.Status.CONFIRMED, provider)

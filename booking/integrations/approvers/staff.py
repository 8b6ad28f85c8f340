"""The clinic's staff: they confirm or decline each appointment in admin, by a deadline."""

from booking.integrations.approvers.base import Approver
from booking.models import Acknowledgement, Appointment


class StaffApprover(Approver):
    kind = "staff"
    label = "staff, who approve each in admin"
    is_remote = False
    is_staff = True

    def acknowledge(self, provider, booking, *, at, answer_within=None):
        """Return that the booking is pending until the provider's deadline, at the latest until it starts."""
        answer_by = min(at + (answer_within or provider.answer_within), booking.starts_at)  # pyright: ignore
        return Acknowledgement(Appointment.Status.PENDING, provider, answer_by=answer_by)

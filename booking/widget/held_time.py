"""A hold as its pages know it: what it is for, and the addresses that follow from that."""

from dataclasses import dataclass

from django.urls import reverse

from booking.access.patient_links import appointment_token, order_token
from booking.models import Appointment, Hold


@dataclass(frozen=True)
class HeldTime:
    """A hold with the token that opens its pages, and the appointment that will take its time, if any."""

    hold: Hold
    token: str
    moves: Appointment | None = None

    @property
    def is_known(self):
        """Whether the patient is known without a form: from an order, or from the appointment to move."""
        return bool(self.hold.order_id or self.moves)

    @property
    def url(self):
        """The address of the hold's page; its actions are below it."""
        way = [appointment_token(self.moves)] if self.moves else []
        return reverse("widget:details", args=[*way, self.token])

    @property
    def done_url(self):
        """The address of what the hold becomes when it is confirmed."""
        if self.moves:
            return reverse("widget:appointment", args=[appointment_token(self.moves)])
        return reverse("widget:done", args=[self.token])

    def get_times_url(self, **query):
        """Return the address of the times that the hold's time was chosen from."""
        if self.moves:
            return reverse("widget:reschedule", args=[appointment_token(self.moves)], query=query)
        token = self.hold.order_id and order_token(self.hold.order)
        if token:
            return reverse("widget:order", args=[token], query=query)
        if self.hold.order_id:  # its link was revoked
            return reverse("widget:services")
        return reverse("widget:times", args=[self.hold.service.slug], query=query)

    def get_search(self, request):
        """Return the search that the hold came from. It names the clinician only if the patient chose one."""
        wish = get_similar_search(self.hold)
        if wish["clinician"] not in (request.POST.get("clinician"), request.GET.get("clinician")):
            del wish["clinician"]
        if me := request.POST.get("me") or request.GET.get("me"):  # with which the patient has proved a contact
            wish["me"] = me
        return wish


def get_similar_search(booking):
    """Return the search for other times with a booking's clinician at its place."""
    return {"clinician": str(booking.clinician_id), "where": "video" if booking.is_remote else str(booking.location_id)}

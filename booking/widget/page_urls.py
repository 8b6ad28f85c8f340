"""Addresses of the patient's pages: a hold, what it became, and the times it was chosen from."""

from django.urls import reverse

from booking.access.patient_links import appointment_token, order_token


def get_hold_url(hold):
    """Return the address of a hold's page; its actions are below it."""
    way = [appointment_token(hold.moves)] if hold.moves else []
    return reverse("widget:details", args=[*way, hold.token])


def get_done_url(hold):
    """Return the address of what a hold became when it was confirmed."""
    if hold.moves:
        return reverse("widget:appointment", args=[appointment_token(hold.moves)])
    return reverse("widget:done", args=[hold.token])


def get_times_url(hold, /, **query):
    """Return the address of the times that a hold's time was chosen from."""
    if hold.moves:
        return reverse("widget:reschedule", args=[appointment_token(hold.moves)], query=query)
    token = hold.order_id and order_token(hold.order)
    if token:
        return reverse("widget:order", args=[token], query=query)
    if hold.order_id:  # its link was revoked
        return reverse("widget:services")
    return reverse("widget:times", args=[hold.service.slug], query=query)


def get_similar_search(booking):
    """Return the search for other times with a booking's clinician at its place."""
    return {"clinician": str(booking.clinician_id), "where": "video" if booking.is_remote else str(booking.location_id)}


def get_search(request, hold):
    """Return the search that a hold came from. It names the clinician only if the patient chose one."""
    wish = get_similar_search(hold)
    if wish["clinician"] not in (request.POST.get("clinician"), request.GET.get("clinician")):
        del wish["clinician"]
    return wish

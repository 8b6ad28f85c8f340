"""The question that services for new people ask before a time is held: have you been here before?"""

from django.urls import reverse

from booking.domain.new_patients import NewPatientsOnly, check_new
from booking.widget.pages import show

NEW, NEW_FOR_OTHER = "1", "other"


def ask_if_new(request, search, others):
    """Return the page that asks, or says what can be booked instead, or None where there is nothing to ask.

    ``others`` are the services that can be booked. Who has proved a contact is looked up; who has not is believed.
    """
    service = search.service
    if not service.new_patients_only_text or (search.hold and search.hold.service_id == service.pk):
        return None
    said = search.wish.cleaned_data.get("new")
    if said == NEW_FOR_OTHER:
        return None
    is_known = said == "0"
    if search.me:
        try:
            check_new(service, search.me.people)
        except NewPatientsOnly:
            is_known = True
    if said == NEW and not is_known:
        return None
    query = request.POST if request.method == "POST" else request.GET
    kept = f"?{search.wish.kept}" if search.wish.kept else ""
    context = {
        "service": service,
        "is_known": is_known,
        "others": [
            (other, reverse("widget:times", args=[other.slug]) + kept)
            for other in others
            if is_known and not other.new_patients_only_text
        ],
        "method": request.method.lower(),
        "action": request.path,
        "inputs": [(name, value) for name, values in query.lists() if name != "new" for value in values],
        "back": reverse("widget:services") + kept,
    }
    return show(request, "widget/new_patients.html", context)

"""The page that asks until when what is rotated still works."""

from datetime import timedelta

from django.contrib import messages
from django.template.response import TemplateResponse

HOUR = 3600
OVERLAPS = [(0, "now"), (HOUR, "in an hour"), (24 * HOUR, "in a day"), (7 * 24 * HOUR, "in a week")]


def chosen_overlap(request):
    """Return the overlap that was chosen on the page (a timedelta), or None: it has still to be asked for."""
    chosen = request.POST.get("overlap", "")
    is_offered = request.method == "POST" and chosen in [str(seconds) for seconds, _ in OVERLAPS]
    return timedelta(seconds=int(chosen)) if is_offered else None


def is_sent_again(request, state):
    """Return whether the page was made before what is rotated came into its ``state``, and say so.

    To load the page with the new secret again sends this one again, and would rotate once more.
    """
    if request.POST.get("state") in (None, str(state)):
        return False
    messages.info(request, "It has been rotated or changed already. Nothing was done, and no secret is shown again.")
    return True


def ask_overlap(model_admin, request, *, title, advice, label, page, state):
    """Answer with the page; ``label`` says what ends then, ``page`` is where one goes back to."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "title": title,
        "advice": advice,
        "label": label,
        "overlaps": OVERLAPS,
        "page": page,
        "state": str(state),
    }
    return TemplateResponse(request, "admin/booking/rotate.html", context)

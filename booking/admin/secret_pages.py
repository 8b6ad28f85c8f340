"""The pages that rotate a secret and that show a new one, once."""

from datetime import timedelta

from django.contrib import messages
from django.template.response import TemplateResponse

HOUR = 3600
OVERLAPS = [(0, "now"), (HOUR, "in an hour"), (24 * HOUR, "in a day"), (7 * 24 * HOUR, "in a week")]


def render_secret(model_admin, request, *, title, what, name, secret, advice, page, reason="we keep only its hash"):
    """Return the page that shows ``secret``, which is ``what`` of ``name``, with advice on whom to keep it from.

    Only this response holds the secret, and it is not cached; a message would be stored until the next page.
    ``page`` is where to go next, ``reason`` says why the secret cannot be shown again.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "title": title,
        "what": what,
        "name": name,
        "secret": secret,
        "advice": advice,
        "page": page,
        "reason": reason,
    }
    return TemplateResponse(request, "admin/booking/secret.html", context)


def render_rotation_form(model_admin, request, *, title, advice, label, page, state):
    """Return the page that asks how long the old secret stays valid.

    ``label`` names what ends then, ``page`` is where to go back to, ``state`` is what is_repeated_rotation compares.
    """
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


def get_overlap(request):
    """Return the overlap chosen in the rotation form as a timedelta, or None before the form was sent."""
    value = request.POST.get("overlap", "")
    is_offered = request.method == "POST" and value in [str(seconds) for seconds, _ in OVERLAPS]
    return timedelta(seconds=int(value)) if is_offered else None


def is_repeated_rotation(request, state):
    """Return whether the form was rendered before ``state`` was reached; add a message if so.

    Reloading the page with the new secret sends the form again, which would rotate once more.
    """
    if request.POST.get("state") in (None, str(state)):
        return False
    messages.info(request, "It has been rotated or changed already. Nothing was done, and no secret is shown again.")
    return True

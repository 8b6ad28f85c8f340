"""The page that shows a secret, once."""

from django.template.response import TemplateResponse


def show_once(model_admin, request, *, title, what, name, plain, advice, page, kept="we keep only its hash"):
    """Answer with the page that shows the secret ``plain`` of ``name``: ``what`` it is, and whom to keep it from.

    It is in this answer only, which is not cached: a message would be stored until the next page is shown.
    ``page`` is where one goes on, ``kept`` why it cannot be shown again.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "title": title,
        "what": what,
        "name": name,
        "plain": plain,
        "advice": advice,
        "page": page,
        "kept": kept,
    }
    return TemplateResponse(request, "admin/booking/shown_once.html", context)

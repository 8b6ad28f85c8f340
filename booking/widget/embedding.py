"""The clinic's pages in a frame of its own sites: who may frame them, and the script that makes the frame."""

from django.http import Http404, HttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from booking.models.embedding import list_embedding_sites
from booking.ops.embed_script import read_script
from booking.ops.middleware import allow_framing_by

FOR_FIVE_MINUTES, FOR_EVER = "public, max-age=300", "public, max-age=31536000, immutable"


def allow_framing(request, response, *, is_entry):
    """Let the clinic's sites frame a page: at the entry those of the location that is asked for, later all of them.

    What follows a held time belongs to one location, and its token is known to the frame alone.
    """
    where = request.GET.get("where", "")
    origins = {origin for origin, location in list_embedding_sites() if not is_entry or location in ("", where)}
    allow_framing_by(response, origins)


@require_safe
@gzip_page
def script(request, version=""):
    """Return the newest script, or one that never changes."""
    content = read_script(version)
    if content is None:
        raise Http404
    # Browsers check the integrity only of what the site may read.
    headers = {"Cache-Control": FOR_EVER if version else FOR_FIVE_MINUTES, "Access-Control-Allow-Origin": "*"}
    return HttpResponse(content, content_type="text/javascript; charset=utf-8", headers=headers)

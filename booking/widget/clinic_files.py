"""The files that pages show and no release brings: pictures, the clinic's colour, and what a home screen asks for.

Each address of a picture or a stylesheet names what is in it, so that browsers and proxies keep it for ever.
"""

from django.http import Http404, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from booking.models import get_branding
from booking.models.branding import get_version
from scheduling.lib.accent_colors import TooPale, write_stylesheet
from scheduling.models import ImageFile

FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def image(request, name):
    """Return one size of a picture."""
    found = ImageFile.objects.filter(name=name).values_list("content", "media_type")[:1]
    if not found:
        raise Http404
    content, media_type = found[0]
    return HttpResponse(bytes(content), content_type=media_type, headers={"Cache-Control": FOR_EVER})


@require_safe
def stylesheet(request, color, version):
    """Return the clinic's colour for light and dark pages."""
    try:
        text = write_stylesheet(f"#{color}")
    except TooPale as error:
        raise Http404 from error
    # While a release is rolled out, the page may come from one that writes it otherwise.
    cache = FOR_EVER if version == get_version(text) else "no-cache"
    return HttpResponse(text, content_type="text/css; charset=utf-8", headers={"Cache-Control": cache})


@require_safe
def manifest(request):
    """Return what a home screen shows of the clinic's pages."""
    branding = get_branding()
    body = {
        "name": branding.name,
        "short_name": branding.name[:24],
        "start_url": "/",
        "display": "minimal-ui",
        "background_color": "#f5f7f6",
        "theme_color": branding.accent,
        "icons": [
            {"src": branding.get_icon_path(width), "sizes": f"{width}x{width}", "type": "image/png"}
            for width in (192, 512)
        ],
    }
    if branding.description:
        body["description"] = branding.description
    headers = {"Cache-Control": "public, max-age=3600"}
    return JsonResponse(body, content_type="application/manifest+json", headers=headers)

"""Which parser reads a body, and which renderer writes an answer."""

from django.http.request import MediaType
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation


class ContentNegotiation(BaseContentNegotiation):
    """Compare media types without their parameters; unlike DRF's own, take ``q=0`` as a refusal."""

    def select_parser(self, request, parsers):
        """Return the parser of the body's type, or None; ``*/*`` is any type."""
        sent = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type in (sent, "*/*")), None)

    def select_renderer(self, request, renderers, format_suffix=None):
        """Return the first renderer whose type the Accept header names, with that type, or raise NotAcceptable."""
        if not request.headers.get("Accept"):
            return renderers[0], renderers[0].media_type
        accepted_types = request.accepted_types  # without those of q=0
        for renderer in renderers:
            if any(matches(accepted, renderer.media_type) for accepted in accepted_types):
                return renderer, renderer.media_type
        raise NotAcceptable


class IgnoreAccept(ContentNegotiation):
    """Answer with the first renderer, whatever the Accept header says."""

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


def matches(accepted: MediaType, media_type: str) -> bool:
    """Return whether an entry of the Accept header is for a media type."""
    main_type, _, sub_type = media_type.partition("/")
    return accepted.main_type in ("*", main_type) and accepted.sub_type in ("*", sub_type)

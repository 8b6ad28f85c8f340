"""What answers are, for negotiation and OpenAPI: booking.api.answers.Answer writes them."""

from rest_framework.renderers import BaseRenderer


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8

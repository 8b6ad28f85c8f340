"""OAuth2 client credentials (RFC 6749, section 4.4): an API key is exchanged for a token that lives an hour."""

from base64 import b64decode
from functools import partial
from urllib.parse import parse_qsl, unquote_plus

from django.utils import timezone
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, ParseError

from booking.access.access_tokens import issue_token
from booking.access.api_keys import InvalidKey, find_key
from booking.api.answers import Answer
from booking.api.dialects.problem_writers import JSON, list_places
from booking.api.dialects.views import DialectView, Input, operation
from booking.api.exception_handler import refuse
from booking.api.fields import Choice
from booking.api.parsers import AnyTypeJsonParser, Members, read_json
from booking.api.problems import PROBLEMS
from booking.api.views import ApiView

CHALLENGE = 'Basic realm="Holdfast"'
ALL_SCOPES = "OnSchedApi"  # the one scope that OnSched itself has had
MAX_FIELDS = 20
# From the code of what is not valid to the errors of RFC 6749, section 5.2.
ERRORS = {"invalid_choice": "unsupported_grant_type", "scope": "invalid_scope", "publishable": "unauthorized_client"}


class FormOrJsonParser(AnyTypeJsonParser):
    """Read a body as a form, or as JSON if it begins like an object, whatever its Content-Type says."""

    def parse(self, stream, media_type=None, parser_context=None) -> Members:
        return read_form_or_json(stream.read())


def read_form_or_json(raw: bytes) -> Members:
    """Return the Members of a form or of a JSON object, or raise ParseError."""
    if raw.lstrip().startswith(b"{"):
        return read_json(raw)
    try:
        form = Members(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise ParseError from error
    if form.repeated:
        raise ParseError
    return form


class ClientAuthentication(BaseAuthentication):
    """Authenticate a client, in a Basic header or in the body: ``request.auth`` is the ApiKey that it is.

    Its client_id is the key's first characters, as admin lists them, and its client_secret the key.
    """

    def authenticate(self, request):
        client_id, secret = self.read_basic(request) or self.read_body(request)
        try:
            key = find_key(str(secret))
            if client_id != key.start:
                raise InvalidKey
        except InvalidKey as error:
            raise AuthenticationFailed from error
        return None, key

    def read_basic(self, request):
        """Return (client_id, client_secret) of a Basic header, or None if there is none."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            client_id, _, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
        except ValueError:
            raise AuthenticationFailed from None
        return unquote_plus(client_id), unquote_plus(secret)

    def read_body(self, request):
        sent = read_form_or_json(request.body)
        return sent.get("client_id"), sent.get("client_secret")

    def authenticate_header(self, request):
        return CHALLENGE


class TokenInput(Input):
    """The grant, and perhaps fewer scopes than the key has."""

    grant_type = Choice(["client_credentials"])
    scope = serializers.CharField(required=False, allow_blank=True, max_length=1_000)

    def validate(self, fields):
        """Return the scopes to give, in the key's order."""
        key = self.context["key"]
        if key.is_publishable:
            raise serializers.ValidationError("A publishable key is for browsers: it gets no token.", "publishable")
        asked = set(fields.get("scope", "").split()) - {ALL_SCOPES}
        if not asked <= set(key.scopes):
            raise serializers.ValidationError("The key has not got all of these scopes.", "scope")
        return [scope for scope in key.scopes if scope in asked or not asked]


class Token(DialectView):
    """Exchange a key for a token."""

    authentication_classes = [ClientAuthentication]
    permission_classes = []
    parser_classes = [FormOrJsonParser]
    scopes = {"POST": None}
    once_with_a_key = ()  # an answer would be stored with the token in it

    def get_exception_handler(self):
        return partial(ApiView.get_exception_handler(self), write=write_error)

    @operation(body=TokenInput)
    def post(self, request):
        token, plain = issue_token(self.key, scopes=self.body())
        lifetime = token.expires_at - timezone.now()
        return Answer(
            {
                "access_token": plain,
                "token_type": "Bearer",
                "expires_in": round(lifetime.total_seconds()),
                "scope": " ".join(token.scopes),
            },
            headers={"Pragma": "no-cache"},
        )


def write_error(request, error):
    """Write a refusal as RFC 6749 says, section 5.2; ``error_description`` is in ASCII."""
    problem = PROBLEMS[type(error)]
    said = problem.get_title(type(error))
    name = {400: "invalid_request", 401: "invalid_client"}.get(problem.status, problem.code)
    if isinstance(error, serializers.ValidationError):
        [place, said, code], *_ = list_places(error)
        name = ERRORS.get(code, name)
        said = f"{': '.join(place)}: {said}" if place else said
    body = {"error": name, "error_description": said, "request_id": request.id}
    response = refuse(body, problem.status, problem.extras(error), JSON)
    if problem.status == 401:
        response["WWW-Authenticate"] = CHALLENGE
    return response

"""Who calls: the API key that a request shows, or that its access token was given for."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from booking.access import access_tokens
from booking.access.api_keys import InvalidKey, find_recent_key

CHALLENGE = 'Bearer realm="Holdfast"'


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticate with ``Authorization: Bearer hf_…``: ``request.auth`` is the ApiKey, ``request.user`` is None."""

    def authenticate(self, request):
        try:
            plain = self.get_plain_key(request)
            is_token = plain.startswith(access_tokens.PREFIX)
            key = access_tokens.find_key_of_token(plain) if is_token else find_recent_key(plain)
        except InvalidKey as error:
            raise AuthenticationFailed from error
        return None, key

    def authenticate_header(self, request) -> str:
        return CHALLENGE

    def get_plain_key(self, request) -> str:
        """Return the key in plain text, or raise InvalidKey."""
        if bearer := read_bearer(request):
            return bearer
        raise InvalidKey


def read_bearer(request) -> str:
    """Return what a request's Authorization has as a Bearer, or an empty text."""
    scheme, _, plain = request.headers.get("Authorization", "").partition(" ")
    return plain.strip() if scheme.lower() == "bearer" else ""


class HeaderKeyAuthentication(ApiKeyAuthentication):
    """Authenticate with a header of the key's own, else as a Bearer."""

    header: str

    def get_plain_key(self, request) -> str:
        return request.headers.get(self.header, "").strip() or super().get_plain_key(request)

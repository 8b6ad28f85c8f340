"""What all endpoints share."""

from rest_framework.exceptions import ValidationError

from booking.api.authentication import HeaderKeyAuthentication
from booking.api.dialects.views import DialectView
from booking.api.views import NEVER_STORED
from booking.models import ApiKey

Scope = ApiKey.Scope


class JunctionKeyAuthentication(HeaderKeyAuthentication):
    header = "X-Vital-Api-Key"


class View(DialectView):
    """An endpoint of Junction's. ``X-Idempotency-Error: no-cache`` keeps only what succeeded."""

    authentication_classes = [JunctionKeyAuthentication]
    never_stored = NEVER_STORED | {422}
    idempotency_headers = ("X-Idempotency-Key", "Idempotency-Key")
    shown: set = set()  # the ids of the patients whom the answer tells of, which may know them by the client's own ids

    def is_stored(self, status):
        return super().is_stored(status) and not (status >= 400 and "X-Idempotency-Error" in self.request.headers)

    def answer_once(self, handler):
        if self.request.headers.get("X-Idempotency-Error", "no-cache") != "no-cache":
            raise ValidationError({"X-Idempotency-Error": "Send no-cache, or leave it out."}, code="invalid_choice")
        return super().answer_once(handler)

    def find_shown(self, data):
        return self.shown

    @property
    def team_id(self):
        """Whose data it is, as clients expect to be told: the key's holder, which stays when a key is rotated."""
        return str(self.key.holder)

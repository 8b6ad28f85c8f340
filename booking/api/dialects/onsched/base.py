"""What all endpoints share."""

from booking.api.dialects.views import DialectView
from booking.models import ApiKey

Scope = ApiKey.Scope


class View(DialectView):
    """An envelope, and the header with the key."""

    key_header = "X-Api-Key"

    def succeed(self, data, status=200, **more):
        return self.reply({"success": True, "data": data, **more}, status)

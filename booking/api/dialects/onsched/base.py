"""What all endpoints share."""

from ....models import ApiKey
from ..base import DialectView

Scope = ApiKey.Scope


class View(DialectView):
    """An envelope, and the header with the key."""

    key_header = "X-Api-Key"

    def succeed(self, data, status=200, **more):
        return self.reply({"success": True, "data": data, **more}, status)

"""The API's own refusals: ``message`` is the public sentence, problems.PROBLEMS says how each is answered."""

from django.utils.translation import gettext_lazy as _


class Unreadable(Exception):
    """The Host header, the address or the body's encoding is malformed."""

    message = _("The request could not be read.")


class TooManyParameters(Exception):
    """The query string has more fields than Django reads."""

    message = _("The address has too many parameters.")


class RequestTooLarge(Exception):
    """The body exceeds DATA_UPLOAD_MAX_MEMORY_SIZE."""

    message = _("The body of a request may have a megabyte at most.")


class LengthRequired(Exception):
    """The request has a body and no Content-Length."""

    message = _("The length of the body must be said before it is sent.")


class HttpsRequired(Exception):
    """The request came over plain HTTP."""

    message = _("The API answers over https only.")


class NotHeldAnyMore(Exception):
    """The hold has been confirmed: it is an appointment."""

    message = _("It is not held any more: it has been booked.")


class MissingScope(Exception):
    """The API key lacks ``scope``."""

    message = _("The API key does not have the scope this needs.")

    def __init__(self, scope):
        self.scope = scope
        super().__init__(scope)


class SecretKeyRequired(Exception):
    """A publishable key asks for what only servers may see."""

    message = _("Only a secret key may do that.")


class ForeignOrigin(Exception):
    """The Origin is not one of the publishable key's allowed origins."""

    message = _("A publishable key works only in pages of the sites it names (header Origin).")


class Busy(Exception):
    """PostgreSQL did not answer within its lock or statement timeout."""

    message = _("The server is busy.")

    retry_after = 2


class InternalError(Exception):
    """Any exception that the table does not know."""

    message = _("Something went wrong on our side.")

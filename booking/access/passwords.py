"""What Django's list of password validators has of ours."""

import re

from django.core.exceptions import ValidationError

from booking.access import sign_in_log
from booking.models.branding import get_branding

MIN_OWN_CHARACTERS = 8


class NotTheClinicsName:
    """Refuses a password that is little more than the clinic's name, which everybody would try first."""

    def validate(self, password, user=None):
        """Raise ValidationError if too little is left of ``password`` without the words of the clinic's name."""
        left = _fold(password)
        for word in sorted({"holdfast", *map(_fold, get_branding().name.split())}, key=len, reverse=True):
            if len(word) > 2:
                left = left.replace(word, "")
        if left != _fold(password) and len(left) < MIN_OWN_CHARACTERS:
            raise ValidationError("This password is little more than the clinic’s name.", "clinics_name")

    def password_changed(self, password, user=None):
        """Record that a password was set; Django tells its validators. All other sessions of the user end with it."""
        sign_in_log.record(sign_in_log.Kind.PASSWORD_CHANGED, user=user)

    def get_help_text(self):
        """Return the rule for people."""
        return "Your password can’t be the clinic’s name with a little around it."


def _fold(text):
    return re.sub(r"[\W_]", "", text).casefold()

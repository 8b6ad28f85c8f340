"""Plain text from strangers: what may be in it, and how two spellings of a name are compared."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Cc: control (NUL too, which PostgreSQL refuses). Cf: invisible, among them the marks that turn the
# direction of text around. Cs: half a character. Co, Cn: nobody knows how to show them. Zl, Zp: ends of lines.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Two joiners some scripts and names need.
NEEDED = {"\u200c", "\u200d"}


def validate_printable(text, *, allowed=""):
    """Raise ValidationError if ``text`` has characters that cannot be seen, beyond those ``allowed``."""
    for character in text:
        if unicodedata.category(character) in UNPRINTABLE and character not in NEEDED and character not in allowed:
            raise ValidationError(_("Please remove the invisible or unreadable characters."), code="unprintable")


def validate_name(text):
    """Raise ValidationError for what is no name: with an address in it, a stranger could have us mail it to anyone."""
    validate_printable(text)
    if re.search(r"@|://|www\.", text.lower()):
        raise ValidationError(_("Please write only a name here, no address."), code="address")


def validate_printable_lines(text):
    """Like validate_printable, for text of several lines."""
    validate_printable(text, allowed="\r\n\t")


MAX_NAME_LENGTH = 250  # characters; some are written with several once they are taken apart


def normalize_name(*names):
    """Return names as they are compared: no case, accents, hyphens, apostrophes or doubled spaces."""
    text = unicodedata.normalize("NFKD", " ".join(names)).casefold()
    text = "".join(character for character in text if not unicodedata.combining(character))
    return " ".join(re.sub(r"[\W_]+", " ", text.replace("'", "").replace("’", "")).split())[:MAX_NAME_LENGTH]


def spellings(words):
    """Return the words, and each with any one letter left out.

    Two words that differ by one letter too many, too few or wrong, or by two that have changed places,
    have one of these in common.
    """
    found = set(words)
    for word in words:
        if 2 < len(word) < 40:
            found.update(word[:at] + word[at + 1 :] for at in range(len(word)))
    return sorted(found)

"""Plain text from strangers: validate its characters, and normalize names for comparison."""

import re
import unicodedata
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Cc: control characters, with NUL, which PostgreSQL refuses. Cf: invisible ones, with those that reverse the
# direction of text. Cs: half a surrogate pair. Co, Cn: no assigned glyph. Zl, Zp: line separators.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# The two joiners that some scripts and names need.
JOINERS = {"\u200c", "\u200d"}


def validate_printable(text: str, *, allowed: str = "") -> None:
    """Raise ValidationError if ``text`` has invisible characters other than ``allowed``."""
    for character in text:
        if unicodedata.category(character) in UNPRINTABLE and character not in JOINERS and character not in allowed:
            raise ValidationError(_("Please remove the invisible or unreadable characters."), code="unprintable")


def validate_name(text: str) -> None:
    """Raise ValidationError if ``text`` is no name. An address in a name would let a stranger mail links through us."""
    validate_printable(text)
    if re.search(r"@|://|www\.", text.lower()):
        raise ValidationError(_("Please write only a name here, no address."), code="address")


def validate_printable_lines(text: str) -> None:
    """Raise ValidationError if ``text`` has invisible characters other than line breaks and tabs."""
    validate_printable(text, allowed="\r\n\t")


MAX_NAME_LENGTH = 250  # normalized characters: decomposition can turn one into several


def normalize_name(*names: str) -> str:
    """Return names in the form in which they are compared: no case, accents, hyphens, apostrophes or double spaces."""
    text = unicodedata.normalize("NFKD", " ".join(names)).casefold()
    text = "".join(character for character in text if not unicodedata.combining(character))
    return " ".join(re.sub(r"[\W_]+", " ", text.replace("'", "").replace("’", "")).split())[:MAX_NAME_LENGTH]


def list_spellings(words: Iterable[str]) -> list[str]:
    """Return the words, and each word without any one of its letters.

    Two words that differ by one inserted, missing or wrong letter, or by two swapped ones, have one of these in
    common.
    """
    words = set(words)
    found = set(words)
    for word in words:
        if 2 < len(word) < 40:
            found.update(word[:at] + word[at + 1 :] for at in range(len(word)))
    return sorted(found)

"""Plain text from strangers: drop what nobody sees, refuse what deceives, and fold names for comparison."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# PostgreSQL stores no NUL and UTF-8 has no half of a surrogate pair; an override makes text read as another.
REFUSED = re.compile("[\0\ud800-\udfff\u202d\u202e]")

LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
# What is drawn nowhere: control characters, Unicode's default ignorable ones except for those that can shape their
# neighbours, and what dictation leaves where a picture was (U+FFFC).
INVISIBLE = re.compile(
    "[\x01-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202c"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffc\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]"
)
# Scripts whose letters take other forms beside others, so that a joiner between two of them can be seen.
SHAPED = (
    "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u1820-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff"
    "\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"  # a joiner after one shapes the end of a word
EMOJI = "\u00a9\u00ae\u2000-\u200a\u2010-\u2027\u2030-\u205e\u2070-\u32ff\U0001f000-\U0001ffff"
SHAPERS = "\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef"
SHAPER = re.compile(
    "("
    f"(?<=[{SHAPED}])[\u200c\u200d](?=[\u200c\u200d]*[{SHAPED}])|(?<=[{VIRAMAS}])\u200d"  # of Arabic and Indic scripts
    f"|(?<=[{EMOJI}\ufe0f])\u200d(?=[{EMOJI}])"  # of a family
    f"|(?<=[{EMOJI}])[\U000e0020-\U000e007e]+\U000e007f"  # of the flag of Scotland
    f"|(?<=[#*0-9{EMOJI}])[\ufe0e\ufe0f]"  # in colour or not
    f"|(?<=[\u1000-\u109f\u1800-\u18af\u2200-\u22ff\u2e80-\uffff\U00020000-\U0003ffff])"  # another form of a character
    "[\u180b-\u180d\u180f\ufe00-\ufe0d\U000e0100-\U000e01ef]"
    f")|[{SHAPERS}]"
)


def clean_text(text: str, *, lines: bool = False) -> str:
    """Return ``text`` without what nobody sees; its line breaks become spaces, or with ``lines`` stay.

    Keeps what shapes the characters beside it, and what validate_printable refuses.
    """
    if text.isascii() and text.isprintable():
        return text
    text = LINE_BREAK.sub(_keep_line_break, text) if lines else LINE_BREAK.sub(" ", text).replace("\t", " ")
    return SHAPER.sub(r"\1", INVISIBLE.sub("", text).replace("\u2800", " "))  # a blank of Braille is one


def _keep_line_break(match):
    return match[0] if match[0] in ("\r\n", "\n", "\r") else "\n"


def isolate(name: str) -> str:
    """Return a name for a line of plain text, so that one in Hebrew or Arabic does not reorder what stands around it.

    Pages have ``<bdi>`` for it.
    """
    is_right_to_left = any(unicodedata.bidirectional(character) in ("R", "AL") for character in name)
    return f"\u2068{name}\u2069" if is_right_to_left else name


def validate_printable(text: str) -> None:
    """Raise ValidationError if ``text`` has what cannot be stored or would make it read as another text."""
    if REFUSED.search(text):
        raise ValidationError(_("Please remove the invisible or unreadable characters."), code="unprintable")


# Characters that are read as the dot of an address; those that may be, and stand in names; all that look like a slash.
DOTS = dict.fromkeys("\u0589\u06d4\u0701\u0702\u2024\u3002\ua60e\ufe52\uff61\U00010a50", ".")
MIDDLE_DOTS = dict.fromkeys("\u2022\u2027\u2219\u22c5\u2e31\u30fb\uff65\u16eb\ua78f", "·")  # 约翰·史密斯, Gal·la
SLASH = re.compile(
    r"[/\\\u1735\u2041\u2044\u2215\u2216\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\u3033\u31d3\U0001d23a]"
)
AS_IN_ADDRESSES = str.maketrans(DOTS | MIDDLE_DOTS)
UNSEEN = re.compile(f"{INVISIBLE.pattern}|[{SHAPERS}\u2800]")
ADDRESS = re.compile(
    r"@"
    r"|\b(?:https?|hxxps?|www|mailto)\b|\b(?:tel|sms|ftp|javascript)\s*:|\bxn--|\]\s*\("
    # evil.com: behind the dot of St. John is a space, and J.R. are letters by themselves.
    r"|\.[^\W\d_][\u0300-\u036f]*(?:[^\W\d_]|·)"
    r"|[a-z]\ua4f8"  # a dot beside Latin letters, and a tone of Lisu
    r"|(?:^|\s)\.\s*\w"  # evil .com
    r"|[(\[{<]\s*[.·]\s*[)\]}>]"  # evil[.]example
    r"|(?:[.·]|\b(?:dot|punkt|point|punto|ponto)\b)\W*(?:com|net|org|info|biz|xyz|io)\b",  # evil. com, evil dot com
    re.IGNORECASE,
)


def validate_name(text: str) -> None:
    """Raise ValidationError if ``text`` is no name. An address in a name would let a stranger mail links through us."""
    validate_printable(text)
    if text.isascii() and text.isalpha():
        return
    seen = unicodedata.normalize("NFKC", UNSEEN.sub("", text)).translate(AS_IN_ADDRESSES)
    if any(character.isdigit() for character in seen):
        raise ValidationError(_("Please write the name without digits: Third or III for 3rd."), code="digit")
    if SLASH.search(seen):
        raise ValidationError(_("Please write the name without slashes: a space or a hyphen will do."), code="slash")
    if ADDRESS.search(seen):
        raise ValidationError(
            _("Please write only a name here, no address, and a space after a dot: St. John."), code="address"
        )


validate_printable_lines = validate_printable  # its name in old migrations

MAX_NAME_LENGTH = 250  # folded characters: decomposition can turn one into several

APOSTROPHES = "'’‘‛ʼʻʽʹˈʾʿ`´′‵ʹ΄᾽᾿´`＇｀ꞌꞋ׳·"
# Letters that Unicode does not decompose, although people write them so.
LETTERS = {"æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "đ": "d", "ı": "i", "ȷ": "j", "ŋ": "n", "ĸ": "k", "ſ": "s"}
LETTERS |= dict.fromkeys(APOSTROPHES, "")  # of a letter that was decomposed, such as ŀ
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}  # as those write them who have no such keys
UMLAUT = re.compile("[äöüøå]")
WRITTEN_UMLAUT = re.compile("([aou])e|aa")
LATIN_WITH_MARK = re.compile("LATIN SMALL LETTER ([A-Z]) WITH ")  # a stroke, a hook, a bar: all that is no accent
WITHOUT_APOSTROPHES = str.maketrans("", "", APOSTROPHES)
MAX_SPELLINGS = 16


class _Folding(dict[int, str]):
    """What each character of decomposed, lower-case text becomes. Computed when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = self._fold(chr(code))
        if code < 0x10000:  # a bound on what strangers can make us remember
            self[code] = folded
        return folded

    def _fold(self, character):
        if character in LETTERS:
            return LETTERS[character]
        category = unicodedata.category(character)
        if unicodedata.combining(character) or category in ("Cf", "Me") or re.match(f"[{SHAPERS}ـ]", character):
            return ""
        if category in ("Mc", "Mn", "Cn", "Co") or character.isalnum():  # a vowel sign is part of its word
            mark = LATIN_WITH_MARK.match(unicodedata.name(character, ""))
            return mark[1].lower() if mark else character
        return " "


FOLDING = _Folding()


def normalize_name(*names: str) -> str:
    """Return names in the form in which they are compared: without case, accents, strokes, hyphens and apostrophes.

    Two texts that only differ in what a keyboard lacks are one name. ``ü`` is ``u``, and not ``ue``: see
    list_umlaut_spellings.
    """
    text = " ".join(names).translate(WITHOUT_APOSTROPHES)  # before they are decomposed into blanks with accents
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return " ".join(text.casefold().translate(FOLDING).split())[:MAX_NAME_LENGTH]


def list_umlaut_spellings(*names: str) -> list[str]:
    """Return normalize_name's form first, then those of the spellings with ``ü`` for ``ue``, ``ue`` for ``ü``.

    They may mean the same name, and may not: Mr Bauer is no Mr Baur.
    """
    words = []
    for word in unicodedata.normalize("NFC", " ".join(names)).lower().split():
        written_out = UMLAUT.sub(lambda umlaut: UMLAUTS[umlaut[0]], word)
        folded = normalize_name(word)
        contracted = WRITTEN_UMLAUT.sub(lambda pair: pair[1] or "a", folded)
        words.append(dict.fromkeys([folded, normalize_name(written_out), contracted]))
    spellings = (" ".join(filter(None, spelling)) for spelling in islice(product(*words), MAX_SPELLINGS))
    return list(dict.fromkeys(spelling[:MAX_NAME_LENGTH] for spelling in spellings))


def fold_name(first_name: str, last_name: str) -> dict[str, Any]:
    """Return the columns of a patient that are derived from the names.

    ``name_words`` has the last name first, and a space before each word to mark its start. The words of a name with
    several follow once more, written together: Mary Ann is also found as Maryann.
    """
    first, last = normalize_name(first_name).split(), normalize_name(last_name).split()
    together = ["".join(name[at:]) for name in (last, first) for at in range(len(name) - 1)]
    return {
        "normalized_name": " ".join([*first, *last])[:MAX_NAME_LENGTH],
        "name_words": "".join(f" {word}" for word in [*last, *first, *together])[:MAX_NAME_LENGTH],
        "name_spellings": list_spellings([*first, *last]),
    }


def list_joined_words(words: Sequence[str]) -> list[list[str]]:
    """Return the words with each two or three neighbours written together, as in O Brien and Van Den Berg."""
    ends = [(at, end) for end_of in (2, 3) for at in range(len(words)) if (end := at + end_of) <= len(words)]
    return [[*words[:at], "".join(words[at:end]), *words[end:]] for at, end in ends]


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

"""The alphabet of text messages: one of 160 characters in GSM's has room for 70 in any other."""

import unicodedata

# GSM 03.38; those of the extension take two places.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklm"
    "nopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("^{}\\[~]|€\f")
# What people mean by them is in the alphabet.
PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚′", "'"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
        **dict.fromkeys("\u00a0\u202f\u2009\t", " "),
        "…": "...",
        "·": "-",
        "•": "-",
    }
)
ISOLATES = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))


def simplify(body: str) -> str:
    """Return a text in GSM's alphabet if accents and typographic marks are all that keeps it out, else as it is."""
    plain = body.translate(PLAIN).translate(ISOLATES)
    plain = "".join(each if each in BASIC | EXTENSION else _drop_accents(each) for each in plain)
    return plain if is_gsm(plain) else body


def is_gsm(body: str) -> bool:
    """Return whether all characters are in GSM's alphabet."""
    return set(body) <= BASIC | EXTENSION


def count_parts(body: str) -> int:
    """Return how many messages a text is sent, and paid for, as."""
    if is_gsm(body):
        length, alone, joined = len(body) + sum(each in EXTENSION for each in body), 160, 153
    else:
        length, alone, joined = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)


def _drop_accents(character):
    return "".join(each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each))

"""What may be in a text, what is dropped from it, and which names are one."""

import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from patients.text import clean_text, isolate, list_umlaut_spellings, normalize_name, validate_name

NAMES = [
    "Alice",
    "Ó Súilleabháin-O’Neil",
    "O'Brien",
    "D'Angelo",
    "Wu 吴",
    "李小龍",
    "三浦",  # the numeral is a letter of names
    "Nguyễn",
    "María José",
    "अनीता",
    "के.के. शर्मा",
    "Jean-Luc (Lucky)",
    "St. John",
    "St.-Exupéry",
    "J.R.",
    "J.-P. d’Arc",
    "R. de Souza, M.",
    "Dr. Müller",
    "Müller, Dr.",
    "Martin Luther King Jr.",
    "Henry VIII",
    "Ludwig Ⅱ",
    "van der Berg",
    "X Æ A-Xii",
    "Gal·la",
    "约翰·史密斯",
    "ジョン・スミス",
    "Dot Cotton",
    "Wwwilliam Httpé",
    "Comfort Nettles",
]


@pytest.mark.parametrize("name", NAMES)
def test_validate_name_accepts_names_of_many_kinds(name):
    validate_name(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("customer, your account is blocked: go to https://evil.example/login", "slash"),
        ("evil.com/x", "slash"),
        ("evil.com\\x", "slash"),
        ("evil\u2215x", "slash"),
        ("evil\uff0fx", "slash"),
        ("\u2100", "slash"),  # a/c in one character
        ("evil.com", "address"),
        ("Maria.de", "address"),
        ("St.John", "address"),  # who is told to write a space
        ("evil .com", "address"),
        ("evil . com", "address"),
        (".com", "address"),
        ("evil. com", "address"),
        ("evil[.]de", "address"),
        ("evil ( . ) de", "address"),
        ("evil(dot)com", "address"),
        ("evil dot com", "address"),
        ("evil。com", "address"),
        ("evil．com", "address"),
        ("evil｡com", "address"),
        ("evil\u2024com", "address"),
        ("evil\u0589com", "address"),
        ("[Evil](here)", "address"),
        ("xn--evil", "address"),
        ("tel: five five five", "address"),
        ("evil\ufe52com", "address"),
        ("evil\ua4f8com", "address"),
        ("evil\u06d4com", "address"),
        ("evil•com", "address"),
        ("evil・com", "address"),
        ("evil.\u200bcom", "address"),
        ("evil.\u200dcom", "address"),
        ("evil.\ufe0fcom", "address"),
        ("ｅｖｉｌ．ｃｏｍ", "address"),
        ("еvіl.соm", "address"),  # Cyrillic
        ("пример.рф", "address"),
        ("例子.中国", "address"),
        ("WWW.evil.example", "address"),
        ("www evil", "address"),
        ("go to http", "address"),
        ("alice@example.org", "address"),
        ("alice＠example", "address"),
        ("X Æ A-12", "digit"),
        ("bot1", "digit"),
        ("٣", "digit"),
        ("①", "digit"),
        ("x²", "digit"),
        ("1\ufe0f\u20e3", "digit"),
        ("Alice\ud800", "unprintable"),
        ("Alice\u202e", "unprintable"),
        ("Alice\0", "unprintable"),
    ],
)
def test_validate_name_refuses_addresses_and_deceiving_characters(name, code):
    with pytest.raises(ValidationError) as refusal:
        validate_name(name)
    assert refusal.value.code == code


DOTS = [chr(code) for code in range(0x110000) if unicodedata.normalize("NFKC", chr(code)) in (".", "。")]
LABELS = st.text(st.characters(categories=["Ll", "Lu"]), min_size=2, max_size=12)


@given(
    LABELS,
    st.sampled_from(DOTS),
    LABELS,
    st.sampled_from(["{}{}{}", "Ann {}{}{}", "{} {}{}", "{}{}{}, see", "({}{}{})"]),
)
def test_validate_name_refuses_two_words_with_any_dot_between(label, dot, domain, sentence):
    with pytest.raises(ValidationError):
        validate_name(sentence.format(label, dot, domain))


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.sampled_from([" ", "-", ", "]))
def test_validate_name_accepts_names_beside_each_other(names, between):
    validate_name(between.join(names))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("zed@example.org\u200b", "zed@example.org"),
        ("\ufeffAlice\u00ad", "Alice"),
        ("\u2066Alice\u2069 \u200eArcher\u200f", "Alice Archer"),
        ("\u202a+44 20 7946 0000\u202c", "+44 20 7946 0000"),  # as telephones copy a number
        ("Ali\x1bce\x7f\ufffc", "Alice"),
        ("Alice\r\nArcher\tor\u2028Alex", "Alice Archer or Alex"),
        ("\u200d\u3164\ufe0f\U000e0061", ""),
        ("A\u200dB", "AB"),
        ("\u0645\u06cc\u200c\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\u200c\u0645\u06cc\u200c", "\u0645\u06cc"),
        ("\u2800", " "),
    ],
)
def test_clean_text_drops_what_nobody_sees(typed, kept):
    assert clean_text(typed) == kept


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: a joiner between letters
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala: Sri
        "\u0d28\u0d4d\u200d",  # Malayalam: a joiner shapes the last letter
        "\U0001f469\U0001f3fd\u200d\u2695\ufe0f",  # a doctor
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "1\ufe0f\u20e3",
        "\u845b\U000e0100\u57ce",  # a name whose first character has several forms
        "\u1820\u180b",
        "\u0378 \U0001fadf \U00032000 \uf8ff",  # perhaps a letter of a later Unicode
        "\u0600\u06dd",  # of the category Cf, and seen
        "Zoe\u0308",
    ],
)
def test_clean_text_keeps_what_shapes_and_what_is_new(text):
    assert clean_text(text) == clean_text(text, lines=True) == text


def test_clean_text_with_lines_keeps_breaks_and_tabs():
    assert clean_text("a\r\nb\nc\td\u2028e\u2029f\x85g\x0bh\u200b", lines=True) == "a\r\nb\nc\td\ne\nf\ng\nh"


@pytest.mark.parametrize("refused", ["\0", "\ud800", "\udfff", "\u202d", "\u202e"])
def test_clean_text_leaves_what_is_refused(refused):
    assert clean_text(f"a{refused}b") == f"a{refused}b"


@pytest.mark.parametrize(
    "spellings",
    [
        ["Łukasz", "Lukasz", "LUKASZ", "Łu\u00adkasz"],
        [f"O{mark}Neil" for mark in "'’‘‛ʼʻʽʹ`´′＇ʿ"] + ["ONeil"],
        ["Mary-Ann", "Mary Ann", *[f"Mary{hyphen}Ann" for hyphen in "‐‑‒–—−－"]],
        ["Søren Bø", "Soren Bo", "SØREN  BØ"],
        ["İpek Yıldız", "Ipek Yildiz", "ipek yildiz"],
        ["Đặng", "Dang"],
        ["Co\u0140l", "Coll"],  # one letter for l and a middle dot
        ["Æsa Þórð", "Aesa Thord"],
        ["Œhler Straße", "oehler strasse", "OEHLER STRASSE", "Œhler Straẞe"],
        ["Ħamra Ŧaŋ", "Hamra Tan"],
        ["Ɓala Ƙofa", "Bala Kofa"],
        ["Müller", "Muller", "Mu\u0308ller"],
        ["\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u062e"],
        ["\u0645\u062d\u0645\u0640\u062f", "\u0645\u062d\u0645\u062f", "\u0645\u064f\u062d\u0645\u062f"],
        ["\u845b\U000e0100\u57ce", "\u845b\u57ce"],
    ],
    ids=lambda spellings: spellings[0],
)
def test_normalize_name_of_one_name_in_other_spellings_is_the_same(spellings):
    assert {normalize_name(spelling) for spelling in spellings} == {normalize_name(spellings[0])}


@pytest.mark.parametrize(
    "names",
    [
        ["Müller", "Mueller"],
        ["\u0930\u093e\u092e", "\u0930\u094b\u092e"],
        ["Mary Ann", "Maryann"],
        ["\u0378", "\u0379"],
    ],
    ids=lambda names: names[0],
)
def test_normalize_name_of_different_names_differs(names):
    assert len({normalize_name(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("names", "spellings"),
    [
        (("Jürgen", "Mueller"), ["jurgen mueller", "jurgen muller", "juergen mueller", "juergen muller"]),
        (("Åse", "Bø"), ["ase bo", "ase boe", "aase bo", "aase boe"]),
        (("Alice", "Archer"), ["alice archer"]),
        (("", ""), [""]),
    ],
)
def test_list_umlaut_spellings_has_folded_name_first(names, spellings):
    assert list_umlaut_spellings(*names) == spellings
    assert len(list_umlaut_spellings("müe " * 50)) == 16


def test_isolate_marks_right_to_left_names_only():
    assert isolate("Alice Archer") == "Alice Archer"
    assert isolate("\u05d3\u05e0\u05d4 (3)") == "\u2068\u05d3\u05e0\u05d4 (3)\u2069"

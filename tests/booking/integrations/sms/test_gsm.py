"""How texts are written so that they fit into one message."""

import pytest

from booking.integrations.sms.gsm import count_parts, is_gsm, simplify


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("Größe: 5 € für Zoë", "Größe: 5 € für Zoe"),
        ("Votre rendez-vous, mercredi 2 décembre à 9\u202fh", "Votre rendez-vous, mercredi 2 décembre à 9 h"),
        ("“Harbour” – we’re there…", '"Harbour" - we\'re there...'),
        ("être prêt", "etre pret"),
        ("\u2068Alice\u2069", "Alice"),
        ("موعدك يوم الأربعاء – 9:00", "موعدك يوم الأربعاء – 9:00"),
    ],
)
def test_text_is_simplified_only_if_it_then_fits_the_alphabet(body, sent):
    assert simplify(body) == sent
    assert is_gsm(sent) == sent.isascii() or any(each in sent for each in "öß€éàم")


def test_parts_are_counted_as_they_are_paid_for():
    assert [count_parts(body) for body in ("a" * 160, "a" * 161, "€" * 80, "€" * 81, "م" * 70, "م" * 71)] == [
        1,
        2,
        1,
        2,
        1,
        2,
    ]

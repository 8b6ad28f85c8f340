"""Phone numbers are read as people write them, for the countries that they may be of."""

import pytest

from scheduling.lib.phones import BadPhone, Phone, format_phone, read_phone, split_phone


@pytest.mark.parametrize(
    ("text", "countries", "number"),
    [
        ("(212) 555-0142", ["US", "GB"], "+12125550142"),
        ("1-212-555-0142", ["US", "GB"], "+12125550142"),
        ("011 44 20 7946 0000", ["US", "GB"], "+442079460000"),
        ("020 7946 0000", ["US", "GB"], "+442079460000"),
        ("(212) 555-0142", ["GB", "FR", "us"], "+12125550142"),
        ("(020) 7946-0000", ["GB"], "+442079460000"),
        ("1-800-FLOWERS", ["US"], "+18003569377"),
        ("0044 20 7946 0000", ["GB"], "+442079460000"),
        ("+44 (0)20 7946 0000", ["GB"], "+442079460000"),
        ("+49 30 23125 003", ["GB"], "+493023125003"),
        ("030/23125-003", ["DE", "GB"], "+493023125003"),
        ("+442079460000", [], "+442079460000"),
        ("tel:+44-20-7946-0000", ["US"], "+442079460000"),
        ("０２０ ７９４６ ００００", ["GB"], "+442079460000"),
        ("٠٢٠٧٩٤٦٠٠٠٠", ["GB"], "+442079460000"),
        ("＋44 20 7946 0000", ["US"], "+442079460000"),
    ],
)
def test_read_phone_takes_first_country_where_number_is_valid(text, countries, number):
    assert read_phone(text, countries) == Phone(number)


@pytest.mark.parametrize(
    "text",
    [
        "020 7946 0000 x204",
        "020 7946 0000 ext. 204",
        "020 7946 0000 Extension 204",
        "020 7946 0000 #204",
        "020 7946 0000 Durchwahl 204",
        "020 7946 0000, poste 204",
        "020 7946 0000 App. 204",
        "020 7946 0000 ext. no. 204",
        "020 7946 0000 Ext #204",
        "020 7946 0000 内線204",
        "020 7946 0000 добавочный 204",
        "020 7946 0000 x٢٠٤",
        "+44 20 7946 0000;ext=204",
        "tel:+44-20-7946-0000;ext=204",
    ],
)
def test_read_phone_parts_extension_from_number(text):
    phone = read_phone(text, ["GB"])

    assert phone == Phone("+442079460000", "204")
    assert str(phone) == "tel:+442079460000;ext=204"
    assert split_phone(str(phone)) == read_phone(str(phone), []) == phone


@pytest.mark.parametrize(
    ("text", "country", "code", "sentence"),
    [
        ("020 7946", "GB", "too_short", "That phone number is too short. Write all of it, such as 020 7946 0000."),
        ("12", "GB", "too_short", "That phone number is too short. Write all of it, such as 020 7946 0000."),
        ("555 0142", "US", "too_short", "That phone number is too short. Write all of it, such as (212) 555-0142."),
        ("+1 212 555", "GB", "too_short", "That phone number is too short. Write all of it, such as +1 212-555-0142."),
        ("020 7946 0000 12", "GB", "too_long", "That phone number is too long. Write one such as 020 7946 0000, or"),
        ("(212) 555-0142", "GB", "not_in_country", "There is no such phone number in this country (GB). Write one"),
        ("07700 900123", "GB", "not_in_country", "such as 020 7946 0000, or one of another country with + and its"),
        ("01 00 00 00 0", "FR", "too_short", "such as 01 23 45 67 89."),
        ("+999 123 4567", "GB", "no_country_code", "No country has the code after the +. Write a number such as +44"),
        ("020 7946 0000 home", "GB", "words", "Write only the phone number here, without words, such as 020 7946"),
        ("030 23125 003 Mama", "DE", "words", "Write only the phone number here, without words, such as 030 123456."),
        ("call me", "GB", "invalid", "Write a phone number such as 020 7946 0000."),
        ("0207", "XX", "invalid", "Write a phone number such as +44 20 7946 0000."),
        ("020 7946 0000 / 020 7946 0001", "GB", "two_numbers", "These are two phone numbers. Write only one here."),
        ("02079460000,02079460001", "GB", "two_numbers", "These are two phone numbers."),
        ("020 7946 0000 or +33 1 23 45 67 89", "GB", "two_numbers", "These are two phone numbers."),
        ("+44 20 7946 0000 / 020 7946 0001", "GB", "two_numbers", "These are two phone numbers."),
        ("020 7946 0000 020 7946 0001", "GB", "two_numbers", "These are two phone numbers."),
        ("07700 900123; 07700 900124", "GB", "two_numbers", "These are two phone numbers."),
        ("020 7946 0000 ext 12345678", "GB", "long_extension", "The extension is too long: it may have 7 digits."),
    ],
)
def test_read_phone_says_what_is_wrong_with_number(text, country, code, sentence):
    with pytest.raises(BadPhone) as refusal:
        read_phone(text, [country])

    assert refusal.value.code == code
    assert sentence in refusal.value.messages[0]


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("07700 900123", Phone("+447700900123")),
        ("07700 900123 x12", Phone("+447700900123", "12")),
        ("(212) 555-0142", Phone("+442125550142")),
        ("020 7946", Phone("020 7946")),
        ("12", Phone("12")),
    ],
)
def test_read_phone_unchecked_keeps_number_of_possible_length_in_e164_and_others_as_typed(text, phone):
    assert read_phone(text, ["GB"], is_checked=False) == phone


@pytest.mark.parametrize("text", ["call me", "020 7946 0000 or 020 7946 0001 in the evening"])
def test_read_phone_unchecked_refuses_what_is_no_number_or_too_long_to_store(text):
    with pytest.raises(BadPhone):
        read_phone(text, ["GB"], is_checked=False)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("+442079460000", "+44 20 7946 0000"),
        ("tel:+442079460000;ext=204", "+44 20 7946 0000 x204"),
        ("+447700900123", "+44 7700 900123"),
        ("020 7946 0000", "+44 20 7946 0000"),
        ("12", "12"),
        ("", ""),
        ("ask at reception", "ask at reception"),
    ],
)
def test_format_phone_writes_number_for_people(written, shown):
    assert format_phone(written, "GB") == shown

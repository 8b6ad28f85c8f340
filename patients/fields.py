"""Model fields that normalize what a person types, and say plainly what is wrong with it."""

from typing import Any

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from stdnum.exceptions import ValidationError as InvalidNumber
from stdnum.gb import nhs


class EmailField(models.EmailField):
    """An e-mail address, stored in lower case: case never tells two people apart."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value and value.strip().lower()


class PhoneField(models.CharField):
    """A phone number, stored in E.164, such as +442079460000. The default country is the clinic's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 32, **kwargs})

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        if not value:
            return value
        try:
            number = phonenumbers.parse(value, settings.DEFAULT_PHONE_REGION)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_possible_number(number) or number.extension:
            raise ValidationError(
                "Enter a phone number such as 020 7946 0000, or with its country code +44 20 7946 0000.",
                code="invalid",
            )
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class NhsNumberField(models.CharField):
    """An NHS number: ten digits, the last of which is the modulus 11 check digit (NHS Data Dictionary)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 10, **kwargs})

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"max_length": 20, **kwargs})  # people write 943 476 5919

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        if not value:
            return value
        try:
            return nhs.validate(value)
        except InvalidNumber as error:
            raise ValidationError(
                "Enter the ten digits of the NHS number; these do not belong together.", code="invalid"
            ) from error

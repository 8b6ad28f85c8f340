"""Fields of models and forms that normalize what a person types, and say plainly what is wrong with it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator, validate_email
from django.db import models
from stdnum.exceptions import ValidationError as InvalidNumber
from stdnum.gb import nhs

from patients.text import clean_text, validate_printable
from scheduling.lib.phones import MAX_LENGTH, MAX_TYPED


class PlainTextFormField(forms.CharField):
    """A line of text, or with ``lines`` several, without what nobody sees; what deceives is refused."""

    default_validators = [validate_printable]

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines = lines
        # Django's own for NUL would say the same once more, in other words.
        self.validators = [each for each in self.validators if not isinstance(each, ProhibitNullCharactersValidator)]

    def to_python(self, value: Any) -> Any:
        return super().to_python(clean_text(value, lines=self.lines) if isinstance(value, str) else value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"dir": "auto", **super().widget_attrs(widget)}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(initial), data)  # what is dropped from both is no change


class EmailFormField(PlainTextFormField, forms.EmailField):
    """An e-mail address without what nobody sees."""

    default_validators = [validate_printable, validate_email]

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "dir": "ltr"}


class PlainTextField(models.CharField):
    """A line of text without what nobody sees. To a migration it is a CharField: the column is no other."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value and clean_text(value)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": PlainTextFormField, **kwargs})

    def deconstruct(self) -> Any:
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options


class PlainLinesField(models.TextField):
    """Lines of text without what nobody sees. To a migration it is a TextField."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value and clean_text(value, lines=True)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": PlainTextFormField, "lines": True, **kwargs})

    def deconstruct(self) -> Any:
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.TextField", args, options


class EmailField(models.EmailField):
    """An e-mail address, without what nobody sees and in lower case: neither tells two people apart."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value and clean_text(value).strip().lower()

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": EmailFormField, **kwargs})


class PhoneField(models.CharField):
    """A phone number in E.164, such as +442079460000, or as it was typed where somebody insisted.

    What people type goes through scheduling.lib.phones first, where the countries are known that it may be of.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": MAX_LENGTH, **kwargs})

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value and clean_text(value).strip()

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"max_length": MAX_TYPED, "form_class": PlainTextFormField, **kwargs})


class NhsNumberField(models.CharField):
    """An NHS number: ten digits, the last of which is the modulus 11 check digit (NHS Data Dictionary)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 10, **kwargs})

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"max_length": 20, **kwargs})  # people write 943 476 5919

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        value = value and clean_text(value).strip()
        if not value:
            return value
        try:
            return nhs.validate(value)
        except InvalidNumber as error:
            raise ValidationError(
                "Enter the ten digits of the NHS number; these do not belong together.", code="invalid"
            ) from error

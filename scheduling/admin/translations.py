"""The forms' part for texts in other languages: a fieldset for each."""

from typing import Any

from django.conf import settings
from django.utils.translation import get_language_info


class TranslationsMixin:
    """The admin class of a Translated model, where each language but the clinic's own has a fieldset."""

    def get_fieldsets(self: Any, request: Any, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)  # pyright: ignore[reportAttributeAccessIssue]
        return [*fieldsets, *list_translation_fieldsets(self, request, obj)]

    def get_form(self: Any, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        fields = {
            _get_input(name, language): _make_field(self, request, obj, name, language)
            for name, language in _list_inputs(self, request, obj)
        }
        form = type(self.form)(self.form.__name__, (self.form,), fields)
        return super().get_form(request, obj, change, **kwargs | {"form": form})  # pyright: ignore[reportAttributeAccessIssue]

    def save_form(self: Any, request: Any, form: Any, change: bool) -> Any:
        row = super().save_form(request, form, change)  # pyright: ignore[reportAttributeAccessIssue]
        translations = dict(row.translations)  # what is in a language that patients cannot choose now, stays
        for name, language in _list_inputs(self, request, row if change else None):
            texts = dict(translations.get(language, {}))
            texts[name] = form.cleaned_data.get(_get_input(name, language), "")
            translations[language] = {name: text for name, text in texts.items() if text}
        row.translations = {language: texts for language, texts in translations.items() if texts}
        return row


def list_translation_fieldsets(model_admin: Any, request: Any, obj: Any) -> list:
    """Return the fieldset of each language but the clinic's own; none for who may only look."""
    inputs: dict[str, list[str]] = {}
    for name, language in _list_inputs(model_admin, request, obj):
        inputs.setdefault(language, []).append(_get_input(name, language))
    return [
        (
            f"In {get_language_info(language)['name']}",
            {
                "fields": names,
                "classes": ["collapse"],
                "description": "For patients who read this language. What is empty is shown as it is written above.",
            },
        )
        for language, names in inputs.items()
    ]


def _list_inputs(model_admin, request, obj):
    """Return each field and language that can be translated in a form."""
    may_write = model_admin.has_change_permission(request, obj) if obj else model_admin.has_add_permission(request)
    languages = settings.PATIENT_LANGUAGES[1:] if may_write else []
    return [(name, language) for language in languages for name in model_admin.model.TRANSLATED]


def _get_input(name, language):
    return f"{name}_{language}"


def _make_field(model_admin, request, obj, name, language):
    field = model_admin.formfield_for_dbfield(model_admin.model._meta.get_field(name), request)
    field.required, field.help_text = False, ""
    field.initial = obj.translations.get(language, {}).get(name, "") if obj else ""
    info = get_language_info(language)
    field.widget.attrs |= {
        "lang": language,
        "dir": "rtl" if info["bidi"] else "ltr",
        "placeholder": getattr(obj, name)[:100] if obj else "",
    }
    return field

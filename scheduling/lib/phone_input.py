"""A phone number in a form of staff, who may keep what they are told is none."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import format_html

from scheduling.lib.phones import BadPhone, Phone, read_phone


class PhoneInput(forms.TextInput):
    """A phone number, and after it was refused a tick to keep it as it is typed."""

    input_type = "tel"
    offers_keeping = is_kept = False

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        box = super().render(name, value, attrs, renderer)
        if not (self.offers_keeping or self.is_kept):
            return box
        checked = "checked" if self.is_kept else ""
        tick = '{} <label class="keep"><input type="checkbox" name="{}_unchecked" {}> Keep it as typed</label>'
        return format_html(tick, box, name, checked)


def clean_phone(form: forms.ModelForm, name: str, countries: Iterable[str]) -> Phone | None:
    """Return the Phone typed into a form's field ``name``, or None if it was not changed.

    Raises BadPhone, and offers to keep the number as it is typed.
    """
    typed = form.cleaned_data[name]
    if name not in form.changed_data:
        return None
    if not typed:
        return Phone("")
    widget: Any = form.fields[name].widget
    widget.is_kept = f"{form.add_prefix(name)}_unchecked" in form.data
    try:
        return read_phone(typed, countries, is_checked=not widget.is_kept)
    except BadPhone:
        widget.offers_keeping = True
        raise

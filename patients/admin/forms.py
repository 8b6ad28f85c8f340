"""Forms that several members of staff may have open at once."""

from django import forms


class EditConflictForm(forms.ModelForm):
    """A form that refuses fields which somebody else changed after the page was rendered.

    ``changed_data`` compares with what the page showed; callers save only those fields.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for field in self.fields.values():
                field.show_hidden_initial = True

    def clean(self):
        fields = super().clean()
        for name in self.changed_data:
            if self._has_conflict(name):
                sentence = "Somebody else has changed this meanwhile. Open the page again to see what it is now."
                self.add_error(name, sentence)
        return fields

    def _has_conflict(self, name):
        shown, current = self.data.get(self[name].html_initial_name), self[name].initial
        if isinstance(current, str):
            current = "\r\n".join(current.splitlines())  # as browsers send it
        return shown is not None and self.fields[name].has_changed(current, shown)

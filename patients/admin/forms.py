"""Forms on pages that several people may have open at once."""

from django import forms


class SharedForm(forms.ModelForm):
    """A form whose ``changed_data`` is what was changed of what the page showed, whatever became of it meanwhile.

    What somebody else has changed meanwhile too is refused, so only ``changed_data`` is to be saved.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for field in self.fields.values():
                field.show_hidden_initial = True

    def clean(self):
        fields = super().clean()
        for name in self.changed_data:
            if self._is_outdated(name):
                sentence = "Somebody else has changed this meanwhile. Open the page again to see what it is now."
                self.add_error(name, sentence)
        return fields

    def _is_outdated(self, name):
        seen, now = self.data.get(self[name].html_initial_name), self[name].initial
        if isinstance(now, str):
            now = "\r\n".join(now.splitlines())  # as browsers send it
        return seen is not None and self.fields[name].has_changed(now, seen)

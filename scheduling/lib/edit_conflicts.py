"""Pages of staff's that refuse an edit of what somebody else has changed since the page was shown."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models

INPUT = "edit_version"  # of the page: the name of a hidden input, and of what the template renders in it
REFUSED = "Somebody else has saved this page meanwhile, so nothing was saved. What you typed is still here: save again."
FILLED = "{} is “{}” now: somebody else has changed it, and you had not."
CONFLICT = "Somebody else has changed this meanwhile: it was “{}” when you saved."
OTHER_ROWS = "Somebody else has changed the {} meanwhile: {}."
UNSHOWN = " Open this page again to see those."


class EditConflictMixin:
    """A ModelAdmin whose page carries the version of all that it shows, its inlines too, and refuses an older one.

    The version has a keyed digest of each value, so that secrets stay secret. What was typed is kept; what somebody
    else has changed and the reader has not is shown as it is now.
    """

    def get_object(self, request: Any, object_id: Any, from_field: Any = None) -> Any:
        if request.method == "POST" and connection.in_atomic_block:
            # Two who save at once: the second one waits here, and then sees what the first has saved.
            rows = self.model._base_manager.select_for_update(of=("self",), no_key=True)  # pyright: ignore[reportAttributeAccessIssue]
            try:
                rows.filter(pk=self.model._meta.pk.to_python(object_id)).first()  # pyright: ignore
            except forms.ValidationError:
                return None
        return super().get_object(request, object_id, from_field)  # pyright: ignore[reportAttributeAccessIssue]

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]
        if not (obj and change):
            return form
        current: dict[str, Any] = {"": make_version(form, obj)}
        for formset, inline in super().get_formsets_with_inlines(request, obj):  # pyright: ignore
            if is_editable(inline, request, obj):
                rows = formset(instance=obj, queryset=inline.get_queryset(request)).get_queryset()
                current[inline.opts.label_lower] = {str(row.pk): make_version(formset.form, row) for row in rows}
        shown = parse_version(request.POST.get(INPUT)) if request.method == "POST" else {}
        request.edit_version, request.shown_version = current, shown
        others = [] if not shown else list(self._list_changed_inlines(request, obj, shown, current))
        return type(form.__name__, (EditConflictFormMixin, form), {"shown": shown.get("", {}), "others": others})

    def get_formsets_with_inlines(self, request: Any, obj: Any = None) -> Iterator[Any]:
        shown = getattr(request, "shown_version", {})
        for formset, inline in super().get_formsets_with_inlines(request, obj):  # pyright: ignore
            rows = {"shown_rows": shown.get(inline.opts.label_lower, {})}
            formset.form = type(formset.form.__name__, (EditConflictFormMixin, formset.form), rows)
            yield formset, inline

    def render_change_form(self, request: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        context[INPUT] = json.dumps(getattr(request, "edit_version", {}))
        return super().render_change_form(request, context, *args, **kwargs)  # pyright: ignore

    def _list_changed_inlines(self, request, obj, shown, current):
        """Yield a sentence for each kind of rows below the form that somebody else has changed."""
        for _formset, inline in super().get_formsets_with_inlines(request, obj):  # pyright: ignore
            before, now = (version.get(inline.opts.label_lower) for version in (shown, current))
            if before is not None and now is not None and before != now:
                changed = sum(before[key] != now[key] for key in before.keys() & now.keys())
                counts = {"changed": changed, "added": len(now.keys() - before), "removed": len(before.keys() - now)}
                what = ", ".join(f"{number} {verb}" for verb, number in counts.items() if number)
                sentence = OTHER_ROWS.format(inline.verbose_name_plural or inline.opts.verbose_name_plural, what)
                yield sentence + (UNSHOWN if counts["added"] or counts["removed"] else "")


class EditConflictFormMixin(forms.ModelForm):
    """A form that refuses what is not its ``shown`` version any more; ``others`` are sentences about other rows."""

    shown: dict[str, str] = {}
    shown_rows: dict[str, dict[str, str]] = {}
    others: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance._state.adding
        self.version_now = {} if is_new else make_version(type(self), self.instance)
        self.labels_now = {} if is_new else {name: self._describe_current(name) for name in self.version_now}

    def _post_clean(self):
        super()._post_clean()  # pyright: ignore[reportAttributeAccessIssue]
        shown = self.shown_rows.get(str(self.instance.pk), self.shown)
        changed = [name for name, digest in self.version_now.items() if shown.get(name, digest) != digest]
        filled = [name for name in changed if self._is_untouched(name, shown)]
        if (changed or self.others) and not self.shown_rows:  # once a page
            self.add_error(None, REFUSED)
        for name in changed:
            if name in filled:
                label = self.fields[name].label or name.replace("_", " ")
                self.add_error(None, FILLED.format(str(label).capitalize(), self.labels_now[name]))
                self._show_current(name)
            else:
                self.add_error(name, CONFLICT.format(self.labels_now[name]))
        for sentence in self.others:
            self.add_error(None, sentence)

    def _is_untouched(self, name, shown):
        """Return whether what was sent is what the page had shown, or secret and left empty."""
        if name in self.errors:
            return False
        value = self.cleaned_data.get(name)
        return get_digest(name, value) == shown[name] or name not in self.changed_data

    def _describe_current(self, name):
        """Return what a field is now in words; secrets are not among what a form shows at first."""
        field, value = self.fields.get(name), self.initial.get(name)
        if field is None or value in (None, "", []):
            return "something else" if name in self.initial and getattr(self.instance, name, "") else "empty"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(field, forms.ModelMultipleChoiceField):
            return ", ".join(map(str, value))
        if isinstance(field, forms.ModelChoiceField):
            return str(getattr(self.instance, name))
        if isinstance(field, forms.ChoiceField):
            chosen = value if isinstance(value, list | tuple) else [value]
            return ", ".join(str(dict(field.choices).get(each, each)) for each in chosen)
        widget: Any = field.widget
        return str(widget.format_value(field.prepare_value(value)))

    def _show_current(self, name):
        """Replace what was sent of a field by what it is now."""
        bound, field = self[name], self.fields[name]
        value, widget = field.prepare_value(self.get_initial_for_field(field, name)), cast(Any, field.widget)
        data: Any = self.data.copy()  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(widget, forms.MultiWidget):
            split: Any = widget
            for suffix, part, each in zip(split.widgets_names, split.widgets, split.decompress(value), strict=True):
                data[bound.html_name + suffix] = part.format_value(each) or ""
        elif isinstance(widget, forms.CheckboxInput):
            data.pop(bound.html_name, None)
            if value:
                data[bound.html_name] = "on"
        elif isinstance(value, list | tuple):
            data.setlist(bound.html_name, [str(each) for each in value])
        elif not isinstance(widget, forms.FileInput):
            data[bound.html_name] = "" if value is None else str(widget.format_value(value))
        self.data = data


def is_editable(inline: Any, request: Any, obj: Any) -> bool:
    """Return whether the rows of an inline can be changed on the page."""
    return inline.has_change_permission(request, obj) or inline.has_delete_permission(request, obj)


def make_version(form: Any, obj: Any) -> dict[str, str]:
    """Return the digest of each value of a row that a form class may change."""
    version = {}
    for name, field in form.base_fields.items():
        if not field.disabled:
            version[name] = get_digest(name, _read(form, field, obj, name))
    return version


def _read(form, field, obj, name):
    owned = getattr(form, "owns", None)
    if isinstance(field, forms.FileField) and owned:  # see PictureFormMixin
        return getattr(obj, f"{owned}_id")
    try:
        return obj._meta.get_field(name).value_from_object(obj)
    except (AttributeError, FieldDoesNotExist):  # the form's own, or the other side of a relation
        return field.initial


def get_digest(name: str, value: Any) -> str:
    """Return a digest of a field's value that tells nothing of it."""
    text = f"{name}\n{_normalize(value)}".encode()
    return blake2b(text, key=settings.SECRET_KEY.encode()[:64], digest_size=6).hexdigest()


def _normalize(value):
    """Return one text for equal values, whether they come from the database or from a form."""
    if value is None or value in ([], ()):
        return ""
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, models.QuerySet | list | tuple | set):
        texts = [_normalize(each) for each in value]
        is_set = isinstance(value, models.QuerySet) or any(isinstance(each, models.Model) for each in value)
        return str(sorted(texts) if is_set else texts)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, str):
        return "\n".join(value.splitlines())
    return str(value)


def parse_version(text: str | None) -> dict[str, Any]:
    """Return the version that a page has carried; nothing for a page of the release before, which carried none."""
    try:
        version = json.loads(text or "{}")
    except ValueError:
        return {}
    is_version = isinstance(version, dict) and all(isinstance(each, dict) for each in version.values())
    return version if is_version else {}

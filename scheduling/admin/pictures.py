"""Pictures on staff's pages: uploaded, shown in small, replaced and removed with the row that they belong to.

The rest of the form travels with a picture, and no request may be larger than DATA_UPLOAD_MAX_MEMORY_SIZE:
static/admin/pictures.js makes a large one smaller before it is sent.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.lib.pictures import BadPicture, Encoded
from scheduling.models.images import Image, get_image_path, store_image


class PictureInput(forms.ClearableFileInput):
    """Shows the picture there is on a light and a dark ground, and takes another or none."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("admin/picture_input.html", self.get_context(name, value, attrs))

    def is_initial(self, value: Any) -> bool:
        return isinstance(value, Image)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        if self.is_initial(value):
            size = value.sizes[0]
            context["widget"] |= {"path": get_image_path(size), "width": size["width"], "height": size["height"]}
        return context

    class Media:
        js = ["admin/pictures.js"]


class PictureField(forms.FileField):
    """A picture: its cleaned value is its sizes, encoded anew, or None where it stays, or False where it goes."""

    def __init__(self, encode: Callable[..., list[Encoded]], **options: Any) -> None:
        accepted = {"accept": "image/jpeg,image/png,image/webp"}
        super().__init__(required=False, widget=PictureInput(attrs=accepted), **options)
        self.encode = encode

    def clean(self, data: Any, initial: Any = None) -> list[Encoded] | bool | None:
        given = super().clean(data, None)
        if not given:
            return False if data is False else None
        try:
            return self.encode(given)
        except BadPicture as error:
            raise ValidationError(error.message) from error


class PictureFormMixin:
    """A form with a PictureField ``picture`` for the foreign key ``owns`` of its row."""

    owns = "photo"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "picture" in self.fields:  # pyright: ignore[reportAttributeAccessIssue]
            self.fields["picture"].initial = getattr(self.instance, self.owns)  # pyright: ignore[reportAttributeAccessIssue]


class PictureAdmin(admin.ModelAdmin):
    """A ModelAdmin of rows that own a picture; their form has a PictureFormMixin.

    A picture that is replaced or removed is deleted, and so is that of a row that is.
    """

    takes_files = True  # see booking.ops.request_limits
    owns = "photo"

    @admin.display(description="photo")
    def picture(self, obj: Any) -> str | None:
        """Return it for staff who may only look."""
        shown = getattr(obj, self.owns)
        return shown and format_html('<img src="{}" height="96" alt="">', shown.get_path(96))

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        encoded, replaced = form.cleaned_data.get("picture"), getattr(obj, self.owns)
        if encoded is not None:
            setattr(obj, self.owns, store_image(encoded) if encoded else None)
        super().save_model(request, obj, form, change)
        if encoded is not None and replaced:
            replaced.delete()

    def delete_model(self, request: Any, obj: Any) -> None:
        picture = getattr(obj, self.owns)
        super().delete_model(request, obj)
        if picture:
            picture.delete()

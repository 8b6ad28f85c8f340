"""The clinic's name, logo and colour on its pages, and pictures in the size that they are shown in."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from booking.models.branding import Branding, get_last_branding
from scheduling.models import Clinician, Image
from scheduling.models.images import get_image_path

register = template.Library()


@register.simple_tag
def last_branding() -> Branding:
    """Return how the clinic shows itself, for a page that says what went wrong: it does not ask the database."""
    return get_last_branding()


@register.simple_tag
def icon(branding: Branding, width: int) -> str:
    """Return the address of the clinic's icon in that width."""
    return branding.get_icon_path(width)


@register.simple_tag
def logo(image: Image, height: int, alt: str) -> SafeString:
    """Return a logo at that height; screens with twice the pixels have them."""
    size = image.sizes[0]
    width = round(size["width"] * height / size["height"])
    tag = '<img class="logo" src="{}" width="{}" height="{}" alt="{}">'
    return format_html(tag, get_image_path(size), width, height, alt)


@register.simple_tag
def picture(image: Image, width: int, style: str = "", alt: str = "") -> SafeString:
    """Return a picture that is so many pixels wide, in the class ``style``; browsers choose among its sizes."""
    largest = image.sizes[-1]
    height = round(width * largest["height"] / largest["width"])
    sizes = format_html_join(", ", "{} {}w", ((get_image_path(size), size["width"]) for size in image.sizes))
    tag = (
        '<img class="{}" src="{}" srcset="{}" sizes="{}px" width="{}" height="{}" alt="{}" '
        'loading="lazy" decoding="async">'
    )
    return format_html(tag, style, image.get_path(width), sizes, width, width, height, alt)


@register.simple_tag
def initials(name: str) -> SafeString:
    """Return a circle with the first letters of a name, where there is no photo; nobody has to hear them."""
    words = [word for word in name.split() if word[0].isalpha() and not word.endswith(".")]
    letters = "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()
    return format_html('<span class="face" aria-hidden="true">{}</span>', letters)


@register.simple_tag
def face(clinician: Clinician, width: int) -> SafeString:
    """Return a clinician's photo, or nothing where there is none. It stands beside the name, and so says nothing."""
    photo = Image.objects.filter(clinician=clinician.pk).first()
    return picture(photo, width, "face") if photo else SafeString()

"""The sites that show the patients' pages, and the code for it: a script, an element, a link, a QR code."""

import base64
from urllib.parse import urlencode

import qrcode
import qrcode.image.svg
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html, format_html_join

from booking.access.visibility import has_all_locations, visible_to
from booking.models import EmbeddingSite
from booking.models.embedding import recent_sites
from booking.ops.embed_script import get_newest_version
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.languages import get_path_element
from scheduling.models import Location, Service


class CodeForm(forms.Form):
    """What the code is for."""

    service = forms.ModelChoiceField(
        Service.objects.filter(is_active=True, is_online_bookable=True),
        required=False,
        empty_label="Every service",
        to_field_name="slug",
    )
    location = forms.ModelChoiceField(
        Location.objects.filter(is_active=True), required=False, empty_label="Every location"
    )
    language = forms.ChoiceField(required=False)

    def __init__(self, data, *, user):
        super().__init__(data)
        self.fields["location"].queryset = visible_to(user, self.fields["location"].queryset)
        languages = [(get_path_element(code), name) for code, name in settings.LANGUAGES]
        self.fields["language"].choices = [("", "The visitor’s"), *languages]


def write_code(origin, **given):
    """Return what a site needs to show the pages of ``origin``: a url, and the code of a script, an element and a link.

    ``given`` are a service's slug, a location's id and a language, each perhaps empty.
    """
    service, location, language = (given[name] for name in ("service", "location", "lang"))
    query = "?" + urlencode({"where": location}) if location else ""
    url = f"{origin}/{language + '/' if language else ''}{f'book/{service}/' if service else ''}{query}"
    link = format_html('<a href="{}">Book an appointment</a>', url)
    version = get_newest_version()
    source = format_html(
        'src="{}/embed.{}.js" integrity="{}" crossorigin="anonymous" async', origin, version.name, version.integrity
    )
    # A script with data-service makes the element itself.
    data = format_html_join(
        "", ' data-{}="{}"', [(name, value) for name, value in given.items() if value or name == "service"]
    )
    attributes = format_html_join("", ' {}="{}"', [pair for pair in given.items() if pair[1]])
    return {
        "url": url,
        "script": format_html("<script {}{}></script>\n<noscript>{}</noscript>", source, data, link),
        "element": format_html(
            "<script {}></script>\n<holdfast-booking{}>{}</holdfast-booking>", source, attributes, link
        ),
        "link": link,
    }


def draw_qr_code(url):
    """Return an SVG with the address, as a data: URL."""
    code = qrcode.make(url, image_factory=qrcode.image.svg.SvgPathImage, border=2)
    return "data:image/svg+xml;base64," + base64.b64encode(code.to_string()).decode()


@admin.register(EmbeddingSite)
class EmbeddingSiteAdmin(EditConflictMixin, admin.ModelAdmin):
    list_display = ["origin", "location"]
    list_select_related = ["location"]
    list_display_links = ["origin"]

    def get_urls(self):
        code = path("code/", self.admin_site.admin_view(self.code_view), name="booking_embeddingsite_code")
        return [code, *super().get_urls()]

    def code_view(self, request):
        """Show the code for a service, a location and a language, which the query names."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = CodeForm(request.GET, user=request.user)
        chosen = form.cleaned_data if form.is_valid() else {}
        service, location = chosen.get("service"), chosen.get("location")
        code = write_code(
            settings.SITE_URL or request.build_absolute_uri("/").rstrip("/"),
            service=service.slug if service else "",
            location=str(location.pk) if location else "",
            lang=chosen.get("language", ""),
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Code for your site",
            "form": form,
            "code": code,
            "qr_code": draw_qr_code(code["url"]),
        }
        return TemplateResponse(request, "admin/booking/embeddingsite/code.html", context)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.required = not has_all_locations(request.user)  # without one the site may show every location
        return field

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        recent_sites.forget()

    def delete_model(self, request, obj):
        super().delete_model(request, obj)
        recent_sites.forget()

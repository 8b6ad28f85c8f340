"""What makes the pages the clinic's own: its name, logo and colour. One row."""

import hashlib

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.templatetags.static import static

from patients.fields import PlainTextField
from scheduling.lib.accent_colors import DEFAULT_ACCENT, TooPale, derive_palette, write_stylesheet
from scheduling.lib.recent_results import RecentResults
from scheduling.models import Image
from scheduling.models.images import get_image_path

ADDRESS_HELP = "Its address, linked on every page for patients and in their e-mails."


class Branding(models.Model):
    """How the clinic shows itself to patients: at most one row. Where that is empty, settings and palette.css count."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    clinic_name = PlainTextField(
        max_length=100, blank=True, help_text="As patients see it. Without one: the setting CLINIC_NAME."
    )
    description = PlainTextField(
        max_length=160, blank=True, help_text="A sentence for search engines, and for those who are sent a link."
    )
    logo = models.OneToOneField(Image, on_delete=models.SET_NULL, null=True, blank=True, editable=False)
    accent = models.CharField(
        "colour",
        max_length=7,
        default=DEFAULT_ACCENT,
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", "Write a colour as #rrggbb.")],
        help_text="Of buttons and links. Dark pages have a lighter shade of it.",
    )
    sender_name = PlainTextField(
        max_length=70, blank=True, help_text="Who patients' e-mails are from. Without one: as DEFAULT_FROM_EMAIL says."
    )
    phone = PlainTextField(max_length=32, blank=True, help_text="The number to call when a page cannot help.")
    approves_time_off = models.BooleanField(
        "clinicians ask for time off",
        default=True,
        db_default=True,
        help_text="Whether somebody approves the time off that clinicians enter, or it counts at once.",
    )
    privacy_notice_url = models.URLField(
        "privacy notice", blank=True, default="", db_default="", help_text=ADDRESS_HELP
    )
    privacy_notice_version = PlainTextField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="Such as 2026-11. It is kept with each patient who was shown the notice: change it with the text.",
    )
    imprint_url = models.URLField("imprint", blank=True, default="", db_default="", help_text=ADDRESS_HELP)
    terms_url = models.URLField("terms", blank=True, default="", db_default="", help_text=ADDRESS_HELP)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "branding"
        constraints = [models.CheckConstraint(name="branding_one_row", condition=Q(id=1))]

    def __str__(self):
        return self.name

    @property
    def name(self) -> str:
        """The clinic's name as patients see it."""
        return self.clinic_name or settings.CLINIC_NAME

    @property
    def privacy_notice(self) -> str:
        """The address of the privacy notice, or "" where there is none."""
        return self.privacy_notice_url or settings.PRIVACY_NOTICE_URL

    @property
    def notice_version(self) -> str | None:
        """The version of the privacy notice that patients are shown, perhaps ""; None where there is no notice."""
        if self.privacy_notice_url:
            return self.privacy_notice_version
        return settings.PRIVACY_NOTICE_VERSION if settings.PRIVACY_NOTICE_URL else None

    @property
    def has_wordmark(self) -> bool:
        """Whether the logo is as wide as one that has the clinic's name in it; beside another one it is written."""
        return bool(self.logo) and self.logo.sizes[0]["width"] >= 2 * self.logo.sizes[0]["height"]

    @property
    def stylesheet_path(self) -> str:
        """The address of the stylesheet with the clinic's colour; "" where it is palette.css's own."""
        if self.accent == DEFAULT_ACCENT:
            return ""
        return f"/brand/{self.accent[1:]}.{get_version(write_stylesheet(self.accent))}.css"

    def get_icon_path(self, width: int) -> str:
        """Return the address of the clinic's icon, which is drawn from its logo, or of our own."""
        icon = self.logo and self.logo.find_square(width)
        return get_image_path(icon) if icon else static(f"widget/icon-{width}.png")

    def clean_fields(self, exclude=None):
        super().clean_fields(exclude)
        self.accent = self.accent.lower()
        try:
            derive_palette(self.accent)
        except TooPale as error:
            raise ValidationError({"accent": error.message}) from error


def get_version(text: str) -> str:
    """Return what the address of a file names it by, so that whoever has it never asks again."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# Every page shows it and nearly none changes it.
recent_branding = RecentResults[Branding](max_age=10)


def get_branding() -> Branding:
    """Return the clinic's branding, as it was up to ten seconds ago; one without a row has the settings' name."""
    return recent_branding.get(_read_branding)


def get_last_branding() -> Branding:
    """Return the branding that this process has read last, without asking the database: it may be away."""
    return recent_branding.get_last() or Branding()


def _read_branding():
    return Branding.objects.select_related("logo").filter(pk=Branding.ONLY).first() or Branding()

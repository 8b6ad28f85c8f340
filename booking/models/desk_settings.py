"""How a member of staff works at the desk."""

from django.conf import settings
from django.db import models


class DeskSettings(models.Model):
    """What a member of staff has chosen for their own pages. Who has no row has chosen nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="desk_settings"
    )
    # WCAG 2.1.4: keys of one character can be turned off.
    has_shortcuts = models.BooleanField(
        "keys", default=True, db_default=True, help_text="Whether single keys do something, such as / for the search."
    )

    def __str__(self):
        return "desk settings"

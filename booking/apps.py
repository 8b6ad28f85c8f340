from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BookingConfig(AppConfig):
    name = "booking"

    def ready(self):
        """Let each API key say which sites may use it; have migrations check what is stored and bring staff groups."""
        from booking.access.staff_groups import make_groups
        from booking.api import cors  # noqa: F401
        from booking.ops import checks  # noqa: F401

        # After Django has made the permissions, which it does in this same signal, connected before.
        post_migrate.connect(make_groups, sender=self)

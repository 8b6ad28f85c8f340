from django.apps import AppConfig


class BookingConfig(AppConfig):
    name = "booking"

    def ready(self):
        """Let each API key say which sites may use it."""
        from .api import cors  # noqa: F401

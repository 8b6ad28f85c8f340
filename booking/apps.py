from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.db.models.signals import post_migrate, pre_migrate


class StaffPagesConfig(admin.AdminConfig):
    default = False
    default_site = "booking.admin_site.ClinicSite"


class BookingConfig(AppConfig):
    name = "booking"
    default = True

    def ready(self):
        """Let API keys say which sites may use them, check what is stored, log rights, and bring groups of staff."""
        from booking.access import sign_in_log, staff_sessions  # noqa: F401
        from booking.access.staff_groups import make_groups, note_permissions
        from booking.api import cors  # noqa: F401
        from booking.ops import checks  # noqa: F401

        pre_migrate.connect(note_permissions, sender=self)
        # After Django has made the permissions, which it does in this same signal, connected before.
        post_migrate.connect(make_groups, sender=self)

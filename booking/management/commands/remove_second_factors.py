"""Remove somebody's second factors: `manage.py remove_second_factors erin`."""

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from booking.domain.staff_accounts import remove_second_factors


class Command(BaseCommand):
    help = "Remove the second factors of a member of staff who has lost them, and end their sessions."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *args, **options):
        try:
            user = get_user_model().objects.get_by_natural_key(options["username"])
        except get_user_model().DoesNotExist:
            raise CommandError("There is no such user.") from None
        self.stdout.write(f"{remove_second_factors(user)} removed.")

"""Create an API key and print it once: `manage.py create_api_key "the practice" --scopes all`.

For a page on another site: `manage.py create_api_key "my page" --kind publishable --scopes all --origins
https://www.clinic.example`. docs/dialects.md says what such a page can do.
"""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from booking.access.api_keys import create_key
from booking.models import ApiKey


class Command(BaseCommand):
    help = "Make an API key and print it. It is shown once and never again."

    def add_arguments(self, parser):
        parser.add_argument("name", help="whose key it is, for staff to tell it by")
        parser.add_argument("--kind", choices=ApiKey.Kind.values, default=ApiKey.Kind.SECRET)
        parser.add_argument(
            "--scopes", required=True, help=f"with commas, or all of its kind; of {', '.join(ApiKey.Scope.values)}"
        )
        parser.add_argument(
            "--origins",
            default="",
            help="the sites whose pages may use a publishable key, with commas, such as https://www.clinic.example",
        )
        parser.add_argument("--expires-in-days", type=int, help="without it, the key does not expire")

    def handle(self, *, name, kind, scopes, origins, expires_in_days, **options):
        everything = ApiKey.Scope.values if kind == ApiKey.Kind.SECRET else ApiKey.PUBLIC_SCOPES
        if expires_in_days is not None and not 1 <= expires_in_days <= 3650:
            raise CommandError("--expires-in-days: 1 to 3650")
        ends_at = timezone.now() + timedelta(days=expires_in_days) if expires_in_days else None
        try:
            _, plain = create_key(
                name=name,
                kind=kind,
                scopes=everything if scopes == "all" else words(scopes),
                allowed_origins=words(origins),
                expires_at=ends_at,
            )
        except ValidationError as error:
            raise CommandError(
                "\n".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
            ) from error
        self.stdout.write(plain)


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]

"""Make the roles of the web server and the workers: `manage.py make_roles`, as the owner of the database.

Passwords come from WEB_DATABASE_PASSWORD and WORKER_DATABASE_PASSWORD, or later by psql's \\password.
"""

import os

from django.core.management.base import BaseCommand, CommandError

from booking.ops.database_roles import CannotMakeRoles, make_roles

PASSWORDS = {"web": "WEB_DATABASE_PASSWORD", "worker": "WORKER_DATABASE_PASSWORD"}


class Command(BaseCommand):
    help = "Make the database roles of the web server and the workers, or renew their rights after migrations."

    def add_arguments(self, parser):
        parser.add_argument("--prefix", default="holdfast", help="of their names, if two clinics share a server")

    def handle(self, *, prefix, **options):
        passwords = {kind: os.environ.get(name, "") for kind, name in PASSWORDS.items()}
        try:
            names = make_roles(prefix=prefix, passwords=passwords)
        except CannotMakeRoles as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{' and '.join(names)} have their rights and deadlines.")

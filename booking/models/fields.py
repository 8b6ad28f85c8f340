"""A column that PostgreSQL has and Django does not know."""

from django.db import models
from django.db.models import Func


class TransactionIdField(models.Field):
    """The number of the transaction that writes a row, as an int: PostgreSQL's xid8, which never wraps around.

    A number of before a restore is one of the cluster that it was written in.
    """

    def __init__(self, **options):
        options |= {"db_default": Func(function="pg_current_xact_id"), "editable": False}
        super().__init__(**options)

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        del options["db_default"], options["editable"]
        return name, path, args, options

    def db_type(self, connection):
        return "xid8"

    def get_prep_value(self, value):
        # As a text of unknown type: PostgreSQL has no cast of an integer to xid8.
        value = super().get_prep_value(value)
        return str(value) if isinstance(value, int) else value

    def from_db_value(self, value, expression, connection):
        return value and int(value)

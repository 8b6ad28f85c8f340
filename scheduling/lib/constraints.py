"""Which of the database's constraints refused a row."""

from django.db import IntegrityError
from psycopg import Error


def get_violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint behind an IntegrityError."""
    return error.__cause__.diag.constraint_name if isinstance(error.__cause__, Error) else None

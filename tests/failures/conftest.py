import os

import pytest
from django.db import connection
from psycopg import sql

from booking.ops.database_roles import make_roles
from tests.failures.programs import installation


@pytest.fixture
def clinic(transactional_db, tmp_path):
    """An installation on this test's database, with Redis and a mail server running."""
    with installation(connection.settings_dict["NAME"], tmp_path) as running:
        yield running


@pytest.fixture
def roles(transactional_db):
    """Roles that log in, until the test is over."""
    roles = make_roles(prefix=f"pooled_{os.getpid()}")
    yield roles
    names = sql.SQL(", ").join(map(sql.Identifier, roles))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP OWNED BY {}").format(names))
        cursor.execute(sql.SQL("DROP ROLE {}").format(names))

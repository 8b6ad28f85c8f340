import pytest
from django.db import connection

from tests.failures.programs import installation


@pytest.fixture
def clinic(transactional_db, tmp_path):
    """An installation on this test's database, with Redis and a mail server running."""
    with installation(connection.settings_dict["NAME"], tmp_path) as running:
        yield running

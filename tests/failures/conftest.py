import pytest
from django.db import connection

from tests.failures.programs import installation


def pytest_collection_modifyitems(items):
    for item in items:
        if "failures" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("failures"))


@pytest.fixture
def clinic(transactional_db, tmp_path):
    """An installation on this test's database, of which Redis and a mail server run already."""
    with installation(connection.settings_dict["NAME"], tmp_path) as running:
        yield running

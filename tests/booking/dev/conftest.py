import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder():
    """An empty folder, closed to others.

    tmp_path will not do: every other run of pytest closes it again to the account that root lends PostgreSQL.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-test-") as path:
        yield Path(path)

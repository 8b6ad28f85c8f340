"""`make soak` starts, loads the programs, and looks at what they use."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from booking.dev.servers import BASE_DIR
from tests.soak import __main__ as soak
from tests.soak.samples import compare


@pytest.mark.proof
def test_soak_of_seconds_is_answered_and_sampled(monkeypatch):
    monkeypatch.setattr(soak, "DAYS", 10)
    monkeypatch.setattr(soak, "INTERVAL", 1)

    # Not in tmp_path, which PostgreSQL's account may not enter.
    with TemporaryDirectory(prefix="soak-", dir=BASE_DIR / ".data") as folder:
        samples, statuses = soak.run(Path(folder, "run"), seconds=5)

    assert statuses[200], statuses
    assert statuses[201], statuses
    assert not any(status and status >= 500 for status in statuses), statuses
    table, _ = compare(samples)
    assert {line.split()[0] for line in table[1:]} == {"web", "worker", "delivery", "beat", "redis", "postgres"}

"""Schemathesis sends what the API's own description allows, and what it forbids; the answers must be as described."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).with_name("schemathesis.toml")
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "0"))  # for longer runs by hand


@pytest.fixture
def clinic(transactional_db, dana, harbour, consultation, alice):
    """A clinic whose services nobody needs to book far ahead, and a patient who is written down."""
    consultation.mode = "both"
    consultation.save()
    alice.save()


def test_the_api_answers_as_its_description_says(clinic, make_key, live_server, monkeypatch):
    monkeypatch.setattr("booking.api.base.ADDRESS_LIMIT", 10_000_000)
    _, key = make_key(requests_per_minute=10_000_000)
    bounds = ["--max-time", str(FUZZ_SECONDS)] if FUZZ_SECONDS else []
    run = subprocess.run(
        [
            Path(sys.executable).with_name("st"), "--config-file", CONFIG, "run", f"{live_server}/api/schema", *bounds,
        ],
        env=os.environ | {"API_KEY": key, "SCHEMATHESIS_HOOKS": ""},
        capture_output=True,
        text=True,
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout

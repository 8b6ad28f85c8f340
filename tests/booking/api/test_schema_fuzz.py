"""Schemathesis sends what the API's own description allows and what it forbids; the answers must be as described."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import randrange

import pytest

from booking.dev.servers import BASE_DIR

CONFIG = Path(__file__).with_name("schemathesis.toml")
# For a longer run by hand: FUZZ_SECONDS=600 pytest -s tests/booking/api/test_schema_fuzz.py
FUZZ_SECONDS = os.environ.get("FUZZ_SECONDS")


@pytest.fixture
def clinic(transactional_db, api, dana, harbour, consultation, alice, day):
    """The ids of a clinic, its openings of four weeks, and Alice, who is written down."""
    alice.save()
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day + timedelta(days=28)}
    openings = api.get("/availability", query=query).json()["data"]
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "patient_id": str(alice.pk),
        "booking_keys": [opening["booking_key"] for opening in openings],
    }


@pytest.mark.parametrize(
    "phases", ["examples", pytest.param("examples,coverage,fuzzing,stateful", marks=pytest.mark.proof)]
)
def test_fuzzed_requests_are_answered_as_described(clinic, make_key, live_server, monkeypatch, settings, phases):
    # The server of the tests writes headers and body apart, and would wait 40 ms between them.
    monkeypatch.setattr("django.core.servers.basehttp.WSGIRequestHandler.disable_nagle_algorithm", True)
    # Its requests are counted for an address of its own, not for that of other tests that run beside it.
    settings.TRUSTED_PROXIES = 1
    address = "10.{}.{}.{}".format(*(randrange(256) for _ in range(3)))
    plenty = 10_000_000
    monkeypatch.setattr("booking.api.throttles.ADDRESS_LIMIT", plenty)
    _, key = make_key(requests_per_minute=plenty)
    longer = ["--max-time", FUZZ_SECONDS, "--max-examples", "1000"] if FUZZ_SECONDS else []
    schemathesis = Path(sys.executable).with_name("st")
    run = subprocess.run(
        [
            schemathesis,
            "--config-file",
            CONFIG,
            "run",
            f"{live_server}/api/schema",
            "--phases",
            phases,
            *longer,
            "--header",
            f"X-Forwarded-For: {address}",
        ],
        env=os.environ
        | {
            "API_KEY": key,
            "CLINIC": json.dumps(clinic),
            "PYTHONPATH": str(BASE_DIR),
            "SCHEMATHESIS_HOOKS": "tests.booking.api.fuzz_hooks",
        },
        cwd=BASE_DIR / ".data",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout

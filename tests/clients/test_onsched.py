"""OnSched has no SDK: its clients fetch a token with an OAuth2 library, here with two, and call by themselves."""

import os
import subprocess
from pathlib import Path

import pytest

from booking.access.api_keys import create_key
from booking.models import AccessToken, ApiKey, Appointment

AUTHLIB = ("authlib==1.9.10", "requests==2.32.5")
REQUESTS_OAUTHLIB = ("requests-oauthlib==2.0.0", "requests==2.32.5")
PROGRAM = Path(__file__).parent / "onsched_program.py"


@pytest.mark.parametrize(
    "client, packages",
    [("authlib, basic", AUTHLIB), ("authlib, post", AUTHLIB), ("requests-oauthlib", REQUESTS_OAUTHLIB)],
)
def test_oauth2_client_books_by_onscheds_api(client, packages, python_with, transactional_db, live_server, dana):
    python = python_with(*packages)
    key, plain = create_key(name="a program", kind="secret", scopes=ApiKey.Scope.values)

    run = subprocess.run(
        [python, PROGRAM],
        env={
            "PATH": os.environ["PATH"],
            "BASE": live_server.url,
            "CLIENT_ID": key.start,
            "CLIENT_SECRET": plain,
            "OAUTH": client,
            # They insist on https otherwise.
            "AUTHLIB_INSECURE_TRANSPORT": "1",
            "OAUTHLIB_INSECURE_TRANSPORT": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.split() == [
        "hold.placed",
        "hold.confirmed",
        "appointment.created",
        "appointment.rescheduled",
        "appointment.cancelled",
    ]
    appointment = Appointment.objects.get()
    assert (appointment.status, str(appointment.patient)) == ("cancelled", "Alice Archer")
    assert AccessToken.objects.get().api_key == key

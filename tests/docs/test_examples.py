"""The examples of docs/api.md, run as written."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from booking.access.api_keys import create_key
from booking.dev.servers import BASE_DIR
from booking.models import Appointment

PAGE = (BASE_DIR / "docs" / "api.md").read_text()
PROGRAMS = {
    "bash": ["bash"],
    "python": [sys.executable, "-"],
    "javascript": ["node", "--input-type=module"],
}
SCOPES = ["read_appointment_types", "read_availability", "write_holds", "write_appointments"]


def find_code_blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", PROGRAMS)
def test_api_page_example_books_and_cancels(language, transactional_db, live_server, dana):
    if not shutil.which(PROGRAMS[language][0]):
        # CI skips nothing: a missing program fails there.
        assert not os.environ.get("CI"), f"{PROGRAMS[language][0]} is not installed."
        pytest.skip(f"{PROGRAMS[language][0]} is not installed, so the {language} example was not run.")
    [example] = find_code_blocks(language)
    _, key = create_key(name="the reader", kind="secret", scopes=SCOPES)

    run = subprocess.run(
        PROGRAMS[language],
        input=example,
        env={"PATH": os.environ["PATH"], "BASE": live_server.url, "KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (run.returncode, run.stderr) == (0, "")
    appointment = Appointment.objects.get()
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "patient_request")
    assert (str(appointment.patient), appointment.clinician) == ("Alice Archer", dana)
    assert run.stdout.split()[-1] == "cancelled"
    assert appointment.reference in run.stdout


def test_api_page_curl_requests_are_answered(transactional_db, live_server, dana, consultation):
    site = "https://www.clinic.example"
    _, key = create_key(name="the reader", kind="secret", scopes=SCOPES)
    _, shown = create_key(
        name="the site", kind="publishable", scopes=["read_appointment_types"], allowed_origins=[site]
    )
    [examples] = find_code_blocks("sh")
    env = {
        "PATH": os.environ["PATH"],
        "BASE": live_server.url,
        "KEY": key,
        "PUBLISHABLE_KEY": shown,
        "SERVICE": str(consultation.pk),
    }

    run = subprocess.run(
        ["sh"],
        input=f"set -e\n{examples}",
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert '"start_time":"2026-11-23T08:00:00+00:00"' in run.stdout  # from the explain request
    assert run.stdout.count(f'"id":"{consultation.pk}"') == 1  # from the publishable key's request


def test_api_page_names_every_scope_its_key_needs():
    assert all(f"`{scope}`" in PAGE for scope in SCOPES)

"""The steps on /api/docs, run in order."""

import os
import subprocess

from booking.access.api_keys import create_key
from booking.api.openapi.first_booking import steps
from booking.models import Appointment
from tests.docs.test_examples import SCOPES


def test_api_docs_steps_book_and_cancel(transactional_db, live_server, dana):
    _, key = create_key(name="the reader", kind="secret", scopes=SCOPES)
    codes = [step["code"] for step in steps(live_server.url)]
    program = "\n".join(["set -euo pipefail", *codes]).replace("hf_sec_…", key)

    run = subprocess.run(
        ["bash"], input=program, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert Appointment.objects.get().status == "cancelled"

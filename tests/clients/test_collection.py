"""The collection of /api/collection, run by Postman's own newman."""

import json
import os
import subprocess

from booking.access.api_keys import create_key
from booking.models import Appointment, Event
from tests.docs.test_examples import SCOPES


def test_collection_books_reschedules_and_cancels_with_newman(node_with, transactional_db, live_server, dana, tmp_path):
    newman = node_with("newman@6.2.2") / "node_modules" / ".bin" / "newman"
    _, key = create_key(name="newman", kind="secret", scopes=SCOPES)
    report = tmp_path / "report.json"

    run = subprocess.run(
        [
            *(newman, "run", f"{live_server.url}/api/collection", "--folder", "A first booking"),
            *("--env-var", f"key={key}", "--reporters", "cli,json", "--reporter-json-export", report),
        ],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    executions = json.loads(report.read_text())["run"]["executions"]
    assert [execution["response"]["code"] for execution in executions] == [200, 200, 201, 201, 200, 200]
    appointment = Appointment.objects.get()
    assert (str(appointment.patient), appointment.status) == ("Alice Archer", "cancelled")
    happened = Event.objects.filter(subject_id=appointment.pk, kind__startswith="appointment.").order_by("id")
    assert [event.kind.partition(".")[2] for event in happened] == ["created", "rescheduled", "cancelled"]

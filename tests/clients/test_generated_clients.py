"""Clients that others' generators make of /api/schema: everything has a type, and they book."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from booking.access.api_keys import create_key
from booking.models import Appointment, Event

HERE = Path(__file__).parent
SCOPES = ["read_appointment_types", "read_availability", "write_holds", "write_appointments"]


@pytest.fixture
def environment(live_server, transactional_db, dana):
    """Return the environment of a program that books at Dana's clinic."""
    _, key = create_key(name="a generated client", kind="secret", scopes=SCOPES)
    return {"PATH": os.environ["PATH"], "BASE": live_server.url, "KEY": key}


def run(*command, folder, env):
    """Run a command in a folder and return what it writes; fail with that if it fails."""
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def assert_alice_has_cancelled(written):
    appointment = Appointment.objects.get()
    assert written == f"{appointment.reference} cancelled\n"
    assert (str(appointment.patient), appointment.status) == ("Alice Archer", "cancelled")
    happened = Event.objects.filter(subject_id=appointment.pk, kind__startswith="appointment.").order_by("id")
    assert [event.kind.partition(".")[2] for event in happened] == ["created", "rescheduled", "cancelled"]


def test_generated_python_client_books_reschedules_and_cancels(python_with, environment, tmp_path):
    python = python_with("openapi-python-client==0.29.1", "mypy==2.4.1")
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    program = shutil.copy(HERE / "typed_booking.py", tmp_path)

    said = run(
        *(python, "-m", "openapi_python_client", "generate", "--url", f"{environment['BASE']}/api/schema"),
        *("--meta", "none", "--output-path", "holdfast", "--config", "config.yaml"),
        folder=tmp_path,
        env=environment,
    )

    assert "Warning" not in said
    modules = list((tmp_path / "holdfast" / "api").glob("*/*.py"))
    assert [module.stem for module in modules if "body: Any" in module.read_text()] == []
    run(python, "-m", "mypy", "--strict", program, folder=tmp_path, env=environment)
    assert_alice_has_cancelled(run(python, program, folder=tmp_path, env=environment))


def test_generated_typescript_client_books_reschedules_and_cancels(node_with, environment, tmp_path):
    packages = ["openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", "@types/node@20.19.25"]
    (tmp_path / "node_modules").symlink_to(node_with(*packages) / "node_modules")
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    shutil.copy(HERE / "typed_booking.ts", tmp_path)
    programs = tmp_path / "node_modules" / ".bin"

    schema = f"{environment['BASE']}/api/schema"
    run(programs / "openapi-typescript", schema, "-o", "holdfast.ts", folder=tmp_path, env=environment)
    options = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext"]
    run(programs / "tsc", *options, "typed_booking.ts", folder=tmp_path, env=environment)

    assert_alice_has_cancelled(run("node", "typed_booking.js", folder=tmp_path, env=environment))

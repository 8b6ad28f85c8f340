"""The short form of `make proof`: each kind of fault once, and the negative control for the worst of all."""

import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest
from django.db import connection

from booking.dev.postgres import BINARIES
from booking.dev.servers import BASE_DIR
from tests.proof.controls import CONTROLS
from tests.proof.nemesis import BY_NAME
from tests.proof.prove import clinic_in
from tests.proof.run import run, run_control

REQUESTS = 2_000
DAYS = 10
FAULTS = [
    "web: one process killed",
    "web: network cut",
    "Celery: a program killed, started again",
    "Celery: a program frozen",
    "Redis: emptied",
    "Redis: frozen",
    "PostgreSQL: a connection's process killed",
    "PostgreSQL: immediate restart",
    "PostgreSQL: network stalled",
    "PostgreSQL: killed, the synchronous standby promoted",
]
QUICK = (0.3, 0.8)  # seconds


@pytest.fixture
def proof(db, request):
    """A cluster with a clinic, whose tables are copied from the tests' own database.

    Not in tmp_path: each start of pytest closes the folder above those of all runs to other accounts. What failed
    leaves its history and rows there.
    """
    parameters = connection.get_connection_params()
    server = ["-h", parameters["host"], "-U", parameters["user"]]
    command = [BINARIES / "pg_dump", "--schema-only", *server, connection.settings_dict["NAME"]]
    schema = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    failed_before = request.session.testsfailed
    folder = Path(mkdtemp(prefix="proof-", dir=BASE_DIR / ".data"))
    with clinic_in(folder, days=DAYS, schema=schema) as (cluster, clinic):
        yield folder, cluster, clinic
    if request.session.testsfailed == failed_before:
        shutil.rmtree(folder)


def test_checker_finds_double_bookings_and_none_under_faults(proof):
    [worst, *_] = CONTROLS
    options = {"seed": 14, "report_progress": print}

    # That a few requests meet is likely, not certain: mostly the first attempt finds some that did.
    controls = (run_control(*proof, worst, number=n, requests=160, crowding=1, **options) for n in range(4))
    assert any(control.violations[worst.breaks] for control in controls)

    faults = [BY_NAME[name] for name in FAULTS]
    result = run(*proof, name="run", requests=REQUESTS, faults=faults, seconds=QUICK, rounds=1, **options)
    assert {name: found for name, found in result.violations.items() if found} == {}
    done = {verb for verb, outcome in result.outcomes if outcome == "ok"}
    assert result.faults.keys() == set(FAULTS)
    assert done == {"hold", "move", "release", "confirm", "reschedule", "cancel"}

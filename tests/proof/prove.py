"""The whole proof: first the negative controls, then the run."""

import time
from contextlib import contextmanager

from tests.proof.controls import CONTROLS
from tests.proof.installation import Cluster, make_clinic
from tests.proof.links import Links
from tests.proof.run import run, run_control

DAYS = 45  # of openings: few times are free at the end
CONTROL_REQUESTS = 640


class Failed(Exception):
    """A control was not found, or an invariant is broken."""


@contextmanager
def clinic_in(folder, *, days=DAYS, schema=None):
    """Run a primary with a clinic and its synchronous standby in an empty folder; yield the Cluster and the clinic."""
    links = Links()
    try:
        cluster = Cluster(folder, links)
        try:
            clinic = make_clinic(cluster, days, schema)
            cluster.attach_standby()
            yield cluster, clinic
        finally:
            cluster.stop()
    finally:
        links.stop()


def prove(folder, *, requests, seed, report_progress, controls=CONTROLS):
    """Do everything, and return the Result of the run and a list of (Control, Result).

    Raises Failed at the first control that the checker does not find.
    """
    started_at = time.monotonic()

    def report_with_time(text):
        report_progress(f"{time.monotonic() - started_at:6.0f} s  {text}")

    with clinic_in(folder) as (cluster, clinic):
        done = []
        for number, control in enumerate(controls):
            report_with_time(f"Negative control: {control.name}")
            options = {
                "number": number,
                "requests": CONTROL_REQUESTS,
                "seed": seed,
                "report_progress": report_with_time,
            }
            result = run_control(folder, cluster, clinic, control, **options)
            if not result.violations[control.breaks]:
                raise Failed(f"The checker did not find: {control.name}.")
            done.append((control, result))
        report_with_time(f"{requests:,} requests under faults")
        return run(
            folder, cluster, clinic, name="run", requests=requests, seed=seed, report_progress=report_with_time
        ), done

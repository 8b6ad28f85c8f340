"""Run an hour of mixed load, and say whether memory, connections and open files stay flat: `make soak`."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import Counter

from booking.dev.servers import BASE_DIR, claim
from tests.bench.line_plots import draw_lines
from tests.proof.history import History
from tests.proof.installation import Installation, make_environment
from tests.proof.prove import clinic_in
from tests.soak.load import Booker, Visitor
from tests.soak.samples import compare, sample

FOLDER = BASE_DIR / ".data" / "soak"
PLOT = BASE_DIR / "docs" / "plots" / "soak.svg"
DAYS = 300
BOOKERS, VISITORS = 6, 4
INTERVAL = 10  # seconds between two looks


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--page", action="store_true", help="draw docs/plots/soak.svg")
    options = parser.parse_args()
    with claim(FOLDER):
        shutil.rmtree(FOLDER / "run", ignore_errors=True)
        samples, statuses = run(FOLDER / "run", options.minutes * 60)
    print(f"\n{options.minutes:g} minutes, {statuses.total():,} requests; answers by status: {dict(statuses)}")
    failed = sum(number for status, number in statuses.items() if status is None or status >= 500)
    lines, has_grown = compare(samples)
    print("\n".join(lines))
    if options.page:
        curves = {
            name: [(at / 60, each[name].megabytes) for at, each in samples if name in each] for name in samples[-1][1]
        }
        PLOT.write_text(draw_lines("An hour of load", curves, x_name="minutes", y_name="memory in megabytes"))
    if has_grown or failed:
        sys.exit("It has grown, or not answered.")


def run(folder, seconds):
    """Return the samples, as (seconds since the start, Sample by program), and how often each status was answered."""
    folder.mkdir(parents=True)
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
    subprocess.run(
        command, cwd=BASE_DIR, env=os.environ | make_environment("postgres:///none", "redis://none"), check=True
    )
    with (
        clinic_in(folder, days=DAYS) as (cluster, clinic),
        Installation(folder / "soak", cluster, "soak") as installation,
    ):
        return watch(installation, clinic, cluster.links.ports["web"], folder, seconds)


def watch(installation, clinic, port, folder, seconds):
    history = History(folder / "history.jsonl")
    shared = {"clinic": clinic, "port": port}
    people = [Booker(number, history=history, **shared) for number in range(BOOKERS)]
    people += [Visitor(number, **shared) for number in range(VISITORS)]
    for person in people:
        person.start()
    started_at, samples = time.monotonic(), []
    while (passed := time.monotonic() - started_at) < seconds:
        samples.append((passed, sample(installation)))
        if len(samples) % 30 == 1:
            print(f"  {passed / 60:.0f} minutes: {history.completed:,} requests of the API", flush=True)
        time.sleep(INTERVAL)
    for person in people:
        person.budget = 0
    for person in people:
        person.join()
        if person.error:
            raise person.error
    return samples, sum((person.statuses for person in people), Counter())


if __name__ == "__main__":
    main()

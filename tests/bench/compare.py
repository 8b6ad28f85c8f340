"""Compare the API of two checkouts: `python -m tests.bench.compare ../another-checkout`.

One process for each answers the same requests in turns, in processor time: what else the machine does matters
little then. Both use the Python that runs this, and a database of their own.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from booking.dev.servers import BASE_DIR, claim, servers
from tests.bench.settings import SETTINGS

RUNS = 7
WORKER = Path(__file__).with_name("compare_worker.py")


class Checkout:
    """A process that answers requests with the code of a checkout."""

    def __init__(self, folder: Path, name: str):
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder), "DATABASE_URL": database},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.cases = json.loads(self.process.stdout.readline())

    def ask(self, case: str) -> dict:
        """Return the milliseconds of a round of requests and the number of statements of one."""
        print(case, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    folder = BASE_DIR / ".data" / "compare"
    with claim(folder), servers(folder) as urls:
        os.environ.update(SETTINGS | urls)
        old, new = Checkout(Path(sys.argv[1]).resolve(), "old"), Checkout(BASE_DIR, "new")
        try:
            print_table(old, new)
        finally:
            for checkout in (old, new):
                checkout.close()


def print_table(old: Checkout, new: Checkout) -> None:
    """Print the median of the runs' medians for each case."""
    print(f"{'processor time of one request':<32} {'old':>8} {'new':>8} {'change':>8}   statements")
    times = {case: {old: [], new: []} for case in new.cases}
    statements = {}
    for run in range(RUNS):
        for case in new.cases:
            for checkout in (old, new) if run % 2 else (new, old):
                answer = checkout.ask(case)
                times[case][checkout].append(statistics.median(answer["milliseconds"]))
                statements[case, checkout] = answer["statements"]
    for case, runs in times.items():
        before, after = (statistics.median(runs[checkout]) for checkout in (old, new))
        counted = f"{statements[case, old]} -> {statements[case, new]}"
        print(f"{case:<32} {before:6.2f}ms {after:6.2f}ms {after / before - 1:+8.1%}   {counted}")


main()

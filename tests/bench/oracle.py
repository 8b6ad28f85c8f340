"""Free times of many random clinics against an oracle that is slow and obvious, on all days on which clocks change."""

import os
import time

from tests.scheduling.availability.oracle import YEARS, list_clock_changes
from tests.scheduling.availability.test_oracle import judge

CASES = int(os.environ.get("ORACLE_CASES", "10000"))


def print_oracle():
    """Print how many free times were found twice; raises AssertionError at the first that was not."""
    changes, started, found = list_clock_changes(), time.process_time(), 0
    print(f"{len(changes):,} clock changes of {YEARS.start}–{YEARS.stop - 1} in all time zones")
    for seed in range(CASES):
        zone, day = changes[seed % len(changes)]
        found += judge(seed, zone, day)
    seconds = time.process_time() - started
    print(f"  {CASES:,} random clinics, {found:,} free times: all as the oracle has them ({seconds:.0f} s of CPU)")

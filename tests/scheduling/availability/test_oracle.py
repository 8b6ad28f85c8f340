"""Free times against an oracle that is slow and obvious, on the days on which clocks change anywhere."""

from random import Random

import pytest
from django.db import transaction

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from tests.scheduling.availability.oracle import find_free_times, list_clock_changes, write_case

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

CASES = 300


def test_free_times_of_random_clinics_near_clock_changes_are_those_of_the_oracle():
    changes = list_clock_changes()
    found = sum(judge(seed, *Random(seed).choice(changes)) for seed in range(CASES))
    assert found > 1000  # or the clinics are never open


def judge(seed, zone, day):
    """Compare the free times of one random clinic, and return how many there are."""
    with transaction.atomic():
        case = write_case(Random(seed), zone, day)
        openings = open_times(OpeningFilters(case.service), start_at=case.start_at, end_at=case.end_at, now=case.now)
        offered = {(each.starts_at, each.clinician_id, each.location_id, each.is_remote) for each in openings}
        assert offered == find_free_times(case), f"seed {seed}: {zone} {day}"
        transaction.set_rollback(True)
    return len(offered)

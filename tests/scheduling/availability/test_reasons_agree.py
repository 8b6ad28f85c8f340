"""Asking for the openings and asking why a time is none are two questions with one answer."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import get_not_offered_reasons, open_times
from scheduling.lib.clock import database_now
from tests.clinics import MINUTE, forgotten, make_clinic


@pytest.mark.slow
@pytest.mark.django_db
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_time_has_no_reasons_exactly_when_offered(data):
    with forgotten():
        clinic = make_clinic(data.draw)
        now = database_now()
        openings = open_times(OpeningFilters(clinic.service), start_at=clinic.start_at, end_at=clinic.end_at, now=now)
        offered = {(one.starts_at, one.clinician_id, one.location_id, one.is_remote) for one in openings}

        length = int((clinic.end_at - clinic.start_at) / MINUTE)
        minutes = data.draw(st.lists(st.sampled_from(range(length)), min_size=3, max_size=3))
        starts = [clinic.start_at + minute * MINUTE for minute in minutes]
        if openings:
            chosen = data.draw(st.lists(st.sampled_from(openings), min_size=1, max_size=5))
            starts += [opening.starts_at for opening in chosen]

        for start, dana, place, remote in product(starts, clinic.clinicians, clinic.locations, [True, False]):
            filters = OpeningFilters(clinic.service, clinician_ids=[dana.pk], location_id=place.pk, is_remote=remote)
            reasons = get_not_offered_reasons(filters, starts_at=start, now=now)
            assert (reasons == set()) == ((start, dana.pk, place.pk, remote) in offered), reasons

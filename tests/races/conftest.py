"""A crowd of a hundred client processes."""

import pytest
from django.db import connection

from tests.races import client
from tests.races.crowd import Crowd, deadlocks


@pytest.fixture(scope="session")
def crowd(django_db_setup):
    """A hundred clients of this xdist worker's database."""
    crowd = Crowd(connection.settings_dict["NAME"])
    yield crowd
    crowd.leave()


@pytest.fixture
def no_deadlock(transactional_db):
    """Assert that no deadlock happens in the test."""
    before = deadlocks()
    yield
    assert deadlocks() == before


@pytest.fixture
def hold(consultation, dana, harbour):
    """Return the act of holding a time with Dana: ``hold(at(9), "client 1")``."""

    def hold(starts_at, holder, act=client.hold, **changes):
        arguments = {
            "service": consultation.pk,
            "clinician": dana.pk,
            "location": harbour.pk,
            "starts_at": starts_at,
            "holder": holder,
        }
        return act, arguments | changes

    return hold

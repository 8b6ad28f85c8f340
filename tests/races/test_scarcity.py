"""What is confirmed at once is counted exactly, however many visitors hold times at once."""

from collections import Counter

import pytest

from booking.models import Appointment
from scheduling.models import Clinician
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import SIZE, tally
from tests.races.test_one_slot import HALF_HOURS

pytestmark = pytest.mark.usefixtures("no_deadlock")


@pytest.fixture
def acts(hold, at, harbour, consultation):
    """Acts of holding a hundred times with eight clinicians: ``acts(lambda n: f"network {n}")``."""
    clinicians = [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]).pk for n in range(8)]

    def acts(name_network):
        return [
            hold(at(*HALF_HOURS[n // 8]), name_network(n), act=client.hold_online, clinician=clinicians[n % 8])
            for n in range(SIZE)
        ]

    return acts


def test_hundred_holds_of_one_network_have_its_number_at_once_and_a_quarter_of_its_hours(crowd, acts):
    outcomes = crowd.race(acts(lambda n: "a waiting room"))

    # Of three hours, five holds of a quarter of an hour leave room for two that may wait an hour longer.
    assert tally(outcomes) == {"at once": 5, "to be verified": 2, "NeedsProof": 93}


def test_hundred_networks_have_a_locations_number_at_once(crowd, acts):
    outcomes = crowd.race(acts(lambda n: f"home {n}"))

    assert tally(outcomes) == {"at once": 40, "to be verified": 60}


def test_twenty_bookings_of_one_person_at_once_have_three_without_a_link(crowd, acts, hold_time, at):
    clinicians = Clinician.objects.filter(name__startswith="Clinician")[:4]
    held = [
        hold_time(at(*half_hour), clinician=clinician, network=f"home {clinician} {half_hour}", limit=None)
        for clinician in clinicians
        for half_hour in HALF_HOURS[:5]
    ]

    outcomes = crowd.race([(client.confirm, {"hold": hold.pk, "email": "alice@example.org"}) for hold in held])

    assert tally(outcomes) == {"confirmed": 20}
    assert Counter(Appointment.objects.values_list("verification", flat=True)) == {"waived": 3, "required_quietly": 17}

"""Properties of any clinic: every opening can be held, every live hold can be confirmed."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.domain.confirmation import confirm_hold
from booking.domain.holds import Holder, HoldLimits, place_hold, release_hold
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Hold
from patients.models import Patient
from scheduling.availability.assignment import Assign, assign_clinicians
from scheduling.availability.intervals import pairs, unpack
from scheduling.availability.openings import as_datetime
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, find_open_starts, open_times
from scheduling.calendars.storing import store_busy
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar, Clinician, Location, Service, Slot, TimeOff, WorkingHours
from tests.clinics import forgotten, make_clinic, padded

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def list_openings(clinic):
    filters = OpeningFilters(clinic.service)
    return open_times(filters, start_at=clinic.start_at, end_at=clinic.end_at, now=database_now())


def hold_opening(clinic, opening):
    return place_hold(
        OpeningRequest(
            clinic.service,
            opening.starts_at,
            Clinician.objects.get(pk=opening.clinician_id),
            Location.objects.get(pk=opening.location_id),
            is_remote=opening.is_remote,
        ),
        holder=Holder("alice's phone"),
        limits=HoldLimits(live=None),
        actor="patient",
    )


def make_alice():
    return Patient(first_name="Alice", last_name="Archer", date_of_birth=date(1985, 4, 12), email="alice@example.org")


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_offered_openings_can_all_be_held_and_are_no_longer_offered(data):
    with forgotten():
        clinic = make_clinic(data.draw)
        for _ in range(4):
            openings = list_openings(clinic)
            if not openings:
                return
            opening = data.draw(st.sampled_from(openings))
            hold = hold_opening(clinic, opening)

            assert (hold.starts_at, hold.ends_at) == (opening.starts_at, opening.ends_at)
            assert opening not in list_openings(clinic)
            if data.draw(st.booleans()):
                release_hold(hold, actor="patient")
                assert openings == list_openings(clinic)


@settings(deadline=None, max_examples=30)
@given(data=st.data(), how=st.sampled_from([Assign.RANDOM, Assign.BALANCED]))
def test_assign_clinicians_picks_one_opening_per_start_that_can_be_held(data, how):
    with forgotten():
        clinic = make_clinic(data.draw)
        now = database_now()
        filters = OpeningFilters(clinic.service)
        found = find_open_starts(filters, start_at=clinic.start_at, end_at=clinic.end_at, now=now)
        openings = [(place, start) for place, starts in assign_clinicians(found, how, now=now) for start in starts]

        offers = [(start, place.location_id, place.is_remote) for place, start in openings]
        everything = {(one.start, one.location_id, one.is_remote) for one in list_openings(clinic)}
        assert (len(offers), set(offers)) == (len(everything), everything)
        if openings:
            place, start = data.draw(st.sampled_from(openings))
            duration = int(clinic.service.duration.total_seconds())
            hold_opening(
                clinic, Opening(start, start + duration, place.clinician_id, place.location_id, place.is_remote)
            )


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_openings_with_buffers_never_overlap_slots_time_off_or_busy_calendars(data):
    with forgotten():
        clinic = make_clinic(data.draw)
        openings, now = list_openings(clinic), database_now()
        if openings:
            hold_opening(clinic, data.draw(st.sampled_from(openings)))
        live = [slot for slot in Slot.objects.all() if slot.expires_at is None or slot.expires_at > now]
        busy = [(slot.clinician_id, slot.period.lower, slot.period.upper) for slot in live]
        busy += [(off.clinician_id or off.location_id, off.starts_at, off.ends_at) for off in TimeOff.objects.all()]
        busy += [
            (day.clinician_id, as_datetime(start), as_datetime(end))
            for day in BusyDay.objects.all()
            for start, end in pairs(unpack(day.stretches))
        ]
        withholding = Calendar.objects.filter(when_unreachable="withhold")
        unreachable = {one.clinician_id for one in withholding if one.is_unreachable(at=now)}
        known_until = [(one.clinician_id, one.read_until) for one in withholding if one.read_until]

        for opening in list_openings(clinic):
            start, end = padded(clinic.service, opening.starts_at)
            owners = (opening.clinician_id, opening.location_id)
            assert [one for one in busy if one[0] in owners and one[1] < end and one[2] > start] == []
            assert opening.clinician_id not in unreachable
            assert all(end <= until for owner, until in known_until if owner == opening.clinician_id)


def deactivate_locations():
    Location.objects.update(is_active=False)


def deactivate_clinicians():
    Clinician.objects.update(is_active=False)


def deactivate_service():
    Service.objects.update(is_active=False)


def delete_working_hours():
    WorkingHours.objects.all().delete()


def add_time_off():
    for clinician in Clinician.objects.all():
        TimeOff.objects.create(
            clinician=clinician, starts_at=database_now(), ends_at=database_now().replace(year=2100, day=1)
        )


def fill_calendars():
    for calendar in Calendar.objects.all():
        now = int(database_now().timestamp())
        store_busy(calendar, [(now, now + 30 * 86_400)])


def add_unread_calendars():
    for clinician in Clinician.objects.all():
        Calendar.objects.create(clinician=clinician, name="Own calendar", url="https://calendar.example/")


def shorten_holds():
    Location.objects.update(hold_seconds=30)


CHANGES = [
    deactivate_locations,
    deactivate_clinicians,
    deactivate_service,
    delete_working_hours,
    add_time_off,
    fill_calendars,
    add_unread_calendars,
    shorten_holds,
]


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_live_holds_can_all_be_confirmed_after_clinic_changes(data):
    with forgotten():
        clinic = make_clinic(data.draw)
        openings = list_openings(clinic)
        if not openings:
            return
        hold = hold_opening(clinic, data.draw(st.sampled_from(openings)))
        for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
            change()

        appointment = confirm_hold(Hold.objects.get(), patient=make_alice(), actor="patient")

        assert Appointment.objects.get() == appointment
        assert (appointment.starts_at, appointment.ends_at) == (hold.starts_at, hold.ends_at)
        kept = Slot.objects.get(pk=hold.slot_id)
        assert (kept.period.lower, kept.period.upper) == padded(clinic.service, hold.starts_at)
        assert kept.expires_at is None

"""Times for patients who stand at the desk."""

from datetime import timedelta

from booking.domain.walk_ins import WalkInTime, find_walk_in_times
from scheduling.models import TimeOff
from tests.conftest import make_clinician

MINUTE = timedelta(minutes=1)


def test_walk_in_times_are_free_squeezed_in_or_double_the_soonest_first(book, at, consultation, dana, harbour):
    """Dana is booked until noon but for twenty minutes; Otis is away until four; Mia is free at half past nine."""
    consultation.buffer_after, consultation.notice = 10 * MINUTE, timedelta(days=1)
    consultation.step = 10 * MINUTE
    consultation.save()
    otis, mia = (make_clinician(name, location=harbour, services=[consultation]) for name in ("Otis Hale", "Mia Moon"))
    TimeOff.objects.create(clinician=otis, starts_at=at(0), ends_at=at(16))
    now = at(9) - timedelta(days=2)
    for moment in (at(9), at(10), at(10, 40), at(11, 20)):
        book(moment)
    book(at(9), clinician=mia)

    found = find_walk_in_times(consultation, harbour, now=at(9, 2))

    assert found == [
        WalkInTime(at(9, 5), "Dana Reed", dana.pk, "double"),
        WalkInTime(at(9, 5), "Mia Moon", mia.pk, "double"),
        WalkInTime(at(9, 30), "Dana Reed", dana.pk, "squeeze"),
        WalkInTime(at(9, 30), "Mia Moon", mia.pk, "squeeze"),
        WalkInTime(at(9, 40), "Mia Moon", mia.pk, "free"),
        WalkInTime(at(13), "Dana Reed", dana.pk, "free"),
        WalkInTime(at(16), "Otis Hale", otis.pk, "free"),
    ]
    assert [each.kind for each in find_walk_in_times(consultation, harbour, now=now, clinician_ids=[dana.pk])] == [
        "free"
    ]


def test_walk_in_after_hours_is_told_the_next_free_time(at, consultation, dana, harbour):
    assert find_walk_in_times(consultation, harbour, now=at(17, 30)) == [
        WalkInTime(at(9) + timedelta(days=1), "Dana Reed", dana.pk, "free")
    ]

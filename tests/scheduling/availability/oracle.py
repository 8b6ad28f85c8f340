"""Random clinics on the days on which clocks change, and the free times of each by looking at every step of the clock.

Shares nothing with what it judges: no intervals, no SQL, only wall clocks. All times are multiples of STEP, as all
offsets of time zones are from 2024 on.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from scheduling.calendars.storing import store_busy
from scheduling.models import (
    Calendar,
    Clinician,
    ExtraHours,
    Location,
    Service,
    Slot,
    TimeOff,
    WorkingHours,
)

STEP = timedelta(minutes=5)
DAY = timedelta(days=1)
YEARS = range(2024, 2031)


@cache
def list_clock_changes() -> list[tuple[str, date]]:
    """Return (zone, date) of all changes of clocks in YEARS, in all time zones."""
    changes = []
    for name in sorted(available_timezones()):
        zone, day = ZoneInfo(name), date(YEARS.start, 1, 1)
        while day.year < YEARS.stop:
            # No zone changes its clock twice in a week.
            days = [day + n * DAY for n in range(8)]
            if get_offset(zone, days[0]) != get_offset(zone, days[-1]):
                changes += [
                    (name, each) for each in days[:-1] if get_offset(zone, each) != get_offset(zone, each + DAY)
                ]
            day = days[-1]
    return changes


def get_offset(zone, day):
    """Return the offset with which a date begins."""
    return datetime.combine(day, time(), zone).utcoffset()


@dataclass
class Case:
    """A clinic as it was written, and what is asked of it: ``start_at`` and ``end_at`` are datetimes or dates."""

    service: Service
    locations: list
    clinicians: list
    hours: list
    time_off: list
    slots: list
    busy: list  # (clinician id, start, end) of their own calendars
    start_at: datetime | date
    end_at: datetime | date
    now: datetime


def write_case(random: Random, zone: str, day: date) -> Case:
    """Write a random clinic with the clock change of that day, to an empty database."""
    around = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    start_at = around + STEP * random.randrange(-144, 144)
    end_at = start_at + STEP * random.choice([1, *range(72, 432)])
    if random.random() < 0.3:
        start_at, end_at = day + random.randrange(-1, 1) * DAY, day + random.randrange(2) * DAY
    zones = [zone, random.choice([zone, "Europe/London", "Asia/Kathmandu"])]
    locations = [
        Location(name=name, city="London", timezone=name_of_zone, is_active=random.random() < 0.9)
        for name, name_of_zone in zip(("Harbour Street", "Mill Lane"), zones, strict=True)
    ]
    clinicians = [Clinician(name=name, is_active=random.random() < 0.9) for name in ("Dana Reed", "Otis Hale")]
    case = Case(
        service=make_service(random),
        locations=Location.objects.bulk_create(locations),
        clinicians=Clinician.objects.bulk_create(clinicians),
        hours=[],
        time_off=[],
        slots=[],
        busy=[],
        start_at=start_at,
        end_at=end_at,
        now=around - STEP * random.choice([0, 100, 300, 600]),
    )
    case.service.save()
    case.service.clinicians.set(clinicians if random.random() < 0.8 else clinicians[:1])
    write_hours(random, case, day)
    write_taken_time(random, case, around)
    return case


def make_service(random):
    pick = random.choice
    return Service(
        name="Consultation",
        slug="consultation",
        mode=pick(Service.Mode.values),
        duration=STEP * pick([1, 3, 6, 9, 12, 20, 48]),
        buffer_before=STEP * pick([0, 0, 1, 3, 12]),
        buffer_after=STEP * pick([0, 0, 1, 2, 12]),
        step=STEP * pick([1, 2, 3, 4, 6, 9, 12, 14, 18]),
        notice=STEP * pick([0, 0, 24, 300]),
        horizon=pick([DAY, 3 * DAY, 60 * DAY]),
        is_active=random.random() < 0.95,
    )


def write_hours(random, case, day):
    """Write up to four weekly rules a clinician, and an extra date: they may overlap, touch and end at midnight."""
    weekly, extra = [], []
    for clinician in case.clinicians:
        for _ in range(random.randint(1, 4)):
            valid_from = random.choice([None, None, day - random.randrange(30) * DAY])
            rule = {
                "clinician": clinician,
                "location": random.choice(case.locations),
                "is_remote": random.random() < 0.3,
                "valid_from": valid_from,
                "valid_until": random.choice([None, None, day + random.randrange(3) * DAY]),
                "every_weeks": random.choice([1, 2, 3]) if valid_from else 1,
                **pick_times(random),
            }
            weekly += [WorkingHours(weekday=weekday, **rule) for weekday in range(7) if random.random() < 0.8]
        if random.random() < 0.4:
            where = {"clinician": clinician, "location": random.choice(case.locations), **pick_times(random)}
            extra.append(ExtraHours(date=day + random.randrange(-1, 2) * DAY, is_remote=False, **where))
    case.hours = [*WorkingHours.objects.bulk_create(weekly), *ExtraHours.objects.bulk_create(extra)]


def pick_times(random):
    start = random.randrange(0, 24 * 12)
    end = min(start + random.choice([3, 12, 36, 60, 96, 288]), 24 * 12)
    return {"start_time": time(start // 12, start % 12 * 5), "end_time": time(end // 12 % 24, end % 12 * 5)}


def write_taken_time(random, case, around):
    """Write time off, slots that are taken, held and lapsed, and what their own calendars say."""

    def stretch(limit):
        start = around + STEP * random.randrange(-200, 432)
        return start, start + STEP * random.randrange(1, limit)

    for _ in range(random.randrange(3)):
        owner = random.choice([{"clinician": case.clinicians[0]}, {"location": case.locations[0]}])
        start, end = stretch(200)
        case.time_off.append(TimeOff(starts_at=start, ends_at=end, **owner))
    TimeOff.objects.bulk_create(case.time_off)
    for clinician in case.clinicians:
        free_from = around - 200 * STEP
        for _ in range(random.randrange(7)):
            free_from += STEP * random.randrange(60)
            end = free_from + STEP * random.randrange(1, 30)
            expires_at = random.choice([None, None, case.now + STEP, case.now - STEP, case.now])
            place = {"clinician": clinician, "location": case.locations[0], "expires_at": expires_at}
            case.slots.append(Slot(period=DateTimeTZRange(free_from, end), taken_at=case.now - DAY, **place))
            free_from = end
    Slot.objects.bulk_create(case.slots)
    if random.random() < 0.5:
        spans = sorted(stretch(100) for _ in range(random.randint(1, 3)))
        spans = [span for n, span in enumerate(spans) if all(span[0] > end for _, end in spans[:n])]
        calendar = Calendar.objects.create(
            clinician=case.clinicians[-1],
            name="own",
            url="https://calendar.example/own.ics",
            last_synced_at=case.now,
            read_until=around + 90 * DAY,
        )
        store_busy(calendar, [(int(start.timestamp()), int(end.timestamp())) for start, end in spans])
        case.busy = [(calendar.clinician_id, *span) for span in spans]


def find_free_times(case: Case) -> set[tuple]:
    """Return (start, clinician id, location id, is by video) of all times that can be booked."""
    return {
        (start, clinician.pk, location.pk, is_remote)
        for clinician in case.clinicians
        for location in case.locations
        for is_remote in (False, True)
        for start in list_free_starts(case, clinician, location, is_remote)
    }


def list_free_starts(case, clinician, location, is_remote):
    service, zone = case.service, ZoneInfo(location.timezone)
    is_offered = service.clinicians.contains(clinician) and service.mode in ("both", ["in_person", "remote"][is_remote])
    if not (is_offered and service.is_active and clinician.is_active and location.is_active):
        return
    rules = [
        hours
        for hours in case.hours
        if (hours.clinician_id, hours.location_id, hours.is_remote) == (clinician.pk, location.pk, is_remote)
    ]
    taken = list_taken(case, clinician, location)
    since = case.start_at if isinstance(case.start_at, datetime) else midnight_near(case.start_at) - DAY
    until = case.end_at if isinstance(case.end_at, datetime) else midnight_near(case.end_at) + 2 * DAY

    @cache
    def get_rules(moment):
        """Return the hours that the wall clock is in."""
        wall = moment.astimezone(zone)
        return [rule for rule in rules if is_on_date(rule, wall.date()) and is_in_hours(rule, wall.time())]

    for moment in steps(since, until):
        if (
            case.now + service.notice <= moment < case.now + service.horizon
            and is_asked_for(case, moment, zone)
            and is_on_a_step(get_rules(moment), moment.astimezone(zone), service.step)
            and all(get_rules(each) for each in steps(moment, moment + service.duration))
            and not any(
                start < moment + service.duration + service.buffer_after and moment - service.buffer_before < end
                for start, end in taken
            )
        ):
            yield moment


def midnight_near(day):
    return datetime.combine(day, time(), UTC)


def is_asked_for(case, moment, zone):
    """Return whether a moment is in the range, or on the local dates, that are asked for."""
    if isinstance(case.start_at, datetime):
        return case.start_at <= moment < case.end_at
    return case.start_at <= moment.astimezone(zone).date() <= case.end_at


def steps(start, end):
    while start < end:
        yield start
        start += STEP


def is_in_hours(rule, wall):
    return rule.start_time <= wall and (wall < rule.end_time or rule.end_time == time())


def is_on_date(rule, day):
    if isinstance(rule, ExtraHours):
        return rule.date == day
    if rule.weekday != day.weekday() or day < (rule.valid_from or day) or day > (rule.valid_until or day):
        return False
    if rule.every_weeks == 1:
        return True
    monday, first_monday = (each - each.weekday() * DAY for each in (day, rule.valid_from))
    return (monday - first_monday).days // 7 % rule.every_weeks == 0


def is_on_a_step(rules, wall, step):
    """Return whether the wall clock shows a whole number of steps since one of its hours began."""
    return any(
        timedelta(hours=wall.hour - rule.start_time.hour, minutes=wall.minute - rule.start_time.minute) % step
        == timedelta()
        for rule in rules
    )


def list_taken(case, clinician, location):
    """Return (start, end) of all that keeps a clinician from being at a location."""
    slots = [
        (slot.period.lower, slot.period.upper)
        for slot in case.slots
        if slot.clinician_id == clinician.pk and (slot.expires_at is None or slot.expires_at > case.now)
    ]
    off = [
        (row.starts_at, row.ends_at)
        for row in case.time_off
        if clinician.pk == row.clinician_id or location.pk == row.location_id
    ]
    return [*slots, *off, *((start, end) for owner, start, end in case.busy if owner == clinician.pk)]

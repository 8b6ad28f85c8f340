"""Take and give back a clinician's time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _
from psycopg.types.range import Range

from scheduling.lib.constraints import get_violated_constraint
from scheduling.lib.lock_waits import LOCK_SECONDS
from scheduling.lib.pipelined_postgresql import execute_later, write_later
from scheduling.models import Clinician, Location, Slot


class SlotTaken(Exception):
    """Another slot of the clinician overlaps the period."""

    message = _("That time has just been taken.")

    def __init__(self, alternatives: Sequence = ()) -> None:
        self.alternatives = alternatives
        super().__init__()


# NO KEY lets others insert rows that point at the clinician. The clock is read outside the CTE, for each row that comes
# out of it, and so after the wait; inside it would be read before.
LOCK_CLINICIAN = """
      WITH locked AS MATERIALIZED (
    SELECT FROM scheduling_clinician WHERE id = %s FOR NO KEY UPDATE)
    SELECT clock_timestamp(), extract(epoch FROM clock_timestamp() - statement_timestamp())::float8 FROM locked
"""


def lock_clinician(clinician_id: UUID) -> datetime:
    """Lock the clinician row until the transaction ends, and return the database time after the wait.

    Every change of a slot starts here: parallel inserts into an exclusion constraint can deadlock, and
    PostgreSQL breaks a deadlock only after a second; behind a row lock there are none. Lock several
    clinicians with lock_clinicians.
    """
    return lock_clinician_later(clinician_id)()


def lock_clinician_later(clinician_id: UUID) -> Callable[[], datetime]:
    """Have the clinician row locked ahead of the next statement; return a function for the time after the wait."""
    cursor = execute_later(LOCK_CLINICIAN, [clinician_id])

    def get_time():
        now, waited = cursor.fetchone()  # pyright: ignore[reportGeneralTypeIssues] (a missing clinician is a bug)
        LOCK_SECONDS.observe(waited)
        return now

    return get_time


def lock_clinicians(*clinician_ids: UUID) -> datetime:
    """Lock several clinicians in primary-key order, the one that cannot deadlock; return the last database time."""
    return [lock_clinician(clinician_id) for clinician_id in sorted(set(clinician_ids))][-1]


# The look before the lock decides nothing: it spares those who see the time taken the wait for the lock, behind which
# they would be refused. The slot's id is told beforehand, so that the slot can be written with what refers to it.
LOCK_UNLESS_TAKEN = """
      WITH locked AS MATERIALIZED (
           SELECT FROM scheduling_clinician
            WHERE id = %(clinician)s
              AND NOT EXISTS (
                  SELECT FROM scheduling_slot
                   WHERE clinician_id = %(clinician)s AND period && %(period)s
                     AND (expires_at IS NULL OR expires_at > statement_timestamp()))
              FOR NO KEY UPDATE)
    SELECT clock_timestamp(), nextval('scheduling_slot_id_seq'),
           extract(epoch FROM clock_timestamp() - statement_timestamp())::float8
      FROM locked
"""
OVERLAPS = "SELECT EXISTS (SELECT FROM scheduling_slot WHERE clinician_id = %s AND period && %s)"
INSERT_FREE_SLOT = """
    INSERT INTO scheduling_slot (id, clinician_id, location_id, period, taken_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


class SlotClaim:
    """A claim on a clinician's time, in two round trips: what is read behind the lock, and what is written with COMMIT.

    The clinician is locked with the next statement. Whatever is asked for between the claim and ``get_time`` is read
    behind the lock, and in its round trip.
    """

    def __init__(self, *, clinician: Clinician, location: Location, period: Range[datetime]):
        self.slot = Slot(clinician=clinician, location=location, period=period)
        self.locked = execute_later(LOCK_UNLESS_TAKEN, {"clinician": clinician.pk, "period": period})
        self.overlap = execute_later(OVERLAPS, [clinician.pk, period])

    def get_time(self) -> datetime:
        """Return the database time after the wait for the lock; raises SlotTaken if the time was seen taken before."""
        row = self.locked.fetchone()
        if row is None:
            raise SlotTaken
        self.slot.taken_at, self.slot.pk, waited = row
        LOCK_SECONDS.observe(waited)
        return self.slot.taken_at

    @property
    def is_clear(self) -> bool:
        """Whether no slot overlaps the period: then neither has one lapsed that would have to be deleted."""
        [overlaps] = self.overlap.fetchone()  # pyright: ignore[reportGeneralTypeIssues] (EXISTS is one row)
        return not overlaps

    def take(self, *, lifetime: timedelta | None = None, until: datetime | None = None) -> Slot:
        """Take the time, which is_clear, as take_slot does."""
        slot = self.slot
        slot.expires_at = _get_expiry(slot.taken_at, lifetime, until)
        when = (slot.period, slot.taken_at, slot.expires_at)
        write_later(INSERT_FREE_SLOT, [slot.pk, slot.clinician_id, slot.location_id, *when])
        slot._state.adding = False
        return slot


def _get_expiry(now, lifetime, until):
    lapses_at = now + lifetime if lifetime else None
    return min(filter(None, [lapses_at, until]), default=None)


# Inserts and returns nothing where another slot is in the way: the constraint refuses one of the same lane, and the
# trigger one of lane 1, which therefore is looked for first. What is double may overlap those of the other lane.
INSERT_SLOT = """
    INSERT INTO scheduling_slot (clinician_id, location_id, period, taken_at, expires_at, lane, is_double)
    SELECT new.* FROM (VALUES (%s::uuid, %s::uuid, %s::tstzrange, %s::timestamptz, %s::timestamptz, %s, %s))
        AS new (clinician_id, location_id, period, taken_at, expires_at, lane, is_double)
     WHERE is_double OR NOT EXISTS (
           SELECT FROM scheduling_slot AS slot
            WHERE slot.clinician_id = new.clinician_id AND slot.lane = 1 AND slot.period && new.period)
        ON CONFLICT DO NOTHING RETURNING id
"""


def take_slot(
    *,
    clinician: Clinician,
    location: Location,
    period: Range[datetime],
    lifetime: timedelta | None = None,
    until: datetime | None = None,
) -> Slot:
    """Take ``period`` of the clinician's time, or raise SlotTaken.

    The slot lasts until it is freed or lapses: with ``lifetime`` that long after now, and ``until`` at the latest.
    """
    with transaction.atomic(savepoint=False):
        now = lock_clinician(clinician.pk)
        slot = Slot(
            clinician=clinician,
            location=location,
            period=period,
            taken_at=now,
            expires_at=_get_expiry(now, lifetime, until),
        )
        is_taken = _insert(slot) or _insert_over_lapsed(slot)
    if not is_taken:
        raise SlotTaken
    return slot


def _insert(slot):
    with connection.cursor() as cursor:
        when = (slot.period, slot.taken_at, slot.expires_at)
        cursor.execute(INSERT_SLOT, [slot.clinician_id, slot.location_id, *when, slot.lane, slot.is_double])
        row = cursor.fetchone()
    slot.pk = row and row[0]
    slot._state.adding = row is None
    return row is not None


HAS_LAPSED = "SELECT FROM scheduling_slot WHERE clinician_id = %s AND period && %s AND expires_at <= %s LIMIT 1"


def _insert_over_lapsed(slot):
    # The constraint cannot mention now(), so a lapsed hold still blocks.
    with connection.cursor() as cursor:
        cursor.execute(HAS_LAPSED, [slot.clinician_id, slot.period, slot.taken_at])
        if cursor.fetchone() is None:
            return False
    before = transaction.savepoint()
    with suppress(ProtectedError):
        if _delete_lapsed(slot.clinician, slot.period, at=slot.taken_at) and _insert(slot):
            transaction.savepoint_commit(before)
            return True
    transaction.savepoint_rollback(before)
    return False


def move_slot(
    slot: Slot, *, clinician: Clinician, location: Location, period: Range[datetime], at: datetime | None = None
) -> None:
    """Exchange the slot's time for another ``period``, or raise SlotTaken and keep it as it is.

    ``at`` is when, if both clinicians are locked since: what lapses after it still has its time, or the event of the
    move would say that two had it.
    """
    with refusing_overlap():
        now = at or lock_clinicians(slot.clinician_id, clinician.pk)
        _delete_lapsed(clinician, period, at=now, spare=slot)
        _exchange(slot, clinician, location, period, now)


def take_double(*, clinician: Clinician, location: Location, period: Range[datetime]) -> Slot:
    """Take ``period`` of a clinician's time over other slots, or raise SlotTaken where two overlap already.

    In the same transaction it must be given to an appointment with an override reason: the database refuses it else.
    """
    with refusing_overlap():
        slot = Slot(clinician=clinician, location=location, period=period, is_double=True)
        slot.taken_at = lock_clinician(clinician.pk)
        _make_way(clinician, period, at=slot.taken_at)
        for lane in DOUBLE_LANES:
            slot.lane = lane
            if _insert(slot):
                return slot
        raise SlotTaken


def move_double(slot: Slot, *, clinician: Clinician, location: Location, period: Range[datetime]) -> None:
    """Exchange the slot's time as move_slot does, for one over other slots as take_double takes it."""
    with refusing_overlap():
        now = lock_clinicians(slot.clinician_id, clinician.pk)
        _make_way(clinician, period, at=now, spare=slot)
        for lane in DOUBLE_LANES:
            with suppress(SlotTaken), refusing_overlap():
                return _exchange(slot, clinician, location, period, now, lane=lane, is_double=True)
        raise SlotTaken


DOUBLE_LANES = (1, 0)  # lane 0 over a slot of lane 1
# What lane 1 is no longer needed for.
LEAVE_LANE_1 = """
    UPDATE scheduling_slot AS slot SET lane = 0
     WHERE clinician_id = %(clinician)s AND period && %(period)s AND lane = 1 AND id IS DISTINCT FROM %(spare)s
       AND NOT EXISTS (
           SELECT FROM scheduling_slot AS other
            WHERE other.clinician_id = slot.clinician_id AND other.lane = 0 AND other.period && slot.period)
"""


def _make_way(clinician, period, *, at, spare=None):
    """Free lane 1 as far as it can be, for a slot over ``period``; ``spare`` is that slot, if it has a time already."""
    _delete_lapsed(clinician, period, at=at, spare=spare)
    with connection.cursor() as cursor:
        cursor.execute(LEAVE_LANE_1, {"clinician": clinician.pk, "period": period, "spare": spare and spare.pk})


@contextmanager
def refusing_overlap() -> Iterator[None]:
    """Undo what is done inside and raise SlotTaken, where another slot is in the way."""
    try:
        with transaction.atomic():
            yield
    except ProtectedError as error:
        raise SlotTaken from error
    except IntegrityError as error:
        if get_violated_constraint(error) == Slot.NO_OVERLAP:
            raise SlotTaken from error
        raise


def _exchange(slot, clinician, location, period, now, *, lane=0, is_double=False):
    changes = {"clinician": clinician, "location": location, "period": period, "taken_at": now}
    if not Slot.objects.filter(pk=slot.pk).update(**changes, lane=lane, is_double=is_double):
        raise SlotTaken
    slot.refresh_from_db()


def _delete_lapsed(clinician, period, *, at, spare=None):
    """Delete the lapsed slots that overlap ``period``, and return whether there were any.

    Raises ProtectedError if a booking still needs one of them: the caller must end that booking first.
    """
    lapsed = Slot.objects.filter(clinician=clinician, period__overlap=period, expires_at__lte=at)
    deleted, _ = lapsed.exclude(pk=spare and spare.pk).delete()
    return deleted > 0


def set_slot_expiry(slot_id: int | None, *, expires_at: datetime | None) -> None:
    """Let a slot lapse at ``expires_at``, or never with None. Raise SlotTaken if it is gone.

    The caller holds the clinician's lock, and has read the id behind it: it becomes null with the slot.
    """
    if slot_id is None:
        raise SlotTaken
    write_later("UPDATE scheduling_slot SET expires_at = %s WHERE id = %s", [expires_at, slot_id])


def free_slot(slot_id: int | None) -> None:
    """Delete a slot, which gives its time back. Idempotent."""
    Slot.objects.filter(pk=slot_id).delete()

"""Taking and giving back a clinician's time."""

from contextlib import suppress

from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from scheduling.models import Slot


class SlotTaken(Exception):
    """Another slot of the clinician overlaps the period."""

    message = _("That time has just been taken.")

    def __init__(self, alternatives=()):
        self.alternatives = alternatives
        super().__init__()


def lock_clinician(clinician_id):
    """Wait until no other transaction takes or gives back this clinician's time, and return the time then.

    Every change of a slot starts here: parallel inserts into an exclusion constraint can deadlock, and
    PostgreSQL breaks a deadlock only after a second; behind a row lock there are none. To lock several
    clinicians, go in primary-key order.
    """
    with connection.cursor() as cursor:
        # NO KEY: rows that merely point at the clinician may still be inserted meanwhile. The clock is read
        # outside the CTE, for each row that comes out of it, and so after the wait; inside it would be before.
        cursor.execute(
            """WITH locked AS MATERIALIZED (
                   SELECT FROM scheduling_clinician WHERE id = %s FOR NO KEY UPDATE)
               SELECT clock_timestamp() FROM locked""",
            [clinician_id],
        )
        return cursor.fetchone()[0]


def lock_clinicians(*clinician_ids):
    """Like lock_clinician for several, in the one order that cannot deadlock."""
    return [lock_clinician(clinician_id) for clinician_id in sorted(set(clinician_ids))][-1]


# Adds nothing and returns nothing where the constraint refuses.
TAKE = """
    INSERT INTO scheduling_slot (clinician_id, location_id, period, taken_at, expires_at)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""


def take_slot(*, clinician, location, period, lifetime=None):
    """Take ``period`` of the clinician's time, or raise SlotTaken.

    The slot is kept until it is freed or, with ``lifetime`` (a timedelta), lapses that long after now.
    """
    with transaction.atomic(savepoint=False):
        now = lock_clinician(clinician.pk)
        slot = Slot(
            clinician=clinician,
            location=location,
            period=period,
            taken_at=now,
            expires_at=lifetime and now + lifetime,
        )
        is_ours = _take(slot) or _take_from_lapsed(slot)
    if not is_ours:
        raise SlotTaken
    return slot


def _take(slot):
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [slot.clinician_id, slot.location_id, slot.period, slot.taken_at, slot.expires_at])
        row = cursor.fetchone()
    slot.pk = row and row[0]
    slot._state.adding = row is None
    return row is not None


HAS_LAPSED = "SELECT FROM scheduling_slot WHERE clinician_id = %s AND period && %s AND expires_at <= %s LIMIT 1"


def _take_from_lapsed(slot):
    # The constraint cannot mention now(), so a lapsed hold still blocks.
    with connection.cursor() as cursor:
        cursor.execute(HAS_LAPSED, [slot.clinician_id, slot.period, slot.taken_at])
        if cursor.fetchone() is None:
            return False
    before = transaction.savepoint()
    with suppress(ProtectedError):
        if _delete_lapsed(slot.clinician, slot.period, at=slot.taken_at) and _take(slot):
            transaction.savepoint_commit(before)
            return True
    transaction.savepoint_rollback(before)
    return False


def move_slot(slot, *, clinician, location, period):
    """Take another ``period`` in place of the slot's own, or raise SlotTaken and keep that."""
    try:
        with transaction.atomic():
            now = lock_clinicians(slot.clinician_id, clinician.pk)
            _delete_lapsed(clinician, period, at=now, spare=slot)
            moved = Slot.objects.filter(pk=slot.pk).update(
                clinician=clinician, location=location, period=period, taken_at=now
            )
            if not moved:
                raise SlotTaken
            slot.refresh_from_db()
    except ProtectedError as error:
        raise SlotTaken from error
    except IntegrityError as error:
        if violated_constraint(error) == Slot.NO_OVERLAP:
            raise SlotTaken from error
        raise


def _delete_lapsed(clinician, period, *, at, spare=None):
    """Delete the lapsed slots in the way, and return whether there were any.

    Raises ProtectedError where one is still needed by what it was taken for: that has to be ended first.
    """
    lapsed = Slot.objects.filter(clinician=clinician).overlapping(period).lapsed(at=at)
    deleted, _ = lapsed.exclude(pk=spare and spare.pk).delete()
    return deleted > 0


def set_slot_expiry(slot_id, *, expires_at):
    """Let a slot lapse at ``expires_at`` instead, or never with None; under the clinician's lock. Raises SlotTaken."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE scheduling_slot SET expires_at = %s WHERE id = %s", [expires_at, slot_id])
        if not cursor.rowcount:
            raise SlotTaken


def free_slot(slot_id):
    """Give the time of a slot back; one that is already gone is fine."""
    Slot.objects.filter(pk=slot_id).delete()


def violated_constraint(error):
    """Return the name of the constraint behind an IntegrityError."""
    return error.__cause__.diag.constraint_name

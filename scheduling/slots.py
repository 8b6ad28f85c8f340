"""Taking and giving back a clinician's time."""

from django.db import IntegrityError, connection, transaction

from .models import Clinician, Slot


class SlotTaken(Exception):
    """That time has just been taken."""


def database_now():
    """Return the database's clock: unlike ``now()`` it does not stand still in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def lock_clinician(clinician_id):
    """Wait until no other transaction takes or gives back this clinician's time, and return the time then.

    Every change of a slot starts here: parallel inserts into an exclusion constraint can deadlock, and
    PostgreSQL breaks a deadlock only after a second; behind a row lock there are none. To lock several
    clinicians, go in primary-key order.
    """
    # NO KEY: rows that merely point at the clinician may still be inserted meanwhile.
    Clinician.objects.select_for_update(no_key=True).only("pk").get(pk=clinician_id)
    return database_now()  # asked after the wait, in a statement of its own


def take_slot(*, clinician, location, period, lasting=None):
    """Take ``period`` of the clinician's time, or raise SlotTaken.

    The slot is kept until it is freed or, with ``lasting`` (a timedelta), lapses that long after now.
    """
    try:
        with transaction.atomic():
            now = lock_clinician(clinician.pk)
            # The constraint cannot mention now(), so a lapsed hold still blocks inserts.
            clinician.slots.overlapping(period).lapsed(at=now).delete()
            return Slot.objects.create(
                clinician=clinician, location=location, period=period,
                taken_at=now, expires_at=lasting and now + lasting,
            )
    except IntegrityError as error:
        if violated_constraint(error) == Slot.NO_OVERLAP:
            raise SlotTaken from error
        raise


def prolong_slot(slot_id, *, expires_at):
    """Let a slot lapse at ``expires_at`` instead, or never with None; under the clinician's lock."""
    if not Slot.objects.filter(pk=slot_id).update(expires_at=expires_at):
        raise SlotTaken


def free_slot(slot_id):
    """Give the time of a slot back; one that is already gone is fine."""
    Slot.objects.filter(pk=slot_id).delete()


def violated_constraint(error):
    """Return the name of the constraint behind an IntegrityError."""
    return error.__cause__.diag.constraint_name

"""Idempotency keys: store a request's response in the transaction of its effect, and replay it for repeats.

What is stored has personal data and the tokens of holds, so it is encrypted.
"""

from datetime import timedelta

import orjson
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from psycopg.errors import LockNotAvailable

from booking.models import IdempotentAnswer
from scheduling.lib.encrypted_bytes import UnreadableBytes, decrypt, encrypt

RETENTION = timedelta(hours=24)
LOCK_TIMEOUT = "2s"


class KeyReused(Exception):
    """The Idempotency-Key belongs to a request with another body or route."""

    message = _("That Idempotency-Key was used for a different request.")


class KeyInFlight(Exception):
    """A request with the same Idempotency-Key has not finished."""

    message = _("The first request with that Idempotency-Key is still running.")


class NotStored(Exception):
    """Raised by an effect to roll back everything, including the record; carries the response."""

    def __init__(self, answer):
        self.answer = answer


@transaction.atomic
def run_once(effect, *, holder, route, idempotency_key, request_hash):
    """Return ``(answer, is_replay)``: the result of ``effect()``, or the stored one of the same request.

    ``effect`` returns that and the ids in the body, and runs in this transaction, so that a crash leaves neither effect
    nor record. If it raises NotStored, both are rolled back; if it returns an error status, only its effect is. A
    concurrent duplicate waits up to two seconds. Raises KeyReused or KeyInFlight.
    """
    identity = {"api_key_holder": holder, "route": route, "idempotency_key": idempotency_key}
    if _claim(identity, request_hash):
        answer, about = _run_and_undo_refused(effect)
        stored = {"status": answer[0], "body": _encrypt(answer, request_hash), "about": about}
        IdempotentAnswer.objects.filter(**identity).update(**stored)
        return answer, False
    earlier = find_answer(holder, route, idempotency_key, request_hash)
    if earlier is None:  # it expired just now, or cannot be read any more
        raise KeyInFlight
    return earlier, True


def find_answer(holder, route, idempotency_key, request_hash):
    """Return the stored ``(status, body, headers)`` of the same request, or None.

    Raises KeyReused, and KeyInFlight for one that no present key decrypts: it must not be done again.
    """
    earlier = IdempotentAnswer.objects.filter(
        api_key_holder=holder, route=route, idempotency_key=idempotency_key, created_at__gte=timezone.now() - RETENTION
    ).first()
    if earlier is None:
        return None
    if bytes(earlier.request_hash) != request_hash:
        raise KeyReused
    return _decrypt(earlier)


ENCRYPTED = b"\x01"  # no answer begins so: the releases before stored them in clear


def _encrypt(answer, request_hash):
    _, body, headers = answer
    return ENCRYPTED + encrypt(orjson.dumps(headers) + b"\n" + body, belongs_to=request_hash)


def _decrypt(record):
    stored = bytes(record.body)
    if not stored.startswith(ENCRYPTED):
        return record.status, stored, record.headers
    try:
        clear = decrypt(stored.removeprefix(ENCRYPTED), belongs_to=bytes(record.request_hash))
    except UnreadableBytes as error:
        raise KeyInFlight from error
    headers, _, body = clear.partition(b"\n")
    return record.status, body, orjson.loads(headers)


def _run_and_undo_refused(effect):
    before = transaction.savepoint()
    answer = effect()
    if answer[0][0] >= 400:
        transaction.savepoint_rollback(before)
    else:
        transaction.savepoint_commit(before)
    return answer


# A record whose day is over is taken over in place; one that is younger, or being made, is left alone.
CLAIM = """
    INSERT INTO booking_idempotentanswer AS record
           (api_key_holder, route, idempotency_key, request_hash, status, body, headers, about, created_at)
    VALUES (%(api_key_holder)s, %(route)s, %(idempotency_key)s, %(request_hash)s, 0, '', '{}', '{}', %(now)s)
        ON CONFLICT (api_key_holder, route, idempotency_key) DO UPDATE
       SET request_hash = EXCLUDED.request_hash, status = 0, body = '', headers = '{}', about = '{}',
           created_at = EXCLUDED.created_at
     WHERE record.created_at < %(oldest)s
"""


def _claim(identity, request_hash):
    """Insert the record and return whether it is new, after waiting for a concurrent insert to end."""
    try:
        with connection.cursor() as cursor:
            # Set here too, not only by booking.ops.deadlines: without it a duplicate would wait forever.
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
            now = timezone.now()
            cursor.execute(CLAIM, {**identity, "request_hash": request_hash, "now": now, "oldest": now - RETENTION})
            return cursor.rowcount == 1
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise KeyInFlight from error
        raise


# In batches: after a rush one statement for all would hold on to millions of rows at once.
FORGET = """
    DELETE FROM booking_idempotentanswer WHERE id IN (
           SELECT id FROM booking_idempotentanswer WHERE created_at < %s LIMIT 5000)
"""


def forget_old_answers():
    """Delete stored responses older than RETENTION."""
    before = timezone.now() - RETENTION
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [before])
        while cursor.rowcount:
            cursor.execute(FORGET, [before])

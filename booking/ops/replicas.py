"""Which reads may go to a streaming replica, and whether one is fresh enough: REPLICA_URLS, REPLICA_MAX_LAG.

A replica is fresh while it has replayed all that the primary had written REPLICA_MAX_LAG seconds ago. For that both
are asked for their positions in the log, twice a second by each process. The time of the last transaction that was
replayed would say nothing where nobody writes, and the clocks of two machines differ.
"""

import logging
import os
from collections.abc import Callable
from functools import cache, partial, wraps
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.http import HttpRequest

from booking.access import recent_writes
from scheduling.lib.reading import reading_from

T = TypeVar("T")
logger = logging.getLogger("booking.database")

LOOK_SECONDS = 0.5
MAX_RETRY_SECONDS = 30  # after a failure; after the first ones it is less
# A replica that hangs holds up one answer for so long, in each thread that asks it before the first has found out.
TIMEOUT_SECONDS = 1
# Of a statement that is in the way of what the replica replays: it is well.
CANCELLED = ("40001", "40P01")
NEVER = float("-inf")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Parameters of the patient's pages that name what a patient has done: held a time, proved a contact.
TOKENS = ("hold", "me", "proof")

# What was acknowledged is flushed. A replica has its primary's identity, and no other database has.
IDENTITY = """
    (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid::bigint FROM pg_database WHERE datname = current_database())
"""
ASK_PRIMARY = f"SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint, {IDENTITY}"
ASK_REPLICA = f"SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint, {IDENTITY}, pg_is_in_recovery()"


class State(NamedTuple):
    """How a replica is: ``ok``, ``behind``, ``away`` or ``not a replica``.

    ``lag`` is how many seconds ago the primary had no more than the replica has now, at most; None is unknown.
    """

    name: str
    status: str
    lag: float | None


class Replica:
    """What this process knows of a replica: that it has all that the primary had at ``confirmed_at``."""

    def __init__(self, alias: str):
        self.alias, self.looking = alias, Lock()
        self.positions = ()  # (when the primary was asked, how far it had written), of the last REPLICA_MAX_LAG seconds
        self.look_at = self.confirmed_at = NEVER
        self.is_away, self.is_replica, self.failures = True, True, 0

    @property
    def is_fresh(self) -> bool:
        return monotonic() - self.confirmed_at <= settings.REPLICA_MAX_LAG

    @property
    def state(self) -> State:
        lag = None if self.confirmed_at == NEVER else round(monotonic() - self.confirmed_at, 3)
        if self.is_away:
            return State(self.alias, "away", None)
        return State(self.alias, ("ok" if self.is_fresh else "behind") if self.is_replica else "not a replica", lag)

    def is_usable(self) -> bool:
        """Return whether to read from it, after a look where that is due; nobody waits for another thread's look."""
        if not self.is_away and connections[self.alias].connection is None:
            # A server that was started again may at first show less than it has shown before.
            self.confirmed_at = NEVER
            self.look()
        elif monotonic() >= self.look_at and self.looking.acquire(blocking=False):
            try:
                self.look()
            finally:
                self.looking.release()
        return self.is_fresh

    def look(self) -> None:
        """Ask the primary and then the replica how far they are."""
        asked_at = monotonic()
        self.look_at = asked_at + LOOK_SECONDS
        written, *identity = fetch_row(DEFAULT_DB_ALIAS, ASK_PRIMARY)
        try:
            self.connect()
            replayed, *own, is_in_recovery = fetch_row(self.alias, ASK_REPLICA)
        except (OperationalError, InterfaceError) as error:
            self.record_failure(error)
            return
        self.is_away, self.failures, self.is_replica = False, 0, is_in_recovery and own == identity
        if not self.is_replica:
            self.confirmed_at = NEVER
            return
        recent = [position for position in self.positions if asked_at - position[0] <= settings.REPLICA_MAX_LAG]
        self.positions = (*recent, (asked_at, written))
        self.confirmed_at = max([at for at, position in self.positions if position <= replayed] + [self.confirmed_at])

    def connect(self) -> None:
        wrapper = connections[self.alias]
        if wrapper.connection is None:
            wrapper.ensure_connection()
            # The server ends a statement that takes too long, but not where it hangs itself.
            opened: Any = wrapper.connection
            opened.wait = partial(opened.wait, timeout=TIMEOUT_SECONDS)

    def record_failure(self, error: Exception) -> None:
        """Ask it no more for a second, or longer each time, unless it had to cancel what it was asked."""
        connections[self.alias].close()
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        if sqlstate not in CANCELLED:
            self.is_away, self.confirmed_at = True, NEVER
            self.look_at = monotonic() + min(2**self.failures, MAX_RETRY_SECONDS)
            self.failures = min(self.failures + 1, 5)
        fields = {"replica": self.alias, "cause": type(error.__cause__).__name__, "sqlstate": sqlstate}
        logger.warning("a replica did not answer", extra={"fields": fields})


def fetch_row(alias: str, statement: str) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


@cache
def list_replicas() -> list[Replica]:
    """Return the replicas in the order in which this process prefers them: each process opens connections to one."""
    aliases = settings.REPLICAS
    first = os.getpid() % len(aliases) if aliases else 0
    return [Replica(alias) for alias in (*aliases[first:], *aliases[:first])]


def get_fresh_alias() -> str:
    """Return the alias of the database that read_from_replica would read from, without a look at any."""
    return next((replica.alias for replica in list_replicas() if replica.is_fresh), DEFAULT_DB_ALIAS)


def get_states() -> list[State]:
    """Return how each replica is, after a look where one is due. A connection that is opened for it is closed again."""
    for replica in list_replicas():
        is_open = connections[replica.alias].connection is not None
        replica.is_usable()
        if not is_open:
            connections[replica.alias].close()
    return sorted(replica.state for replica in list_replicas())


def read_from_replica(request: HttpRequest, read: Callable[[], T]) -> T:
    """Return ``read()``, which reads from a replica where that is fresh and the caller has written nothing lately.

    Otherwise it reads from the primary, and so it does once more when the replica fails or cancels a statement.
    """
    replica = find_replica(request)
    if replica:
        try:
            with reading_from(replica.alias):
                return read()
        except (OperationalError, InterfaceError) as error:
            replica.record_failure(error)
    return read()


def find_replica(request: HttpRequest) -> Replica | None:
    """Return the replica that a request may read from, if any: staff and those who show a token read the primary."""
    if (
        not settings.REPLICAS
        or request.method not in SAFE_METHODS
        or settings.SESSION_COOKIE_NAME in request.COOKIES
        or any(name in request.GET for name in TOKENS)
    ):
        return None
    usable = next((replica for replica in list_replicas() if replica.is_usable()), None)
    return None if usable is None or recent_writes.has_written(request) else usable


def from_replica(view: Callable) -> Callable:
    """Decorate a view that only reads: see read_from_replica."""

    @wraps(view)
    def wrapper(request, **kwargs):
        return read_from_replica(request, lambda: view(request, **kwargs))

    return wrapper


def note_writes(get_response):
    """Middleware that has whoever has written something read the primary until every fresh replica has it."""

    def middleware(request):
        response = get_response(request)
        if request.method not in SAFE_METHODS:
            recent_writes.note(request)
        return response

    return middleware

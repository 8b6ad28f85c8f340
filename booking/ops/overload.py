"""Which requests wait for a thread of the web server, in which order, and which are refused at once.

A crowd may wait: a hundred patients who press the same time at once are all answered, a second later. When requests
keep coming faster than they are answered, whoever waits only waits for nothing: then the last to come is the next of
those who look, so that they are answered nearly as fast as ever, and all others are told within a moment to come back.
"""

import re
from collections import deque
from collections.abc import Hashable
from enum import IntEnum
from typing import NamedTuple

from booking.settings import WAITING_ROOM

MAX_CROWD = 100  # that may wait in one process, while it is no overload
MAX_WAIT_SECONDS = 5.0
# While it is one, of those who look
MAX_RUNNING = 3  # at most, see Pace; the other threads are for those who go first
STUCK_SECONDS = 0.5  # Who has run for so long waits for somebody else, a lock perhaps, and keeps no other out.
MAX_QUEUE = 5  # of the last to come
MAX_QUEUE_SECONDS = 0.1
OTHERS_TURN = 4  # One of so many turns is the next rank's, in turn: how urgent it is anybody may say of a request.
CALM_SECONDS = 1.0  # without a refusal, and it is none any more


class State:
    """How it stands in this process, for the waiting room."""

    is_overloaded = False
    is_pressed = False  # more wait for a thread than there are
    has_line = False


state = State()


class Rank(IntEnum):
    """Who goes first. Only those who look are refused as soon as there are too many."""

    URGENT = 0  # health probes, and staff
    HOLDING = 1  # who has a time already: a hold, an appointment, an order; and files, which are cheap
    IN_LINE = 2  # who is told their place in line, which is cheap too
    LOOKING = 3


LANGUAGE = rb"(?:/[a-z]{2}(?=/))?(?:/in/[A-Za-z0-9_-]+)?"
ID = rb"/(?:[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{20,})"
RANKS = [
    (Rank.URGENT, re.compile(rb"[A-Z]+ /(?:healthz|metrics|admin)(?:[/?]| )")),
    (Rank.HOLDING, re.compile(rb"[A-Z]+ /(?:static|images|brand|sms|api/providers)/")),
    (
        Rank.HOLDING,
        re.compile(rb"[A-Z]+ " + LANGUAGE + rb"/(?:hold|appointment|order|another-time|waiting|verify|r)/[^/? ]"),
    ),
    (Rank.IN_LINE, re.compile(rb"GET (?:/[a-z]{2})?/line/")),
    (Rank.HOLDING, re.compile(rb"(?:POST|PUT|PATCH|DELETE|OPTIONS) /(?:api|onsched|junction)/[^? ]*" + ID + rb"[/? ]")),
]


# Who would be let in, refused, or sent to the waiting room: booking.widget.waiting_room.ENTRANCE, without a hold.
NEWCOMER = re.compile(
    rb"(?:GET|POST) (?:/[a-z]{2}(?=/))?/(?:book/[^/ ?]+/(?:hold|proof|wait)?|(?:clinicians|locations)/[^ ?]*)?"
    rb"(?:\?(?![^ ]*hold=)[^ ]*)? "
)


def get_rank(head):
    """Return the Rank of a request, of which ``head`` has the first line at least."""
    rank = next((rank for rank, pattern in RANKS if pattern.match(head)), Rank.LOOKING)
    if (
        rank is Rank.LOOKING
        and WAITING_ROOM == "automatic"
        and (state.is_overloaded or state.has_line)
        and NEWCOMER.match(head)
    ):
        return Rank.IN_LINE
    return rank


class Pace:
    """How many of those who look may run at once in an overload: as many as finish nearly as fast as in the calm.

    One more, when there is a processor for it, is one more that is answered. Otherwise all of them take longer, those
    who hold a time too, and no more are answered than before.
    """

    SLOWER = 2.0  # than usual, at most
    SAMPLE = 20  # requests, by whose mean it is judged

    def __init__(self):
        self.usual = 0.01  # seconds, of a request that begins alone
        self.limit = 1
        self.count, self.seconds = 0, 0.0

    def start(self):
        """Begin an overload."""
        self.limit = 1
        self.count, self.seconds = 0, 0.0

    def note_usual(self, seconds):
        """Take in how long a request took that began when no other ran; one that waited for a lock is not usual."""
        self.usual += (min(seconds, self.usual * 4) - self.usual) / self.SAMPLE

    def note(self, seconds):
        """Take in how long one of those who look took in an overload, from its arrival."""
        self.count, self.seconds = self.count + 1, self.seconds + seconds
        if self.count == self.SAMPLE:
            is_slow = self.seconds / self.count > self.usual * self.SLOWER
            self.limit = max(1, min(MAX_RUNNING, self.limit + (-1 if is_slow else 1)))
            self.count, self.seconds = 0, 0.0


class Run(NamedTuple):
    """A request that has a thread: since when, and since when it is here."""

    rank: Rank
    arrived: float
    begun: float
    is_alone: bool


class RequestQueue:
    """The requests that wait, by rank, and those that run. Whatever is put in comes out of ``take`` or ``refuse``."""

    def __init__(self, threads):
        self.threads = threads
        self.waiting = {rank: deque() for rank in Rank}  # of (since, request)
        self.running: dict[Hashable, Run] = {}
        self.taken = 0
        self.is_overloaded = False
        self.refused_at = 0.0
        self.pace = Pace()

    def __len__(self):
        return sum(map(len, self.waiting.values()))

    def put(self, request, rank, now):
        self.waiting[rank].append((now, request))

    def take(self, now):
        """Return the next request that a thread may have, which then counts as running, or None."""
        if len(self.running) < self.threads:
            for rank in self.list_turns():
                if self.waiting[rank] and not self.is_limited(rank, now):
                    is_last_first = self.is_overloaded and rank is Rank.LOOKING
                    arrived, request = self.waiting[rank].pop() if is_last_first else self.waiting[rank].popleft()
                    self.running[request] = Run(rank, arrived, now, is_alone=not self.running)
                    self.taken += 1
                    return request
        return None

    def list_turns(self):
        """Return the ranks in the order of their turns."""
        turns = list(Rank)
        number, rest = divmod(self.taken, OTHERS_TURN)
        if rest == OTHERS_TURN - 1:
            turns.insert(0, Rank(Rank.LOOKING - number % Rank.LOOKING))
        return turns

    def is_limited(self, rank, now):
        if rank is not Rank.LOOKING or not self.is_overloaded:
            return False
        ages = [now - run.begun for run in self.running.values() if run.rank is rank]
        return len(ages) >= MAX_RUNNING or sum(age < STUCK_SECONDS for age in ages) >= self.pace.limit

    def finish(self, request, now):
        """Note that a request is answered."""
        run = self.running.pop(request)
        if run.rank is Rank.LOOKING and self.is_overloaded:
            self.pace.note(now - run.arrived)
        elif run.rank is Rank.LOOKING and run.is_alone:
            self.pace.note_usual(now - run.begun)

    def refuse(self, now):
        """Return the requests that are to be refused now."""
        refused = []
        for rank in (Rank.HOLDING, Rank.IN_LINE, Rank.LOOKING):
            requests = self.waiting[rank]
            if len(requests) > MAX_CROWD or (requests and now - requests[0][0] > MAX_WAIT_SECONDS):
                if not self.is_overloaded:
                    self.pace.start()
                self.is_overloaded, self.refused_at = True, now
            seconds = MAX_WAIT_SECONDS
            if self.is_overloaded and rank is Rank.LOOKING:
                seconds = MAX_QUEUE_SECONDS
                while len(requests) > MAX_QUEUE:
                    refused.append(requests.popleft()[1])
            while len(requests) > MAX_CROWD:  # the last to come: the first have waited longest
                refused.append(requests.pop()[1])
            while requests and now - requests[0][0] > seconds:
                refused.append(requests.popleft()[1])
        if refused:
            self.refused_at = now
        elif self.is_overloaded and now - self.refused_at > CALM_SECONDS:
            self.is_overloaded = False
        state.is_overloaded = self.is_overloaded
        state.is_pressed = self.is_overloaded or len(self.waiting[Rank.LOOKING]) > self.threads
        return refused

"""How a worker runs the outbox: a clerk claims what is due, threads do it, the clerk writes down how it went.

Each process of the worker has one Runner. It asks the database by itself: neither Redis nor beat is needed,
and a Celery task that takes long delays nothing. What a killed process was at is due again when its claims lapse.
"""

import logging
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from django.db import connections

from . import outbox
from .handlers import HANDLERS, attempt

logger = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two looks at what is due
PAUSE = 0.03  # and when it is busy, so that many messages are claimed and settled at once
THREADS = 128
# At one time in one process. An endpoint that answers soon is given more at once, one that fails fewer:
# so those that hang, however many messages wait for them, leave nearly all threads to the others.
FEW, MOST = 4, 32
SOON = 1.0
OF_A_FAMILY = 8  # mail servers allow few connections, and each of these may use one of PostgreSQL's


class Runner:
    """Runs messages from start() to stop()."""

    def __init__(self):
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="outbox")
        self.clerk = threading.Thread(target=self._keep_going, name="outbox clerk", daemon=True)
        self.woken, self.stopping = threading.Event(), threading.Event()
        self.ended = SimpleQueue()
        # What follows is the clerk's alone.
        self.unsettled = []
        self.under_way = Counter()
        self.most = defaultdict(lambda: FEW) | dict.fromkeys(map(outbox.family_of, HANDLERS), OF_A_FAMILY)

    def start(self):
        self.clerk.start()

    def stop(self, *, within):
        """Claim no more, and give what is under way so many seconds to end."""
        self.stopping.set()
        self.woken.set()
        if self.clerk.is_alive():
            self.clerk.join(within)

    def _keep_going(self):
        waits = False
        while not self.stopping.is_set() or self.under_way.total():
            self.woken.wait(EVERY)
            self.woken.clear()
            try:
                self._settle()
                if not self.stopping.is_set():
                    self._hand_out()
                waits = False
            except Exception as error:  # noqa: BLE001 the clerk goes on whatever happens, or nothing is sent any more
                # Most often the database is away. What is not settled stays on the list.
                if not waits:
                    logger.warning("the outbox waits for the database: %s", type(error).__name__)
                waits = True
                connections.close_all()
            self.stopping.wait(PAUSE)
        connections.close_all()

    def _settle(self):
        while not self.ended.empty():
            outcome = self.ended.get()
            self.unsettled.append(outcome)
            queue = outbox.queue_of(outcome.message)
            self.under_way[queue] -= 1
            if outcome.message.endpoint_id:
                self.most[queue] = self._room_after(outcome, self.most[queue])
        outbox.settle(self.unsettled)
        self.unsettled = []

    def _room_after(self, outcome, room):
        if outcome.status != outbox.Status.DONE:
            return FEW
        return min(2 * room, MOST) if outcome.seconds < SOON else room

    def _hand_out(self):
        free = THREADS - self.under_way.total()
        if free == 0:
            return
        # Fewer than none where one that is given fewer now still has more under way.
        rooms = {queue: max(0, self.most[queue] - self.under_way[queue]) for queue in {*self.most, *self.under_way}}
        for message in outbox.claim(kinds=HANDLERS, rooms=rooms, room=FEW, most=free):
            self.under_way[outbox.queue_of(message)] += 1
            self.threads.submit(self._run, message)

    def _run(self, message):
        try:
            self.ended.put(attempt(message))
        finally:
            connections.close_all()  # this thread's
            self.woken.set()

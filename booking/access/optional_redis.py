"""The Redis of REDIS_URL, which may be away: bookings go on without it."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis, RedisError, exceptions
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

# When Redis hangs, one request waits this long, and others skip Redis for BACKOFF_SECONDS.
TIMEOUT_SECONDS = 0.5
BACKOFF_SECONDS = 5


def connect(url: str, *, timeout: float) -> Redis:
    """Return a client that tries once, for ``timeout`` seconds."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0))


class OptionalRedis:
    """A Redis that answers None while it is down, and is probed by one request every BACKOFF_SECONDS then."""

    def __init__(self, url: str):
        self.client = connect(url, timeout=TIMEOUT_SECONDS)
        self.scripts: dict[str, Script] = {}  # by their text
        self.of_thread = threading.local()
        self.retry_at: float | None = None

    def ask(self, question: Callable[[Redis], Any]) -> Any:
        """Return what Redis answers to ``question(client)``, or None while it is down."""
        if self.retry_at is not None:
            if time.monotonic() < self.retry_at:
                return None
            self._back_off()  # this request probes Redis; concurrent ones skip it
        try:
            answer = question(self.client)
        except RedisError:
            self._back_off()
            return None
        self.retry_at = None
        return answer

    def run(self, script: str, keys: Sequence[str], values: Sequence[Any]) -> Any:
        """Return what a Lua script says, or None while Redis is down."""
        return self.ask(lambda client: self._call(script, keys, values))

    def _call(self, text, keys, values):
        """Call a script on the thread's own connection: the pool, hooks and retries take longer than Redis does."""
        script = self.scripts.get(text)
        if script is None:
            script = self.scripts[text] = self.client.register_script(text)
        if not hasattr(self.of_thread, "connection"):
            pool = self.client.connection_pool
            self.of_thread.connection = pool.connection_class(**pool.connection_kwargs)
        try:
            self.of_thread.connection.send_command("EVALSHA", script.sha, len(keys), *keys, *values)
            return self.of_thread.connection.read_response()
        except (exceptions.ConnectionError, exceptions.NoScriptError):
            return script(keys, values)  # it was started anew: the client connects, and loads the script

    def _back_off(self):
        self.retry_at = time.monotonic() + BACKOFF_SECONDS


@cache
def optional_redis() -> OptionalRedis:
    """Return this process's OptionalRedis."""
    return OptionalRedis(settings.REDIS_URL)

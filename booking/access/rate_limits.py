"""Rate limits per minute, counted exactly across processes in Redis."""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from redis import Redis, RedisError, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from booking.models import Networks

WINDOW_SECONDS = 60
# When Redis hangs, one request waits this long, and others skip Redis for BACKOFF_SECONDS.
TIMEOUT_SECONDS = 0.5
BACKOFF_SECONDS = 5

# Fixed windows that start with their first request. A script is atomic, so the counts are exact; and it returns
# the counts and the resets together: one round trip for each request.
COUNT = """
    local counts = {}
    for _, key in ipairs(KEYS) do
        local used = redis.call("INCR", key)
        if used == 1 then redis.call("EXPIRE", key, ARGV[1]) end
        table.insert(counts, {used, redis.call("TTL", key)})
    end
    return counts
"""
# One window for all, with a count for each network in it, and of all of them under an empty name.
COUNT_SHARES = """
    local all = redis.call("HINCRBY", KEYS[1], "", 1)
    if all == 1 then redis.call("EXPIRE", KEYS[1], ARGV[1]) end
    local own = redis.call("HINCRBY", KEYS[1], ARGV[2], 1)
    return {all, own, redis.call("HLEN", KEYS[1]) - 1, redis.call("TTL", KEYS[1])}
"""
# What every network has of a limit that all share, however many they are: enough to book a time.
SMALLEST_SHARE = 20
# What the /56 and the /48 around a network of IPv6 may use, as a multiple of its own limit.
WIDER_NETWORKS = (1, 2, 4)


class Usage(NamedTuple):
    """The use of a limit, including this request; ``policy`` is the limit's name, ``resets_in`` is in seconds."""

    policy: str
    limit: int
    used: int
    resets_in: int

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit headers of the response."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={max(0, self.limit - self.used)};t={self.resets_in}',
        }


class Counter:
    """Counts in Redis. While Redis is down, it counts nothing and lets one request probe every BACKOFF_SECONDS."""

    def __init__(self, url: str):
        self.redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self.script = self.redis.register_script(COUNT)
        self.share_script = self.redis.register_script(COUNT_SHARES)
        self.of_thread = threading.local()
        self.retry_at = None

    def count(self, policy: str, whose: str, limit: int) -> Usage | None:
        """Count a request and return the Usage of the policy's limit, or None while Redis is down."""
        counts = self._run(self.script, [f"{policy} {whose}"])
        return make_usage(policy, limit, *counts[0]) if counts else None

    def count_networks(self, policy: str, networks: Networks, limit: int) -> Usage | None:
        """Count a request for a network and those around it, and return the Usage that leaves least, or None."""
        limits = {name: limit * factor for name, factor in zip(networks, WIDER_NETWORKS, strict=True) if name}
        counts = self._run(self.script, [f"{policy} {name}" for name in limits]) or []
        usages = [make_usage(policy, most, *count) for most, count in zip(limits.values(), counts, strict=False)]
        return min(usages, key=lambda usage: usage.limit - usage.used, default=None)

    def count_share(self, policy: str, whose: str, network: str, limit: int) -> Usage | None:
        """Count a request for a limit that all networks share, and return the network's Usage of its share, or None.

        The share is the whole limit until it is used up; then it is the limit divided by the networks that have used
        some, so that the loud are refused and nobody below that.
        """
        counts = self._run(self.share_script, [f"{policy} {whose}"], network)
        if counts is None:
            return None
        used, own, networks, seconds = counts
        share = limit if used <= limit else max(limit // networks, SMALLEST_SHARE)
        return make_usage(policy, share, own, seconds)

    def _run(self, script, names, *values) -> list | None:
        """Return what a script says, or None while Redis is down."""
        keys = [f"holdfast-limit:{name}" for name in names]
        return self.ask(lambda redis: self._call(script, keys, [WINDOW_SECONDS, *values]))

    def ask(self, question: Callable[[Redis], Any]) -> Any:
        """Return what Redis answers to ``question(redis)``, or None while it is down."""
        if self.retry_at is not None:
            if time.monotonic() < self.retry_at:
                return None
            self._back_off()  # this request probes Redis; concurrent ones skip it
        try:
            answer = question(self.redis)
        except RedisError:
            self._back_off()
            return None
        self.retry_at = None
        return answer

    def _call(self, script, keys, values):
        """Call a script on the thread's own connection: the pool, hooks and retries take longer than Redis does."""
        if not hasattr(self.of_thread, "connection"):
            pool = self.redis.connection_pool
            self.of_thread.connection = pool.connection_class(**pool.connection_kwargs)
        try:
            self.of_thread.connection.send_command("EVALSHA", script.sha, len(keys), *keys, *values)
            return self.of_thread.connection.read_response()
        except (exceptions.ConnectionError, exceptions.NoScriptError):
            return script(keys, values)  # it was started anew: the client connects, and loads the script

    def _back_off(self):
        self.retry_at = time.monotonic() + BACKOFF_SECONDS


def make_usage(policy, limit, used, seconds):
    """Return a Usage: Redis rounds seconds down, and a client that waits that long must not be refused again."""
    return Usage(policy, limit, used, min(WINDOW_SECONDS, seconds + 1))


@cache
def counter() -> Counter:
    """Return this process's Counter."""
    return Counter(settings.REDIS_URL)

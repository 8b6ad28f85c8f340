"""Rate limits per minute, counted exactly across processes in Redis."""

import time
from functools import cache
from typing import NamedTuple

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

WINDOW_SECONDS = 60
# When Redis hangs, one request waits this long, and others skip Redis for BACKOFF_SECONDS.
TIMEOUT_SECONDS = 0.5
BACKOFF_SECONDS = 5

# A fixed window that starts with its first request. A script is atomic, so the count is exact; and it returns
# the count and the reset together: one round trip for each request.
COUNT = """
    local used = redis.call("INCR", KEYS[1])
    if used == 1 then redis.call("EXPIRE", KEYS[1], ARGV[1]) end
    return {used, redis.call("TTL", KEYS[1])}
"""


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
        self.retry_at = None

    def count(self, policy: str, whose: str, limit: int) -> Usage | None:
        """Count a request and return the Usage of the policy's limit, or None while Redis is down."""
        if self.retry_at is not None:
            if time.monotonic() < self.retry_at:
                return None
            self._back_off()  # this request probes Redis; concurrent ones skip it
        try:
            used, seconds = self.script([f"holdfast-limit:{policy} {whose}"], [WINDOW_SECONDS])
        except RedisError:
            self._back_off()
            return None
        self.retry_at = None
        # Redis rounds down, and a client that waits that long must not be refused again.
        return Usage(policy, limit, used, min(WINDOW_SECONDS, seconds + 1))

    def _back_off(self):
        self.retry_at = time.monotonic() + BACKOFF_SECONDS


@cache
def counter() -> Counter:
    """Return this process's Counter."""
    return Counter(settings.REDIS_URL)

"""Rate limits per minute, counted exactly across processes in Redis."""

from typing import NamedTuple

from booking.access.optional_redis import OptionalRedis, optional_redis
from booking.models import Networks

WINDOW_SECONDS = 60

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
    """Counts in Redis. While Redis is down, it counts nothing."""

    def __init__(self, redis: OptionalRedis):
        self.redis = redis

    def count(self, policy: str, whose: str, limit: int) -> Usage | None:
        """Count a request and return the Usage of the policy's limit, or None while Redis is down."""
        counts = self._run(COUNT, [f"{policy} {whose}"])
        return make_usage(policy, limit, *counts[0]) if counts else None

    def count_networks(self, policy: str, networks: Networks, limit: int) -> Usage | None:
        """Count a request for a network and those around it, and return the Usage that leaves least, or None."""
        limits = {name: limit * factor for name, factor in zip(networks, WIDER_NETWORKS, strict=True) if name}
        counts = self._run(COUNT, [f"{policy} {name}" for name in limits]) or []
        usages = [make_usage(policy, most, *count) for most, count in zip(limits.values(), counts, strict=False)]
        return min(usages, key=lambda usage: usage.limit - usage.used, default=None)

    def count_share(self, policy: str, whose: str, network: str, limit: int) -> Usage | None:
        """Count a request for a limit that all networks share, and return the network's Usage of its share, or None.

        The share is the whole limit until it is used up; then it is the limit divided by the networks that have used
        some, so that the loud are refused and nobody below that.
        """
        counts = self._run(COUNT_SHARES, [f"{policy} {whose}"], network)
        if counts is None:
            return None
        used, own, networks, seconds = counts
        share = limit if used <= limit else max(limit // networks, SMALLEST_SHARE)
        return make_usage(policy, share, own, seconds)

    def _run(self, script, names, *values) -> list | None:
        """Return what a script says, or None while Redis is down."""
        return self.redis.run(script, [f"holdfast-limit:{name}" for name in names], [WINDOW_SECONDS, *values])


def make_usage(policy, limit, used, seconds):
    """Return a Usage: Redis rounds seconds down, and a client that waits that long must not be refused again."""
    return Usage(policy, limit, used, min(WINDOW_SECONDS, seconds + 1))


def counter() -> Counter:
    """Return a Counter in this process's OptionalRedis."""
    return Counter(optional_redis())

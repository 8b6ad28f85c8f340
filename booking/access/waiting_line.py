"""A line of those who want in while more come than can be served: numbers by arrival, and how far they are admitted.

Nothing is kept of anybody: a number is in the token that its holder has. Redis has one row of counters, which ends two
minutes after the line; without Redis there is no line.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from booking.access.optional_redis import OptionalRedis, optional_redis
from scheduling.lib.encrypted_bytes import UnreadableBytes, decrypt, encrypt

KEY = "holdfast-line"
PASS_SECONDS = 45 * 60  # long enough to choose a time, and to come back to the times once
MAX_PASSES = 3  # for one number: a page that is loaded twice, or a second device; not a crowd of friends
PLACE, PASS = Struct("!8sQ"), Struct("!8sQQ")

# How many a second are admitted follows from how it goes: a quarter more each second as long as nobody waits for a
# thread, a fifth less as soon as some do. Who does not come within five to ten minutes of their turn has lost it.
# KEYS: the line. ARGV: the time, a new line's id or "" if none is to be opened, 1 to draw a number, 1 if some wait for
# a thread. Returns nothing if there is no line, else its id, who is admitted, whose turn has lapsed, those admitted a
# second (times 1,000), and the number that was drawn, or 0.
ADVANCE = """
    local now = tonumber(ARGV[1])
    if redis.call("EXISTS", KEYS[1]) == 0 then
        if ARGV[2] == "" then return {} end
        redis.call("HSET", KEYS[1], "id", ARGV[2], "drawn", 0, "admitted", 0, "rate", 5, "at", now, "rated_at", now,
            "marked_at", now, "lapsed", 0, "mark", 0)
    end
    local names = {"id", "drawn", "admitted", "rate", "at", "rated_at", "marked_at", "lapsed", "mark"}
    local found = redis.call("HMGET", KEYS[1], unpack(names))
    local line = {}
    for n, name in ipairs(names) do line[name] = n == 1 and found[n] or tonumber(found[n]) end
    local passed = math.max(0, math.min(now - line.at, 5))
    line.admitted = math.min(line.drawn + line.rate, line.admitted + line.rate * passed)
    line.at = math.max(now, line.at)
    if now - line.rated_at >= 1 then
        if ARGV[4] == "1" then
            line.rate = math.max(0.5, line.rate * 0.8)
        elseif line.drawn > line.admitted then
            line.rate = math.min(1000, line.rate * 1.25)
        end
        line.rated_at = now
    end
    if now - line.marked_at >= 300 then
        line.lapsed, line.mark, line.marked_at = line.mark, math.floor(math.min(line.admitted, line.drawn)), now
    end
    if ARGV[3] == "1" then line.drawn = line.drawn + 1 end
    if ARGV[3] == "1" or ARGV[4] == "1" or line.drawn > line.admitted then redis.call("EXPIRE", KEYS[1], 120) end
    for _, name in ipairs(names) do redis.call("HSET", KEYS[1], name, tostring(line[name])) end
    return {line.id, math.floor(line.admitted), line.lapsed, math.floor(line.rate * 1000),
        ARGV[3] == "1" and line.drawn or 0}
"""
COUNT_PASSES = """
    local number = redis.call("INCR", KEYS[1])
    redis.call("EXPIRE", KEYS[1], ARGV[1])
    return number
"""


class Line(NamedTuple):
    """How far a line is: numbers up to ``admitted`` may go in, but those up to ``lapsed`` came too late."""

    id: bytes
    admitted: int
    lapsed: int
    per_second: float


class Place(NamedTuple):
    """A number in the line with that id."""

    line_id: bytes
    number: int

    def __str__(self):
        return f"{self.line_id.decode()}:{self.number}"


class WaitingLine:
    """The line's counters in Redis. While Redis is away there is no line."""

    def __init__(self, redis: OptionalRedis):
        self.redis = redis

    def look(self, now: float, *, is_pressed: bool) -> Line | None:
        """Return how far the line is, or None if there is none."""
        found = self.redis.run(ADVANCE, [KEY], [now, "", 0, int(is_pressed)])
        return _read_line(found) if found else None

    def draw(self, now: float, *, is_pressed: bool) -> tuple[Line, Place] | None:
        """Open the line unless it is open, draw a number in it, and return both, or None without Redis."""
        found = self.redis.run(ADVANCE, [KEY], [now, secrets.token_hex(4), 1, int(is_pressed)])
        return (_read_line(found), Place(found[0], found[4])) if found else None

    def may_have_pass(self, place: Place) -> bool:
        """Count a pass for a number, and return whether it is not one too many."""
        return (self.redis.run(COUNT_PASSES, [f"{KEY}:{place}"], [PASS_SECONDS]) or 1) <= MAX_PASSES


def _read_line(found):
    return Line(found[0], found[1], int(found[2]), found[3] / 1000)


def write_place(place: Place) -> str:
    """Return the token of a place in line."""
    return _write(PLACE.pack(*place), b"place in line")


def read_place(token: str) -> Place | None:
    """Return the Place of a token, or None if we have not written it."""
    fields = _read(token, PLACE, b"place in line")
    return Place(*fields) if fields else None


def write_pass(place: Place, now: float) -> str:
    """Return a pass for a place that has been admitted."""
    return _write(PASS.pack(*place, int(now + PASS_SECONDS)), b"pass")


def read_pass(token: str, now: float) -> Place | None:
    """Return the Place that a pass was given for, or None if it is not ours or has ended."""
    fields = _read(token, PASS, b"pass")
    return Place(*fields[:2]) if fields and now < fields[2] else None


def _write(packed, purpose):
    return urlsafe_b64encode(encrypt(packed, belongs_to=purpose)).rstrip(b"=").decode()


def _read(token, struct, purpose):
    try:
        return struct.unpack(decrypt(urlsafe_b64decode(token + "=" * (-len(token) % 4)), belongs_to=purpose))
    except (UnreadableBytes, Base64Error, ValueError, StructError):
        return None


def waiting_line() -> WaitingLine:
    """Return the line in this process's OptionalRedis."""
    return WaitingLine(optional_redis())

"""How many requests a key and an address may make, what the headers say, and what holds while Redis is away."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.test import Client

from booking.access import rate_limits
from booking.access.api_keys import find_key, rotate_key
from booking.access.optional_redis import TIMEOUT_SECONDS, optional_redis
from booking.api import throttles
from booking.models import Hold, Networks
from tests.booking.api.conftest import SITE, Caller
from tests.waiting import wait_until


@pytest.fixture
def slow_key(make_key):
    """A key for three requests a minute."""
    return make_key(requests_per_minute=3)[1]


@pytest.fixture
def slow_api(client, slow_key):
    return Caller(client, slow_key)


def told(response):
    return [response.status_code, response["RateLimit-Policy"], response["RateLimit"].partition(";t=")[0]]


def test_answers_tell_the_remaining_limit_in_headers(slow_api):
    answers = [slow_api.get("/me") for _ in range(4)]

    assert [told(response) for response in answers[:3]] == [
        [200, '"key";q=3;w=60', '"key";r=2'],
        [200, '"key";q=3;w=60', '"key";r=1'],
        [200, '"key";q=3;w=60', '"key";r=0'],
    ]
    assert answers[3].status_code == 429
    assert answers[3].json()["code"] == "throttled"
    assert answers[3].json()["retry_after"] == int(answers[3]["Retry-After"])


def test_rate_limit_reset_counts_down(redis, slow_api):
    first = slow_api.get("/me")
    key = next(optional_redis().client.scan_iter("*key*"))
    optional_redis().client.pexpire(key, 20_000)

    second, _, refused = [slow_api.get("/me") for _ in range(3)]

    assert [response["RateLimit"].partition(";t=")[2] for response in (first, second)] == ["60", "21"]
    assert refused["Retry-After"] == "21"


def test_throttled_key_is_served_after_retry_after(redis, slow_api):
    assert [slow_api.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]

    for key in optional_redis().client.scan_iter("*key*"):
        optional_redis().client.pexpire(key, 1)

    wait_until(lambda: slow_api.get("/me").status_code == 200)


def test_rotated_key_continues_the_count_of_the_old_one(slow_key, client):
    _, new = rotate_key(find_key(slow_key), overlap=timedelta(hours=1))
    keys = [slow_key, new]

    statuses = [Caller(client, keys[n % 2]).get("/me").status_code for n in range(5)]

    assert statuses == [200, 200, 200, 429, 429]


def from_addresses(monkeypatch, addresses, key=None):
    """The statuses of one request from each address, of which one may make two a minute."""
    monkeypatch.setattr(throttles, "ADDRESS_LIMIT", 2)
    return [Caller(Client(REMOTE_ADDR=address), key).get("/me").status_code for address in addresses]


def test_address_without_key_is_throttled(redis, db, monkeypatch):
    assert from_addresses(monkeypatch, ["192.0.2.7"] * 3 + ["192.0.2.8"]) == [401, 401, 429, 401]


def test_address_with_invalid_key_is_throttled(redis, db, monkeypatch):
    assert from_addresses(monkeypatch, ["192.0.2.9"] * 3, "hf_sec_garbage") == [401, 401, 429]


def test_throttled_address_is_told_the_address_limit(redis, db, monkeypatch):
    monkeypatch.setattr(throttles, "ADDRESS_LIMIT", 1)
    first, refused = [Caller(Client(REMOTE_ADDR="192.0.2.7"), None).get("/me") for _ in range(2)]

    assert (first.status_code, "RateLimit" in first) == (401, False)
    assert told(refused) == [429, '"address";q=1;w=60', '"address";r=0']


def test_visitor_of_a_site_does_not_use_up_the_key_for_other_networks(redis, make_key, monkeypatch):
    key = make_key(kind="publishable", allowed_origins=[SITE], requests_per_minute=2)[1]
    monkeypatch.setattr(throttles, "SITE_FACTOR", 2)

    def ask(address, times):
        page = Caller(Client(REMOTE_ADDR=address), key, origin=SITE)
        return [told(page.get("/me")) for _ in range(times)]

    over = [429, '"key";q=2;w=60', '"key";r=0']
    own = [[200, '"key";q=2;w=60', '"key";r=1'], [200, '"key";q=2;w=60', '"key";r=0']]
    assert ask("192.0.2.7", 5) == [*own, over, over, over]
    assert ask("192.0.2.8", 3) == [*own, over]
    assert ask("192.0.2.9", 3) == [*own, over]  # beyond the site's four, but nobody was louder


def test_site_limit_refuses_the_loud_and_no_newcomer(redis, make_key, monkeypatch):
    key = make_key(kind="publishable", allowed_origins=[SITE], requests_per_minute=10)[1]
    monkeypatch.setattr(rate_limits, "SMALLEST_SHARE", 2)

    def ask(address, times):
        page = Caller(Client(REMOTE_ADDR=address), key, origin=SITE)
        return [page.get("/me").status_code for _ in range(times)]

    for loud in range(10):
        assert ask(f"192.0.2.{loud}", 9) == [200] * 9
    for newcomer in range(3):
        assert ask(f"198.51.100.{newcomer}", 5) == [200] * 5
    # By now a hundred are divided by 13, or more: whoever has had more than a share waits.
    assert ask("192.0.2.0", 1) == [429]
    assert ask("203.0.113.1", 10) == [200] * 7 + [429] * 3
    page = Caller(Client(REMOTE_ADDR="192.0.2.1"), key, origin=SITE)
    assert told(page.get("/me")) == [429, '"site";q=7;w=60', '"site";r=0']


def test_many_networks_of_one_provider_are_one_of_a_site(redis, monkeypatch):
    monkeypatch.setattr(rate_limits, "SMALLEST_SHARE", 2)
    counter = rate_limits.counter()
    for _ in range(10):
        counter.count_share("site", "the key", "one /48", 10)

    assert counter.count_share("site", "the key", "one /48", 10).is_exceeded
    assert not counter.count_share("site", "the key", "a newcomer", 10).is_exceeded


def test_networks_share_the_smallest_share_however_many_they_are(redis):
    counter = rate_limits.counter()
    for number in range(100):
        counter.count_share("site", "the key", f"network {number}", 10)

    usages = [counter.count_share("site", "the key", "a newcomer", 10) for _ in range(rate_limits.SMALLEST_SHARE + 1)]

    assert [usage.is_exceeded for usage in usages] == [False] * rate_limits.SMALLEST_SHARE + [True]


@pytest.mark.parametrize("path", ["", "/explain", "/next", "/days"])
def test_search_with_a_publishable_key_has_a_limit_for_each_network(redis, make_key, settings, path):
    key = make_key(kind="publishable", allowed_origins=[SITE])[1]
    settings.SEARCHES_PER_NETWORK = 2

    def ask(address):
        return Caller(Client(REMOTE_ADDR=address), key, origin=SITE).get(f"/availability{path}")

    answers = [ask("192.0.2.7") for _ in range(3)]

    assert [response.status_code for response in answers] == [400, 400, 429]
    assert told(answers[2]) == [429, '"search";q=2;w=60', '"search";r=0']
    assert ask("192.0.2.8").status_code == 400


def test_wider_networks_have_limits_of_their_own(redis):
    counter = rate_limits.counter()
    exceeded = []
    for number in range(6):
        networks = Networks(f"/64 {number}", f"/56 {number // 4}", "/48")
        exceeded.append(counter.count_networks("pages", networks, 1).is_exceeded)

    assert exceeded == [False, False, True, True, True, True]


def test_secret_key_is_not_limited_by_address(redis, secret_key, monkeypatch):
    assert from_addresses(monkeypatch, ["192.0.2.7"] * 4, secret_key) == [200, 200, 200, 200]


def test_addresses_of_one_ipv6_network_share_a_limit(redis, db, monkeypatch):
    home = ["2001:db8:1:2::1", "2001:db8:1:2:aaaa::2", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"]

    assert from_addresses(monkeypatch, home) == [401, 401, 429, 401]


def test_ipv4_mapped_address_shares_the_limit_of_its_ipv4_address(redis, db, monkeypatch):
    addresses = ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"]

    assert from_addresses(monkeypatch, addresses) == [401, 401, 429, 401]


def kill(redis):
    redis.kill()
    return redis.start


def freeze(redis):
    redis.freeze()
    return redis.thaw


def timed(call):
    started = time.perf_counter()
    response = call()
    return response, time.perf_counter() - started


@pytest.mark.parametrize("fail", [kill, freeze])
def test_reads_pass_at_once_while_redis_is_away_and_count_when_it_is_back(fail, redis, slow_api):
    slow_api.get("/me")
    come_back = fail(redis)

    first, wait = timed(lambda: slow_api.get("/me"))
    others = [timed(lambda: slow_api.get("/me")) for _ in range(10)]

    assert wait < TIMEOUT_SECONDS + 1
    assert {response.status_code for response, _ in [(first, 0), *others]} == {200}
    assert "RateLimit" not in first
    assert sorted(seconds for _, seconds in others)[5] < TIMEOUT_SECONDS
    come_back()
    wait_until(lambda: "RateLimit" in slow_api.get("/me"))
    assert wait_until(lambda: (again := slow_api.get("/me")).status_code == 429 and again)["Retry-After"]


def test_redis_is_probed_by_one_request_at_a_time(redis, monkeypatch):
    counter = rate_limits.counter()
    redis.freeze()
    counter.count("key", "alice", 1)
    counter.redis.retry_at = 0.0  # long ago

    asked, call = [], counter.redis._call
    monkeypatch.setattr(counter.redis, "_call", lambda *args: asked.append(args) or call(*args))

    with ThreadPoolExecutor(4) as threads:
        counted = list(threads.map(lambda _: counter.count("key", "alice", 1), range(4)))

    assert (counted, len(asked)) == ([None] * 4, 1)


def test_redis_that_has_forgotten_the_script_counts_on(redis):
    counter = rate_limits.counter()
    counter.count("key", "alice", 5)
    counter.redis.client.script_flush()

    assert [counter.count("key", "alice", 5).used for _ in range(2)] == [2, 3]


@pytest.mark.parametrize("fail", [kill, freeze])
def test_holds_are_counted_in_the_database_while_redis_is_away(fail, redis, slow_api, dana, consultation, harbour, at):
    body = {"appointment_type_id": str(consultation.pk), "location_id": str(harbour.pk), "clinician_id": str(dana.pk)}
    fail(redis)

    answers = [slow_api.post("/holds", {**body, "start_time": at(hour).isoformat()}) for hour in (9, 10, 11, 13)]

    assert [response.status_code for response in answers] == [201, 201, 201, 429]
    assert answers[3].json()["code"] == "too-many-holds"
    assert 1 <= int(answers[3]["Retry-After"]) <= 60
    assert Hold.objects.count() == 3


def test_released_holds_count_for_a_minute_while_redis_is_away(redis, slow_api, dana, consultation, at):
    body = {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}
    redis.kill()
    for _ in range(3):
        placed = slow_api.post("/holds", body)
        assert slow_api.delete(f"/holds/{placed.json()['data']['id']}").status_code == 200
    assert slow_api.post("/holds", body).status_code == 429

    Hold.objects.update(created_at="2026-01-01T00:00Z")

    assert slow_api.post("/holds", body).status_code == 201

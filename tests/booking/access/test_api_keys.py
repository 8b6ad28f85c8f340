from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.access.api_keys import (
    InvalidKey,
    create_key,
    find_key,
    find_recent_key,
    revoke_key,
    rotate_key,
)
from booking.access.tokens import hash_token
from booking.domain.holds import Holder, get_hold, place_hold
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import HoldNotFound
from booking.models import ApiKey
from tests.ledger import rows

SITE = "https://www.clinic.example"


def make(**changes):
    """A secret key that reads availability, unless told otherwise."""
    return create_key(**{"name": "the practice", "kind": "secret", "scopes": ["read_availability"], **changes})


def publishable(**changes):
    scopes = ["read_availability", "write_holds"]
    return make(**{"kind": "publishable", "scopes": scopes, "allowed_origins": [SITE], **changes})


# Making one


@pytest.mark.parametrize("make, beginning", [(make, "hf_sec_"), (publishable, "hf_pub_")])
def test_created_key_has_prefix_of_its_kind_and_is_stored_as_hash(db, make, beginning):
    key, plain = make()
    assert plain.startswith(beginning)
    assert len(plain) == len(beginning) + 43  # 32 random bytes
    assert key.start == plain[:12]
    assert bytes(ApiKey.objects.get().key_hash) == hash_token(plain)
    secret = plain[12:]
    assert not any(secret in str(value) for row in rows(ApiKey) for value in row.values())


def test_created_keys_differ(db):
    assert len({make()[1] for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read_everything"]}, "scopes"),
        ({"name": "the\u202epractice"}, "name"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"allowed_origins": [SITE + "/"]}, "allowed_origins"),
        ({"allowed_origins": ["https://WWW.clinic.example"]}, "allowed_origins"),
        ({"allowed_origins": ["https://*.clinic.example"]}, "allowed_origins"),
        ({"allowed_origins": ["null"]}, "allowed_origins"),
        ({"allowed_origins": ["*"]}, "allowed_origins"),
        ({"allowed_origins": [SITE + "\n"]}, "allowed_origins"),
    ],
)
def test_create_key_with_invalid_field_creates_nothing(db, wrong, field):
    with pytest.raises(ValidationError) as refusal:
        make(**wrong)
    assert list(refusal.value.message_dict) == [field]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("scope", sorted(set(ApiKey.Scope.values) - set(ApiKey.PUBLIC_SCOPES)))
def test_publishable_key_with_server_scope_is_refused(db, scope):
    with pytest.raises(ValidationError) as refusal:
        publishable(scopes=["read_availability", scope])
    assert list(refusal.value.message_dict) == ["scopes"]


def test_key_may_what_its_kind_and_scopes_allow(db):
    (server, _), (page, _) = (
        make(scopes=["write_holds", "read_patients"]),
        publishable(scopes=["write_holds", "read_patients"]),
    )

    def allowed(may):
        return [scope.value for scope in ApiKey.Scope if may(scope)]

    assert (allowed(server.may), allowed(server.may_draft)) == (["write_holds", "read_patients"], [])
    assert (allowed(page.may), allowed(page.may_draft)) == (["write_holds"], ["read_patients"])


def test_publishable_key_requires_valid_origins(db):
    with pytest.raises(ValidationError) as refusal:
        publishable(allowed_origins=[])
    assert list(refusal.value.message_dict) == ["allowed_origins"]


# Checking one


def test_find_key_returns_live_key(db):
    key, plain = make()
    assert find_key(plain) == key


@pytest.mark.parametrize("garbage", ["", "hf_sec_", "hf_sec_" + "A" * 43, "\x00", "\ud800", "é" * 5000])
def test_find_key_with_garbage_is_refused(db, garbage):
    make()
    with pytest.raises(InvalidKey):
        find_key(garbage)


def test_find_key_with_stored_hash_is_refused(db):
    key, _ = make()
    with pytest.raises(InvalidKey):
        find_key(key.key_hash.hex())


def test_find_key_with_expired_key_is_refused(db):
    _, plain = make(expires_at=timezone.now() - timedelta(microseconds=1))
    with pytest.raises(InvalidKey):
        find_key(plain)


def test_find_key_takes_one_indexed_query(db, django_assert_num_queries):
    _, plain = make()
    ApiKey.objects.bulk_create(
        ApiKey(name=name, kind="secret", scopes=["read_patients"], start="hf_sec_", key_hash=hash_token(name))
        for name in map(str, range(2000))
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE booking_apikey")
    find_key(plain)  # which notes that it is used
    with django_assert_num_queries(1), CaptureQueriesContext(connection) as queries:
        find_key(plain)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using booking_apikey_key_hash" in plan
    assert "Seq Scan" not in plan


def test_find_key_writes_last_use_at_most_once_a_minute(db, django_assert_num_queries):
    key, plain = make()
    with django_assert_num_queries(2):
        find_key(plain)
    key.refresh_from_db()
    first = key.last_used_at
    assert timezone.now() - first < timedelta(minutes=1)
    with django_assert_num_queries(1):
        find_key(plain)
    key.refresh_from_db()
    assert key.last_used_at == first

    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    with django_assert_num_queries(2):
        find_key(plain)
    key.refresh_from_db()
    assert key.last_used_at > first


def test_find_key_refused_writes_no_last_use(db):
    key, plain = make()
    revoke_key(key)
    with pytest.raises(InvalidKey):
        find_key(plain)
    key.refresh_from_db()
    assert key.last_used_at is None


# What is read of it again


@pytest.fixture
def clock(settings, monkeypatch):
    """A list with the seconds that a process has run, in which keys are kept for one."""
    settings.API_KEY_CACHE_SECONDS = 1
    seconds = [100.0]
    monkeypatch.setattr("booking.access.api_keys.monotonic", lambda: seconds[0])
    return seconds


def test_find_recent_key_reads_key_once_a_second(db, clock, django_assert_num_queries):
    key, plain = make()
    with django_assert_num_queries(2):  # it notes that the key is used, too
        assert find_recent_key(plain) == key
    clock[0] += 0.99
    with django_assert_num_queries(0):
        assert find_recent_key(plain) == key
    clock[0] += 0.01
    with django_assert_num_queries(1):
        assert find_recent_key(plain) == key


def test_find_recent_key_after_revocation_is_refused_within_a_second(db, clock):
    key, plain = make()
    find_recent_key(plain)
    revoke_key(key)
    assert find_recent_key(plain) == key
    clock[0] += 1
    with pytest.raises(InvalidKey):
        find_recent_key(plain)


def test_find_recent_key_that_expires_is_refused_at_once(db, clock):
    _, plain = make(expires_at=timezone.now() + timedelta(days=1))
    kept = find_recent_key(plain)
    kept.expires_at = timezone.now()
    with pytest.raises(InvalidKey):
        find_recent_key(plain)


def test_find_recent_key_unknown_is_looked_up_each_time(db, clock, django_assert_num_queries):
    for _ in range(2):
        with django_assert_num_queries(1), pytest.raises(InvalidKey):
            find_recent_key("hf_sec_unknown")


# Its end


def test_find_key_after_revocation_is_refused(db):
    key, plain = make()
    revoke_key(key)
    with pytest.raises(InvalidKey):
        find_key(plain)


def test_revoke_key_twice_keeps_first_date(db):
    key, _ = make()
    revoke_key(key)
    key.refresh_from_db()
    first = key.revoked_at
    revoke_key(key)
    key.refresh_from_db()
    assert key.revoked_at == first


# Rotation


def test_rotate_key_during_overlap_both_work(db):
    key, old = publishable(requests_per_minute=7, max_live_holds=2)
    new_key, new = rotate_key(key, overlap=timedelta(hours=1))
    assert new != old
    assert find_key(old) == key
    assert find_key(new) == new_key
    for name in ("name", "kind", "holder", "scopes", "allowed_origins", "requests_per_minute", "max_live_holds"):
        assert getattr(new_key, name) == getattr(key, name)
    assert new_key.expires_at is None


def test_rotate_key_after_overlap_only_new_one_works(db):
    key, old = make()
    new_key, new = rotate_key(key, overlap=timedelta(hours=1))
    key.refresh_from_db()
    assert timedelta(minutes=59) < key.expires_at - timezone.now() <= timedelta(hours=1)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    with pytest.raises(InvalidKey):
        find_key(old)
    assert find_key(new) == new_key


def test_rotate_key_without_overlap_ends_old_one_at_once(db):
    key, old = make()
    rotate_key(key, overlap=timedelta())
    with pytest.raises(InvalidKey):
        find_key(old)


def test_rotate_key_never_prolongs_old_one(db):
    ends_at = timezone.now() + timedelta(minutes=5)
    key, _ = make(expires_at=ends_at)
    rotate_key(key, overlap=timedelta(days=7))
    key.refresh_from_db()
    assert key.expires_at == ends_at


def test_rotate_key_with_expiry_gives_new_one_same_lifetime(db):
    key, _ = make(expires_at=timezone.now() + timedelta(days=30))
    new_key, _ = rotate_key(key, overlap=timedelta())
    assert timedelta(days=29) < new_key.expires_at - timezone.now() <= timedelta(days=30)


def test_rotate_key_that_is_not_live_is_refused(db):
    key, _ = make()
    revoke_key(key)
    with pytest.raises(InvalidKey):
        rotate_key(key, overlap=timedelta(days=7))
    assert ApiKey.objects.count() == 1


def test_rotated_key_reaches_holds_of_old_one_only(consultation, dana, harbour, at):
    key, _ = make(scopes=["write_holds"])
    hold = place_hold(
        OpeningRequest(consultation, at(9), dana, harbour, is_remote=False), holder=Holder(key.actor), actor=key.actor
    )
    new_key, _ = rotate_key(key, overlap=timedelta(hours=1))
    assert get_hold(new_key.actor, hold.pk) == hold
    stranger, _ = make(scopes=["write_holds"])
    with pytest.raises(HoldNotFound):
        get_hold(stranger.actor, hold.pk)

"""The rate limit of admin's login."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from booking.access import rate_limits, staff_login

PAGE = "/admin/login/"


@pytest.fixture
def few(monkeypatch, redis):
    """Two tries from one network, three for one name."""
    monkeypatch.setattr(staff_login, "MAX_PER_NETWORK", 2)
    monkeypatch.setattr(staff_login, "MAX_PER_NAME", 3)
    User.objects.create_user("erin", password="holdfast-erin", is_staff=True)


def attempt(password="wrong", name="erin", network="192.0.2.1"):
    browser = Client(REMOTE_ADDR=network)
    return browser.post(PAGE, {"username": name, "password": password, "next": "/admin/"})


@pytest.mark.django_db
def test_login_after_too_many_attempts_from_network_is_429(few):
    assert [attempt().status_code for _ in range(2)] == [200, 200]

    refused = attempt("holdfast-erin")

    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60
    assert f"Please wait {refused['Retry-After']} seconds" in refused.content.decode()
    assert attempt("holdfast-erin", network="198.51.100.1").status_code == 302


@pytest.mark.django_db
def test_login_attempts_for_name_count_across_networks(few):
    answers = [attempt(network=f"192.0.2.{number}").status_code for number in range(4)]

    assert answers == [200, 200, 200, 429]
    assert attempt(name="morgan", network="198.51.100.1").status_code == 200


@pytest.mark.django_db
def test_login_page_is_never_limited(few):
    for _ in range(4):
        attempt()

    assert Client(REMOTE_ADDR="192.0.2.1").get(PAGE).status_code == 200


@pytest.mark.django_db
def test_login_stores_no_typed_name_in_redis(few, redis):
    attempt(name="my-password")

    keys = list(rate_limits.counter().redis.scan_iter("*"))
    assert len(keys) == 2
    assert not any(b"my-password" in key for key in keys)


@pytest.mark.django_db
def test_login_without_redis_is_not_limited(few, redis):
    redis.kill()

    assert [attempt().status_code for _ in range(4)] == [200] * 4
    assert attempt("holdfast-erin").status_code == 302

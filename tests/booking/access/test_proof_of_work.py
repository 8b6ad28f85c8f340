"""Proofs of work, at prices that take no time."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import altcha
import pytest
from django.db import connection, transaction
from django.utils import timezone

from booking.access.proof_of_work import (
    LIFETIME,
    MAX_PRICE,
    forget_solved_challenges,
    get_price,
    make_challenge,
    spend_proof,
)
from booking.models import SolvedChallenge

WAITING_ROOM = "network of the waiting room"
CAFE = "network of the café"


def solve(challenge, **changes):
    challenge = altcha.Challenge.from_dict(json.loads(challenge))
    solution = altcha.solve_challenge(challenge)
    for name, value in changes.items():
        setattr(challenge.parameters, name, value)
    return altcha.Payload(challenge, solution).to_base64()


def test_price_rises_with_number_up_to_what_a_phone_can_do():
    assert [get_price(number) for number in (1, 2, 9, 10, 11, 500)] == [200, 400, 1800, MAX_PRICE, MAX_PRICE, MAX_PRICE]


def test_challenge_shows_no_network():
    parameters = json.loads(make_challenge(WAITING_ROOM, price=2))["parameters"]

    assert parameters["data"] == {"price": 2}
    assert "network" not in json.dumps(parameters)


def test_proof_is_good_once(db):
    proof = solve(make_challenge(WAITING_ROOM, price=2))

    assert spend_proof(proof, WAITING_ROOM, price=2)
    assert not spend_proof(proof, WAITING_ROOM, price=2)


def test_proof_of_refused_hold_is_good_for_the_next(db):
    proof = solve(make_challenge(WAITING_ROOM, price=2))

    with transaction.atomic():
        assert spend_proof(proof, WAITING_ROOM, price=2)
        transaction.set_rollback(True)

    assert spend_proof(proof, WAITING_ROOM, price=2)


def test_proof_is_good_once_when_spent_at_the_same_time(transactional_db):
    proof = solve(make_challenge(WAITING_ROOM, price=2))

    def spend(_):
        try:
            with transaction.atomic():
                return spend_proof(proof, WAITING_ROOM, price=2)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(spend, range(8)))

    assert sorted(spent) == [False] * 7 + [True]


def test_proof_of_another_network_is_refused(db):
    proof = solve(make_challenge(CAFE, price=2))

    assert not spend_proof(proof, WAITING_ROOM, price=2)
    assert not SolvedChallenge.objects.exists()


@pytest.mark.parametrize(("price", "is_enough"), [(4, True), (5, False)])
def test_proof_may_have_cost_half_of_the_price(db, price, is_enough):
    proof = solve(make_challenge(WAITING_ROOM, price=2))

    assert spend_proof(proof, WAITING_ROOM, price=price) is is_enough


@pytest.mark.parametrize("change", [{"data": {"price": 900}}, {"cost": 1}, {"key_prefix": ""}, {"expires_at": None}])
def test_changed_challenge_is_refused(db, change):
    proof = solve(make_challenge(WAITING_ROOM, price=2), **change)

    assert not spend_proof(proof, WAITING_ROOM, price=2)


def test_expired_proof_is_refused(db, monkeypatch):
    monkeypatch.setattr("booking.access.proof_of_work.LIFETIME", -timedelta(seconds=2))
    proof = solve(make_challenge(WAITING_ROOM, price=2))

    assert not spend_proof(proof, WAITING_ROOM, price=2)


def test_unsolved_challenge_is_refused(db):
    challenge = altcha.Challenge.from_dict(json.loads(make_challenge(WAITING_ROOM, price=2)))
    guess = altcha.Payload(challenge, altcha.Solution(1, challenge.parameters.key_prefix + "00" * 16)).to_base64()

    assert not spend_proof(guess, WAITING_ROOM, price=2)


@pytest.mark.parametrize(
    "garbage",
    ["", "é", "e30=", "bnVsbA==", "W10=", "eyJjaGFsbGVuZ2UiOiB7InBhcmFtZXRlcnMiOiBbXX19", "[" * 1_900, "A" * 100_000],
)
def test_garbage_is_refused(db, garbage):
    assert not spend_proof(garbage, WAITING_ROOM, price=1)


def test_proof_outlives_a_new_secret_key(db, settings):
    proof = solve(make_challenge(WAITING_ROOM, price=2))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10

    assert spend_proof(proof, WAITING_ROOM, price=2)


def test_solved_challenge_is_kept_until_nobody_accepts_it(db):
    now = timezone.now()
    kept = SolvedChallenge.objects.create(challenge_hash=b"1" * 32, expires_at=now - LIFETIME + timedelta(minutes=1))
    SolvedChallenge.objects.create(challenge_hash=b"2" * 32, expires_at=now - LIFETIME)

    forget_solved_challenges()

    assert [bytes(each.challenge_hash) for each in SolvedChallenge.objects.all()] == [bytes(kept.challenge_hash)]

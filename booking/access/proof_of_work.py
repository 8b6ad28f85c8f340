"""Proof of work (ALTCHA, version 2): a browser computes for a while, which costs one patient little and a bot a lot.

A challenge is good for one network, for LIFETIME and for one hold. Nothing is stored until it is spent.
"""

import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta

import altcha
from django.db import connection
from django.utils import timezone

from booking.access.tokens import hash_token, signing_keys
from booking.models import SolvedChallenge

LIFETIME = timedelta(minutes=20)
ALGORITHM = "PBKDF2/SHA-256"  # what browsers compute natively, without WebAssembly, which our CSP forbids
ITERATIONS = 5_000  # of each try
# In tries, of which all the cores of a cheap phone do two hundred in a second, and one of a server six hundred.
PRICE_STEP = 200
MAX_PRICE = 2_000
MAX_LENGTH = 2_000  # characters of a solution; it has about 700

NOTE_SPENT = """
    INSERT INTO booking_solvedchallenge (challenge_hash, expires_at) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""


def get_price(number: int) -> int:
    """Return the price of the ``number``-th hold (from 1) that a network has to work for that day."""
    return min(PRICE_STEP * number, MAX_PRICE)


def make_challenge(network: str, *, price: int) -> str:
    """Return a challenge for a network's pseudonym, as JSON for the widget; it takes at most ``price`` tries."""
    [signs, seals], *_ = _secrets_of(network)
    challenge = altcha.create_challenge(
        ALGORITHM,
        ITERATIONS,
        # The one number that solves it. With a bare prefix to be found by chance, every hundredth patient would wait
        # five times as long; and a solution is checked with an HMAC, not with a try of our own.
        counter=price // 2 + secrets.randbelow(price - price // 2 + 1),
        expires_at=timezone.now() + LIFETIME,
        data={"price": price},
        hmac_secret=signs,
        hmac_key_secret=seals,
    )
    return json.dumps(challenge.to_dict())


def spend_proof(proof: str, network: str, *, price: int) -> bool:
    """Spend what solves a challenge of that network, and return whether it could be spent: once, and only for now.

    Call it in the transaction that it pays for: if that fails, it is not spent. It may have cost half of ``price``
    only, since others of the network may have been quicker meanwhile.
    """
    if not 0 < len(proof) <= MAX_LENGTH:
        return False
    is_genuine = any(
        altcha.verify_solution(proof, signs, hmac_key_secret=seals).verified for signs, seals in _secrets_of(network)
    )
    if not is_genuine:
        return False
    challenge = altcha.Payload.from_base64(proof).challenge.to_dict()  # what we have signed is complete
    parameters = challenge["parameters"]
    if 2 * parameters["data"]["price"] < price:
        return False
    return _note_spent(hash_token(challenge["signature"]), datetime.fromtimestamp(parameters["expiresAt"], UTC))


def _note_spent(challenge_hash, ends_at):
    """Insert the SolvedChallenge, and return whether there was none. A concurrent twin is waited for."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE_SPENT, [challenge_hash, ends_at])
        return cursor.rowcount == 1


def forget_solved_challenges() -> None:
    """Delete the solved challenges that are too old to be spent again, whichever clock is asked."""
    SolvedChallenge.objects.filter(expires_at__lte=timezone.now() - LIFETIME).delete()


def _secrets_of(network):
    """Return the pairs of secrets that sign a network's challenges and seal their solutions, the present one first."""
    return [
        tuple(hmac.digest(key.encode(), f"{what} {network}".encode(), "sha256") for what in ("challenge", "solution"))
        for key in signing_keys()
    ]

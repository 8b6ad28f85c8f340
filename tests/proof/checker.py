"""Decide from what a run has left on disk alone whether it kept its promises. No code is shared with the booking."""

from tests.proof.check_answers import check_asked_for, check_kept, check_one_answer, check_one_appointment
from tests.proof.check_ledger import check_expiry, check_overlaps, check_stories
from tests.proof.check_messages import check_messages
from tests.proof.evidence import Evidence

INVARIANTS = {
    "no two bookings overlap, at any moment of the log": check_overlaps,
    "no acknowledged change is lost": check_kept,
    "nothing happened that nobody asked for": check_asked_for,
    "retries with one key have one answer, and one effect": check_one_answer,
    "a hold becomes one appointment at most": check_one_appointment,
    "nothing was confirmed after it had run out": check_expiry,
    "one mail by Message-ID, and a webhook of each change": check_messages,
    "only allowed moves, and sequences without gaps": check_stories,
}
NAMES = {find: name for name, find in INVARIANTS.items()}


def check(folder):
    """Return the violations of each invariant, as texts."""
    evidence = Evidence(folder)
    return {name: list(find(evidence)) for name, find in INVARIANTS.items()}

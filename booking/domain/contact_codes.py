"""Codes that are sent to a contact on file, and what they prove: that somebody reads a mailbox, or answers a phone.

What is asked, answered and counted does not depend on whether anybody has that contact: a request only writes down
what was typed, and a worker finds out later whether there is somebody to send a code to.
"""

import hmac
import json
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext_lazy as _

from booking.access.email_addresses import get_email_id, note_confirmed
from booking.access.phone_numbers import get_number_id
from booking.access.phone_numbers import note_confirmed as note_confirmed_number
from booking.access.tokens import hash_token, new_token, signing_keys
from booking.domain.counting import lock_count
from booking.domain.text_messages import send_text
from booking.integrations.email.appointment_emails import send_contact_code
from booking.models import Appointment, ContactCode, OutboxMessage, TextMessage, get_branding
from booking.models.enums import Job
from booking.outbox import queue
from patients.households import list_household
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.lib.languages import get_language_to_keep, use_language

LIFETIME = timedelta(minutes=10)
PROOF_LIFETIME = timedelta(minutes=30)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MAX_TRIES = 5  # of one code
# A day. At most 25 of a million guesses at one contact, and the last is what all guesses together may be.
MAX_CODES_PER_CONTACT = 5
MAX_CODES_PER_NETWORK = 20
MAX_CODES = 2_000
MAX_WRONG_TRIES = 500


class TooManyCodes(Exception):
    """As many codes were asked for as may be, for the contact, from the network or by all; retry_after in seconds."""

    message = _("Too many codes were requested today. You can book without one.")

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class WrongCode(Exception):
    """It is not the code that was sent; ``tries_left`` says how often another may be tried."""

    message = _("That code is not right.")

    def __init__(self, tries_left: int) -> None:
        self.tries_left = tries_left
        super().__init__(f"{tries_left} tries left")


class CodeNotFound(Exception):
    """No code can be typed there: it is too old, was used, or was tried too often."""

    message = _("This code no longer works.")


class Contact(NamedTuple):
    """An e-mail address or a phone number, and the birth date that was typed with it."""

    born: date
    email: str = ""
    phone: str = ""

    @property
    def hash(self) -> bytes:
        """A pseudonym: the same for all the spellings that reach one mailbox."""
        if self.email:
            return bytes.fromhex(get_email_id(self.email))
        return bytes.fromhex(get_number_id(self.phone))

    def list_people(self) -> list[Patient]:
        """Return whom somebody with this contact and birth date may see."""
        return list_household(email=self.email, phone=self.phone, born=self.born)


class Proof:
    """What a right code proves until it ends: that its holder has a contact. They choose who of its people they are."""

    def __init__(self, row: ContactCode, token: str) -> None:
        self.row, self.token, self.contact = row, token, _read_contact(row)

    @property
    def email_id(self) -> str:
        """The pseudonym of the proven e-mail address, or ""."""
        return get_email_id(self.contact.email) if self.contact.email else ""

    @cached_property
    def people(self) -> list[Patient]:
        """The patients that may be chosen, those who are written to themselves first."""
        return self.contact.list_people()

    def find_person(self, id: str) -> Patient | None:
        """Return the one of the people with that id, or None."""
        return next((patient for patient in self.people if str(patient.pk) == id), None)

    def list_coming_visits(self) -> list[Appointment]:
        """Return the people's visits to come that the contact is written to about, in their order."""
        now = database_now()
        theirs = {"attendee_email__iexact": self.contact.email} if self.contact.email else {}
        if self.contact.phone:
            theirs["attendee_phone"] = self.contact.phone
        visits = Appointment.objects.filter(patient__in=self.people, ends_at__gt=now, **theirs)
        visits = visits.filter(Q(answer_by__gt=now) | ~Q(status=Appointment.Status.PENDING))
        visits = visits.filter(status__in=Appointment.STANDING).order_by("starts_at")
        return list(visits.select_related("service", "clinician", "location", "order"))


@transaction.atomic
def ask_for_code(contact: Contact, *, network: str) -> str:
    """Have a code sent to the contact if a patient with that birth date has it; return the token of its page.

    Does the same in either case. Raises TooManyCodes.
    """
    lock_count("contact codes")
    now = database_now()
    _check_number(contact, network, now)
    token = new_token()
    row = ContactCode.objects.create(
        token_hash=hash_token(token),
        contact_hash=contact.hash,
        details=json.dumps({"born": contact.born.isoformat(), "email": contact.email, "phone": contact.phone}),
        network=network,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    queue.enqueue(Job.EMAIL_CONTACT_CODE, code=row.pk, language=get_language_to_keep())
    return token


def _check_number(contact, network, now):
    today = ContactCode.objects.filter(created_at__gt=now - DAY)
    groups = [
        (Q(contact_hash=contact.hash), MAX_CODES_PER_CONTACT),
        (Q(network=network), MAX_CODES_PER_NETWORK),
        (Q(), MAX_CODES),
    ]
    counts = {}
    for at, (group, _limit) in enumerate(groups):
        counts |= {f"number_{at}": Count("pk", filter=group), f"oldest_{at}": Min("created_at", filter=group)}
    counted = today.aggregate(**counts)
    for at, (_group, limit) in enumerate(groups):
        if counted[f"number_{at}"] >= limit:
            raise TooManyCodes(int((counted[f"oldest_{at}"] + DAY - now).total_seconds()) + 1)


def send_code(message: OutboxMessage) -> None:
    """Send a code that was asked for, if it is not too late and somebody has that contact with that birth date."""
    row = ContactCode.objects.filter(pk=message.payload["code"], expires_at__gt=database_now(), proved_at=None).first()
    contact = row and row.details and _read_contact(row)
    if not row or not contact or not contact.list_people():
        return
    # Before it is sent: who is quick must not find that their code was never sent.
    with transaction.atomic(), use_language(message.payload["language"]):
        is_first = ContactCode.objects.filter(pk=row.pk, sent_at=None).update(sent_at=database_now())
        if contact.phone and is_first:
            words = _("%(code)s is your code for %(clinic)s. It works for 10 minutes. Do not share it.")
            body = words % {"code": make_code(row), "clinic": get_branding().name}
            send_text(contact.phone, body, purpose=TextMessage.Purpose.CODE, is_proof=True, expires_at=row.expires_at)
    if contact.email:
        with use_language(message.payload["language"]):
            send_contact_code(message, contact.email, code=make_code(row), minutes=LIFETIME // MINUTE)


def make_code(row: ContactCode, key: str | None = None) -> str:
    """Return the six digits of a code: an HMAC of its row's random id, so that no table has them."""
    digest = hmac.digest((key or signing_keys()[0]).encode(), f"contact code {row.pk.hex}".encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06}"


def find_asked(token: str) -> Contact:
    """Return the contact that a code was asked for, while one can be typed; raises CodeNotFound."""
    rows = ContactCode.objects.filter(token_hash=hash_token(token), proved_at=None, tries__lt=MAX_TRIES)
    row = rows.filter(expires_at__gt=database_now()).first()
    if not row or not row.details:
        raise CodeNotFound
    return _read_contact(row)


# Counted before it is compared, in one statement: of concurrent tries each waits for the row. Nothing but the row that
# is found decides whether there is one, so that a try takes as long where no code was sent.
TRY = """
    UPDATE booking_contactcode SET tries = tries + 1
     WHERE token_hash = %(token_hash)s AND proved_at IS NULL AND expires_at > %(now)s AND tries < %(tries)s
 RETURNING id
"""


def prove_contact(token: str, code: str) -> Proof:
    """Return the Proof of the contact that a code was sent to; each call is a try. Raises WrongCode or CodeNotFound.

    A wrong try stays counted, so this is no transaction.
    """
    now = database_now()
    with connection.cursor() as cursor:
        parameters = {"token_hash": hash_token(token), "tries": MAX_TRIES, "now": now}
        cursor.execute(TRY, parameters)  # pyright: ignore[reportArgumentType]
        found = cursor.fetchone()
    if found is None:
        raise CodeNotFound
    row = ContactCode.objects.get(pk=found[0])
    # All keys are compared, and the code of a row that none was sent for too.
    is_right = sum(hmac.compare_digest(code.encode(), make_code(row, key).encode()) for key in signing_keys()) > 0
    if not is_right or row.sent_at is None:
        raise WrongCode(MAX_TRIES - row.tries)
    # Of codes that were sent: no other can be guessed, or a stranger would end everybody's by typing at their own.
    # Asked of the right code only, so that nobody else learns which were sent.
    sent = ContactCode.objects.filter(created_at__gt=now - DAY, proved_at=None).exclude(sent_at=None)
    if sent.aggregate(tries=Sum("tries"))["tries"] > MAX_WRONG_TRIES:
        raise CodeNotFound
    return _start_proof(row)


@transaction.atomic
def _start_proof(row):
    token, now = new_token(), database_now()
    changes = {"proof_hash": hash_token(token), "proved_at": now, "expires_at": now + PROOF_LIFETIME}
    if not ContactCode.objects.filter(pk=row.pk, proved_at=None).update(**changes):
        raise CodeNotFound  # another window was quicker
    proof = Proof(row, token)
    if proof.contact.email:
        note_confirmed(proof.contact.email, at=now)
    else:
        note_confirmed_number(proof.contact.phone, at=now)
    return proof


def find_proof(token: str) -> Proof | None:
    """Return the Proof that a token was given for, or None if it has ended."""
    if not token:
        return None
    row = ContactCode.objects.filter(proof_hash=hash_token(token), expires_at__gt=database_now()).first()
    return Proof(row, token) if row and row.details else None


def end_proof(proof: Proof) -> None:
    """End a proof: what it was for is done."""
    ContactCode.objects.filter(pk=proof.row.pk).update(expires_at=database_now(), details="")


def forget_codes() -> None:
    """Delete the codes that no longer count, and what was typed for those that no longer work."""
    now = database_now()
    ContactCode.objects.filter(created_at__lte=now - DAY).delete()
    ContactCode.objects.filter(expires_at__lte=now).exclude(details="").update(details="")


def forget_contacts(emails: Iterable[str], phones: Iterable[str]) -> None:
    """Delete the codes that were asked for e-mail addresses and phone numbers."""
    ids = [*map(get_email_id, emails), *map(get_number_id, phones)]
    ContactCode.objects.filter(contact_hash__in=[bytes.fromhex(id) for id in ids]).delete()


def _read_contact(row):
    details = json.loads(row.details)
    return Contact(date.fromisoformat(details["born"]), details["email"], details["phone"])

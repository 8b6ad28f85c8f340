"""The verb of a message text: a test of a draft."""

from django.contrib.auth import get_user_model

from booking.models import MessageText
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.lib.encrypted_field import encrypt


def send_test(text: MessageText, *, address: str) -> None:
    """Have a sample of a text, saved or not, mailed to an address; to one that is not staff's, a few times a day."""
    staff = get_user_model().objects.filter(is_active=True, is_staff=True, email__iexact=address)
    queue.enqueue(
        Job.EMAIL_TEST_MESSAGE,
        kind=text.kind,
        language=text.language,
        is_limited=not staff.exists(),
        address=encrypt(address),
        subject=encrypt(text.subject),
        opening=encrypt(text.opening),
        closing=encrypt(text.closing),
        sign_off=encrypt(text.sign_off),
    )

"""The clinic's own wording of what patients are sent, and what could not be delivered."""

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from booking.models.bookings import Appointment
from booking.models.orders import Order
from patients.fields import PlainLinesField, PlainTextField
from patients.text import validate_printable

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class MessageKind(models.TextChoices):
    """What patients are sent. An e-mail has the name of its template; that of a text message begins with ``sms.``."""

    REQUESTED = "appointment_requested", "E-mail: a time is asked for"
    VERIFY = "verify_address", "E-mail: please confirm your booking"
    CONFIRMED = "appointment_confirmed", "E-mail: booked"
    REMINDER = "appointment_reminder", "E-mail: a reminder"
    RESCHEDULED = "appointment_rescheduled", "E-mail: a new time"
    CANCELLED = "appointment_cancelled", "E-mail: cancelled"
    NOT_CONFIRMED = "appointment_not_confirmed", "E-mail: not confirmed"
    ALSO_BOOKED = "also_booked", "E-mail: another appointment at that time"
    ORDER_LINK = "order_link", "E-mail: the link to choose a time"
    BOOKING_LINK = "booking_link", "E-mail: the link to the free times"
    CONTACT_CODE = "contact_code", "E-mail: the code of who has been here before"
    APPOINTMENT_LINKS = "appointment_links", "E-mail: the links of coming appointments"
    WAITLIST_CONFIRM = "waitlist_confirm", "E-mail: please confirm your place on the waiting list"
    WAITLIST_OFFER = "waitlist_offer", "E-mail: a time is free for you"
    STRANDED_OFFER = "stranded_offer", "E-mail: other times for a visit that cannot take place"
    TEXT_REMINDER = "sms.reminder", "Text message: a reminder"


VISIT = ("patient", "service", "clinician", "date", "time", "location", "reference", "phone", "clinic")
# What a text may name, by its kind.
PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    MessageKind.REQUESTED: (*VISIT, "until"),
    MessageKind.VERIFY: (*VISIT[1:], "until"),
    MessageKind.CONFIRMED: VISIT,
    MessageKind.REMINDER: VISIT,
    MessageKind.RESCHEDULED: VISIT,
    MessageKind.CANCELLED: VISIT,
    MessageKind.NOT_CONFIRMED: VISIT,
    MessageKind.ALSO_BOOKED: ("patient", "phone", "clinic"),
    MessageKind.ORDER_LINK: ("patient", "service", "clinic"),
    MessageKind.BOOKING_LINK: ("clinic",),
    MessageKind.CONTACT_CODE: ("clinic",),
    MessageKind.APPOINTMENT_LINKS: ("clinic",),
    MessageKind.WAITLIST_CONFIRM: ("service", "clinic"),
    MessageKind.WAITLIST_OFFER: ("patient", "service", "clinician", "date", "time", "location", "phone", "clinic"),
    MessageKind.STRANDED_OFFER: VISIT,
    MessageKind.TEXT_REMINDER: ("date", "time", "location", "phone", "clinic", "link"),
}
# What an opening must say: the usual one does, and nothing else in the message.
NEEDED: dict[str, tuple[str, ...]] = {
    MessageKind.VERIFY: ("until",),
    MessageKind.TEXT_REMINDER: ("date", "time", "link"),
}
# A subject can be read on a locked phone: it never names the patient, nor what for and with whom.
IN_SUBJECT = ("date", "time", "location", "reference", "clinic")


class MessageText(models.Model):
    """The clinic's own words in one kind of message, in one language. What is blank is said in the usual ones."""

    # Of a text message there is the opening alone: it is the whole of it.
    PARTS = ("subject", "opening", "closing", "sign_off")

    kind = models.CharField("message", max_length=40)
    language = models.CharField(max_length=10)
    subject = PlainTextField(max_length=150, blank=True, validators=[validate_printable])
    opening = PlainLinesField(max_length=2000, blank=True, validators=[validate_printable])
    closing = PlainLinesField(max_length=2000, blank=True, validators=[validate_printable])
    sign_off = PlainLinesField(max_length=300, blank=True, validators=[validate_printable])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["kind", "language"]
        constraints = [models.UniqueConstraint("kind", "language", name="message_text_once")]

    def __str__(self):
        names: dict[str, str] = {**dict(MessageKind.choices), **dict(settings.LANGUAGES)}
        return f"{names.get(self.kind, self.kind)} ({names.get(self.language, self.language)})"

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that its kind of message has."""
        return ("opening",) if self.is_sms else self.PARTS

    @property
    def is_sms(self) -> bool:
        """Whether it is one for phones."""
        return self.kind.startswith("sms.")

    def clean(self):
        """Refuse placeholders that the kind of message has no value for, and braces that are none."""
        errors = {}
        for part in self.PARTS:
            known = list_placeholders(self.kind, part)
            if sentences := find_mistakes(getattr(self, part), known):
                errors[part] = sentences
        for name in NEEDED.get(self.kind, ()):
            if self.opening and f"{{{name}}}" not in self.opening:
                errors.setdefault("opening", []).append(f"The opening of this message has to say {{{name}}}.")
        if errors:
            raise ValidationError(errors)


def list_placeholders(kind: str, part: str) -> list[str]:
    """Return the names of the placeholders that a part of a kind of message may have."""
    return [name for name in PLACEHOLDERS.get(kind, ()) if part != "subject" or name in IN_SUBJECT]


def find_mistakes(text: str, known: list[str]) -> list[str]:
    """Return a sentence for each placeholder of ``text`` that is not ``known``, and one for a brace that is none."""
    usable = ", ".join(f"{{{name}}}" for name in known) or "none"
    unknown = dict.fromkeys(name for name in PLACEHOLDER.findall(text) if name not in known)
    mistakes = [f"{{{name}}} is not known here. These can be used: {usable}." for name in unknown]
    if re.search("[{}]", PLACEHOLDER.sub("", text)):
        mistakes.append(f"A brace is open or left over. A placeholder has one on each side: {usable}.")
    return mistakes


class UndeliverableMail(models.Model):
    """An e-mail about an appointment or an order that a mail server has refused for good. It has no address.

    Its id is that of its outbox message, and so of its Message-ID.
    """

    class Source(models.TextChoices):
        REFUSED = "refused", "refused when it was sent"
        RETURNED = "returned", "sent back later"

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField("message", max_length=40, editable=False)
    appointment = models.ForeignKey(
        Appointment, on_delete=models.CASCADE, null=True, editable=False, related_name="undeliverable_mails"
    )
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, null=True, editable=False, related_name="undeliverable_mails"
    )
    source = models.CharField(max_length=8, choices=Source, editable=False)
    status_code = models.CharField("code", max_length=16, editable=False, help_text="The mail server's: RFC 3463.")
    happened_at = models.DateTimeField(default=timezone.now, editable=False)
    settled_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-happened_at"]
        verbose_name = "undeliverable e-mail"

    def __str__(self):
        return f"{self.kind} {self.status_code}"

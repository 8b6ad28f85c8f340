"""Messages about an appointment that does not exist: what staff see of a text before patients do."""

from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from booking.access.email_addresses import allow_email
from booking.integrations.email.appointment_emails import compose_mail, get_visit_context
from booking.integrations.sms.appointment_texts import word_reminder
from booking.models import Appointment, Hold, MessageKind, MessageText, Order, OutboxMessage, WaitlistEntry
from booking.outbox.queue import PermanentError
from scheduling.lib.encrypted_field import decrypt
from scheduling.lib.languages import use_language
from scheduling.models import Clinician, Location, Service

TEST_NOTE = "This is a test that the clinic’s staff have sent. The appointment in it is invented."
UNNAMED = (MessageKind.VERIFY, MessageKind.BOOKING_LINK, MessageKind.CONTACT_CODE, MessageKind.APPOINTMENT_LINKS)
Status, Reason = Appointment.Status, Appointment.CancellationReason
STATUSES = {
    MessageKind.REQUESTED: Status.PENDING,
    MessageKind.VERIFY: Status.PENDING,
    MessageKind.CANCELLED: Status.CANCELLED,
    MessageKind.NOT_CONFIRMED: Status.CANCELLED,
}


def make_sample_email(
    text: MessageText, *, to: str = "", message: OutboxMessage | None = None, test_note: str = ""
) -> EmailMultiAlternatives:
    """Return an e-mail of the text's kind in its language, to an invented patient; ``test_note`` stands above it."""
    with use_language(text.language):
        appointment = _invent_appointment(text.kind)
        context = get_visit_context(appointment, name="" if text.kind in UNNAMED else appointment.attendee_name)
        context |= {
            "order": Order(service=appointment.service),
            "entry": WaitlistEntry(service=appointment.service),
            "hold": _hold(appointment),
            "holds": [_hold(appointment)],
            "visits": _list_visits(text.kind, appointment, context["page"]),
            "link": context["page"],
            "hours": 24,
            "code": "123456",
            "minutes": 10,
            "last_day": timezone.now().date() + timedelta(days=30),
            "test_note": test_note,
        }
        return compose_mail(message or OutboxMessage(), text.kind, to, context, text)


def make_sample_sms(text: MessageText) -> str:
    """Return a text message of the text's kind in its language."""
    with use_language(text.language):
        link = f"{settings.SITE_URL}/r/{'x' * 16}" if settings.SITE_URL else ""
        return word_reminder(_invent_appointment(text.kind), link=link, text=text)


def _hold(appointment):
    times = {"starts_at": appointment.starts_at, "ends_at": appointment.ends_at, "expires_at": appointment.answer_by}
    return Hold(service=appointment.service, clinician=appointment.clinician, location=appointment.location, **times)


def _list_visits(kind, appointment, page):
    return [(appointment, page, False)] if kind == MessageKind.APPOINTMENT_LINKS else [(appointment, page)] * 2


def _invent_appointment(kind):
    location = Location(
        name="Example Street",
        address_line_1="1 Example Street",
        city="Exampleton",
        phone="+442079460000",  # of Ofcom's numbers that nobody has
        directions="Ring the upper bell.",
    )
    service = Service(name="Example visit", slug="example", what_to_bring="Your glasses")
    starts_at = timezone.now().astimezone(location.zone).replace(hour=10, minute=0, second=0) + timedelta(days=14)
    return Appointment(
        service=service,
        clinician=Clinician(name="Sam Sample"),
        location=location,
        starts_at=starts_at,
        ends_at=starts_at + service.duration,
        answer_by=starts_at - timedelta(days=13),
        status=STATUSES.get(kind, Status.CONFIRMED),
        cancellation_reason=Reason.NOT_ACKNOWLEDGED if kind == MessageKind.NOT_CONFIRMED else "",
        reference="EXAMP-LE234",
        attendee_name="Alex Example",
    )


def send_test_message(message: OutboxMessage) -> None:
    """Send a sample of a draft to the address that staff have typed; of one that is not theirs, a few a day."""
    payload = {name: decrypt(message.payload[name]) for name in ("address", *MessageText.PARTS)}
    address = payload.pop("address")
    if not address:
        raise PermanentError("The SECRET_KEY that it was written with is gone.")
    if message.payload["is_limited"] == "True" and not allow_email(address):
        raise PermanentError("That address has had as many e-mails today as strangers may cause.")
    text = MessageText(kind=message.payload["kind"], language=message.payload["language"], **payload)
    mail = make_sample_email(text, to=address, message=message, test_note=TEST_NOTE)
    mail.subject = f"Test: {mail.subject}"
    mail.send()

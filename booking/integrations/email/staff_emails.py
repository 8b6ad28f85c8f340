"""E-mail to staff."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from booking.access.sign_in_log import get_account_id
from booking.access.staff_invitations import LIFETIME, make_token
from booking.access.visibility import visible_to
from booking.integrations.email.sender import make_headers
from booking.models import Appointment, OutboxMessage, WebhookEndpoint
from booking.models.branding import get_branding
from scheduling.models import TimeOffRequest
from scheduling.models.local_zones import find_time_off_zone


def send_endpoint_disabled(message: OutboxMessage) -> None:
    """Tell staff who may enable webhook endpoints that one was disabled, and why."""
    endpoint = WebhookEndpoint.objects.filter(pk=message.payload["endpoint"]).exclude(disabled_at=None).first()
    if endpoint:  # it may have been enabled again or deleted since
        page = reverse("admin:booking_webhookendpoint_change", args=[endpoint.pk])
        _send_to_staff(
            message,
            "booking.change_webhookendpoint",
            WebhookEndpoint.objects.filter(pk=endpoint.pk),
            f"Webhook endpoint disabled: {endpoint}",
            "endpoint_disabled",
            endpoint=endpoint,
            page=page,
        )


def send_change_refused(message: OutboxMessage) -> None:
    """Tell staff who decide on appointments that an approver refuses a changed appointment."""
    appointments = Appointment.objects.select_related("provider", "location")
    appointment = appointments.get(pk=message.payload["appointment"])
    if appointment.status in Appointment.UPCOMING:
        page = reverse("admin:booking_appointment_change", args=[appointment.pk])
        subject = f"{appointment.provider} refuses the new time of {appointment.reference}"
        same, context = Appointment.objects.filter(pk=appointment.pk), {"appointment": appointment, "page": page}
        _send_to_staff(message, "booking.decide_appointment", same, subject, "change_refused", **context)


def send_time_off_asked(message: OutboxMessage) -> None:
    """Tell staff who may change time off, and who see the clinician, that a clinician asks for some."""
    request = TimeOffRequest.objects.select_related("clinician").get(pk=message.payload["request"])
    if request.status != TimeOffRequest.Status.WAITING:
        return
    same = TimeOffRequest.objects.filter(pk=request.pk)
    subject, page = f"{request.clinician} asks for time off", reverse("admin:time_off_requests")
    context = {"page": page, **_describe(request)}
    _send_to_staff(message, "scheduling.add_timeoff", same, subject, "time_off_asked", **context)


def send_time_off_answered(message: OutboxMessage) -> None:
    """Tell a clinician what became of the time off that they have asked for."""
    request = TimeOffRequest.objects.select_related("clinician__user").get(pk=message.payload["request"])
    user = request.clinician.user
    addresses = [user.email] if user and user.is_active and user.email else []
    subject = f"Your time off is {request.get_status_display()}"  # pyright: ignore[reportAttributeAccessIssue]
    page = reverse("admin:my_time_off")
    _send(message, addresses, subject, "time_off_answered", page=page, **_describe(request))


def _describe(request):
    """Return the context of a mail about time off: its times are on the clock of where the clinician works."""
    zone = find_time_off_zone(clinician=request.clinician, location=None)
    times = {"starts_at": request.starts_at.astimezone(zone), "ends_at": request.ends_at.astimezone(zone)}
    return {"request": request, **times}


def send_reset_link(message: OutboxMessage) -> None:
    """Send a link for a new password to the staff whose address it is that somebody has typed, if there are any."""
    staff = get_user_model().objects.filter(is_active=True, is_staff=True).exclude(email="")
    for user in staff:
        if get_account_id(user.email) != message.payload["account"] or not user.has_usable_password():
            continue
        parts = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
        context = {
            "user": user,
            "clinic_name": get_branding().name,
            "link": message.payload["site"] + reverse("password_reset_confirm", args=parts),
        }
        EmailMessage(
            subject=f"A new password at {get_branding().name}",
            body=render_to_string("email/reset_link.txt", context),
            to=[user.email],  # the stored one: what was typed may only look like it
            headers=make_headers(message),
        ).send()


def send_invitation(message: OutboxMessage) -> None:
    """Send somebody the link to begin with. Each mail has a link of its own, and ends the one before."""
    user = User.objects.filter(pk=message.payload["user"], is_active=True).first()
    token = make_token(user) if user else None
    if not user or not token:  # begun, or taken back, in the meantime
        return
    context = {
        "user": user,
        "clinic_name": get_branding().name,
        "days": LIFETIME.days,
        "link": message.payload["site"] + reverse("staff_invitation", args=[token]),
    }
    EmailMessage(
        subject=f"Your login at {get_branding().name}",
        body=render_to_string("email/staff_invitation.txt", context),
        to=[user.email],
        headers=make_headers(message),
    ).send()


def _send_to_staff(message, permission, rows, subject, template, **context):
    """Send a mail to staff who have the permission, and see what it is about."""
    people = User.objects.with_perm(permission).exclude(email="")
    addresses = sorted(person.email for person in people if visible_to(person, rows).exists())
    _send(message, addresses, subject, template, **context)


def _send(message, addresses, subject, template, **context):
    if not addresses:
        return
    context |= {"clinic_name": get_branding().name, "site": settings.SITE_URL}
    EmailMessage(
        subject=subject,
        body=render_to_string(f"email/{template}.txt", context),
        to=addresses,
        headers=make_headers(message),
    ).send()

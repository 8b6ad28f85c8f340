"""What staff see of who booked online without proving who they are: their record was found by what anybody can type."""

from django.utils.html import format_html

from booking.templatetags.wording import phone

UNPROVEN = "booked online, not verified"
ANOTHER_NUMBER = "the record has another number"


def has_another_number(appointment):
    """Return whether the record has another phone number than the one that was typed for the appointment."""
    recorded = appointment.patient.phone_with_extension
    return bool(recorded and appointment.attendee_phone and recorded != appointment.attendee_phone)


def describe_identity(appointment):
    """Return what staff must know of who booked, or "" where they are who they say. Reads the patient."""
    if not appointment.is_unproven:
        return ""
    return f"{UNPROVEN}; {ANOTHER_NUMBER}" if has_another_number(appointment) else UNPROVEN


def render_identity(appointment):
    """Return describe_identity as a line below what it is about, or ""."""
    words = describe_identity(appointment)
    return format_html('<br><small class="unproven">{}</small>', words) if words else ""


def compare_numbers(request, appointment):
    """Return both phone numbers for those who may see the record, or "" where there is nothing to compare."""
    may_see = request.user.has_perm("patients.view_patient")
    if not may_see or not appointment.is_unproven or not has_another_number(appointment):
        return ""
    numbers = [phone(number) for number in (appointment.attendee_phone, appointment.patient.phone_with_extension)]
    return format_html("Booked with {}, the record has {}.", *numbers)

"""What staff see of who booked online without proving who they are: their record was found by what anybody can type."""

from django.utils.html import format_html

from booking.templatetags.wording import phone
from patients.models import Relation

UNPROVEN = "booked online, not verified"
SAID_NEW = "said new, is known"
ANOTHER_NUMBER = "the record has another number"


def has_another_number(appointment):
    """Return whether the record has another phone number than the one that was typed for the appointment."""
    recorded = appointment.patient.phone_with_extension
    return bool(recorded and appointment.attendee_phone and recorded != appointment.attendee_phone)


def describe_identity(appointment):
    """Return what staff must know of who booked, or "" where they are who they say. Reads the patient."""
    words = [UNPROVEN] if appointment.is_unproven else []
    if words and has_another_number(appointment):
        words.append(ANOTHER_NUMBER)
    if appointment.said_new_is_known:
        words.append(SAID_NEW)
    return "; ".join(words)


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


def describe_contact(appointment):
    """Return who is written to and what who comes is to them, or "" where that is one person."""
    if not appointment.contact_name or appointment.relation in ("", Relation.OTHER):
        return appointment.contact_name
    return f"{appointment.contact_name}, for their {appointment.get_relation_display()}"

"""The pages that reminders lead to: “I am coming”, and no more reminders."""

from django.shortcuts import redirect
from django.urls import reverse

from booking.access.patient_links import appointment_token, is_mailed
from booking.access.phone_numbers import note_confirmed
from booking.access.sms_links import find_reminder
from booking.domain.reminders import confirm_attendance, stop_reminders
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.models import Appointment, Reminder
from booking.widget.appointment_changes import get_appointment_url
from booking.widget.pages import appointment_page, page, refuse_not_found, show
from scheduling.lib.clock import database_now


@page("GET")
def short(request, token):
    """Lead from the short link in a text to the page of its visit."""
    reminder = find_reminder(token)
    if reminder is None:
        return refuse_not_found(request)
    query = {"text": token}
    return redirect(reverse("widget:coming", args=[appointment_token(reminder.appointment)], query=query))


@appointment_page("GET", "POST")
def coming(request, appointment):
    """Show the button “I am coming”, then press it. A GET changes nothing: programs open links too."""
    now = database_now()
    if appointment.status != Appointment.Status.CONFIRMED or appointment.starts_at <= now:
        return redirect(get_appointment_url(appointment))
    if request.method == "POST":
        note_number(appointment, request.POST.get("text", ""), now)
        try:
            confirm_attendance(appointment, actor="patient")
        except (WrongState, ChangedMeanwhile):
            return redirect(get_appointment_url(appointment))
        return redirect(request.path)
    context = {
        "appointment": appointment,
        "token": appointment_token(appointment),
        "text": request.GET.get("text", ""),
        "can_change": appointment.can_change(now),
    }
    return show(request, "widget/coming.html", context)


def note_number(appointment, token, now):
    """Note that who presses the link in a text reads what is sent to its number."""
    reminder = find_reminder(token) if token else None
    if reminder and reminder.appointment_id == appointment.pk and reminder.channel == Reminder.Channel.TEXT:
        note_confirmed(appointment.attendee_phone, at=now)


@appointment_page("GET", "POST")
def no_reminders(request, appointment):
    """Ask whether reminders shall end, and end them."""
    if request.method == "POST":
        stop_reminders(appointment, is_mailed=is_mailed(appointment, request.POST.get("mailed", "")))
    context = {
        "appointment": appointment,
        "address": get_appointment_url(appointment),
        "mailed": request.GET.get("mailed", ""),
    }
    return show(request, "widget/no_reminders.html", context | {"is_done": request.method == "POST"})

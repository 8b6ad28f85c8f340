"""The pages of the waiting list: leave a wish, and by the mailed link confirm it, change it and leave."""

from contextlib import suppress
from urllib.parse import urlencode

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateformat import format as format_date
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from booking.access.client_identity import get_widest_network_id
from booking.access.patient_links import AppointmentNotFound, entry_token, find_entry
from booking.domain.waitlist import (
    TooManyWishes,
    WaitlistClosed,
    WishEnded,
    can_wish_earlier,
    change_entry,
    confirm_entry,
    end_entry,
    find_earlier_wish,
    find_entry_of_hold,
    is_open,
    join,
    join_for_earlier,
)
from booking.domain.waitlist_offers import decline_offer, find_open_offer
from booking.models import WaitlistEntry
from booking.widget import views
from booking.widget.appointment_changes import get_appointment_url
from booking.widget.offer import get_offer
from booking.widget.pages import appointment_page, make_page_decorator, page, refuse, refuse_link, show
from booking.widget.waitlist_forms import WaitlistForm, WishedTimesForm
from scheduling.lib.clock import database_now
from scheduling.lib.languages import get_language_to_keep

Status = WaitlistEntry.Status

wish_page = make_page_decorator(find_entry, AppointmentNotFound, refuse_link)


@page("GET", "POST")
def wait(request, slug):
    """Ask which times suit and who is to be told, then send a link that puts them on the list."""
    service = views.get_bookable_services().filter(slug=slug).first()
    if service is None:
        return views.refuse_unknown_service(request)
    if not is_open(service):
        return refuse_closed(request, service)
    is_posted = request.method == "POST"
    wished = {name: request.GET[name] for name in ("clinician", "where") if request.GET.get(name)}
    entry = WaitlistEntry(service=service, network=get_widest_network_id(request), language=get_language_to_keep())
    options = {"instance": entry, "initial": wished, "offer": get_offer(service), "today": database_now().date()}
    form = WaitlistForm(request.POST if is_posted else None, **options)
    times = reverse("widget:times", args=[service.slug])
    context = {"service": service, "form": form, "times": times + (f"?{urlencode(wished)}" if wished else "")}
    if not form.is_valid():
        return show(request, "widget/waitlist.html", context, status=422 if is_posted else 200)
    try:
        join(form.instance, actor="patient")
    except TooManyWishes as error:
        response = show(request, "widget/waitlist.html", context | {"is_too_many": True}, status=429)
        response["Retry-After"] = error.retry_after
        return response
    except WaitlistClosed:
        return refuse_closed(request, service)
    return show(request, "widget/waitlist_sent.html", context | {"address": form.cleaned_data["email"]})


def refuse_closed(request, service):
    onward = (_("See the free times"), reverse("widget:times", args=[service.slug]))
    return refuse(request, WaitlistClosed.message, status=404, onward=onward)


@wish_page("GET", "POST")
def wish(request, entry):
    """Show a wish, or do what was pressed: confirm it, leave the list, or give back what is held for it.

    A GET changes nothing: programs open links too.
    """
    if request.method == "POST":
        with suppress(WishEnded):  # the page says how it stands
            press(request, entry)
        return redirect("widget:wish", entry_token(entry))
    context = {
        "entry": entry,
        "offer": find_open_offer(entry),
        "title": get_title(entry),
        "wishes": describe_wish(entry),
        "is_live": entry.status in WaitlistEntry.LIVE,
        "token": entry_token(entry),
        "times": reverse("widget:times", args=[entry.service.slug]),
    }
    return show(request, "widget/waitlist_wish.html", context)


def get_title(entry):
    """Return the heading that says how a wish stands."""
    if entry.status == Status.UNCONFIRMED:
        return _("Shall we tell you when a time is free?")
    if entry.status == Status.WAITING:
        return _("You are on the waiting list")
    return _("You are no longer on the waiting list")


def describe_wish(entry):
    """Return what is wished for as pairs of label and text."""
    days = ", ".join(str(WEEKDAYS[day]) for day in sorted(entry.weekdays)) or _("Any day")
    parts = ", ".join(str(label) for part, label in WaitlistEntry.PartOfDay.choices if part in entry.parts_of_day)
    last = format_date(entry.last_day, _("l j F Y"))
    if entry.first_day:
        period = _("%(first)s to %(last)s") % {"first": format_date(entry.first_day, _("l j F Y")), "last": last}
    else:
        period = _("Until %(last)s") % {"last": last}
    if entry.location:
        where = entry.location.translate("name")
    else:
        where = {True: _("Video call"), False: _("In person"), None: _("Anywhere")}[entry.is_remote]
    return [
        (_("What"), entry.service.translate("name")),
        (_("Days"), days),
        (_("Time"), parts or _("Any time")),
        (_("When"), period),
        (_("With"), entry.clinician.name if entry.clinician else _("Any clinician")),
        (_("Where"), where),
    ]


def press(request, entry):
    if "confirm" in request.POST:
        confirm_entry(entry)
    elif "decline" in request.POST:
        decline_offer(entry)
    elif "leave" in request.POST:
        end_entry(entry, Status.LEFT, actor="patient")


@wish_page("GET", "POST")
def change_wish(request, entry):
    """Ask which times suit, and change the wish."""
    here = redirect("widget:wish", entry_token(entry))
    if entry.status != Status.WAITING:
        return here
    options = {"instance": entry, "offer": get_offer(entry.service), "today": database_now().date()}
    form = WishedTimesForm(request.POST if request.method == "POST" else None, **options)
    if not form.is_valid():
        context = {"entry": entry, "form": form, "token": entry_token(entry)}
        return show(request, "widget/waitlist_change.html", context, status=422 if form.is_bound else 200)
    with suppress(WishEnded):  # the page says how it stands
        change_entry(entry, actor="patient", **form.wish)
    return here


@appointment_page("POST")
def earlier(request, appointment):
    """Have who comes told when something earlier is free, or no longer."""
    if "leave" in request.POST:
        entry = find_earlier_wish(appointment)
        if entry:
            end_entry(entry, Status.LEFT, actor="patient")
        return redirect(get_appointment_url(appointment))
    with suppress(WaitlistClosed):  # the page offers it no longer
        join_for_earlier(appointment, actor="patient")
    return redirect(get_appointment_url(appointment))


def get_earlier_context(appointment):
    """Return the template context of an appointment's wish for something earlier, or of the offer to leave one."""
    entry = find_earlier_wish(appointment)
    return {"earlier_wish": entry, "can_wish_earlier": not entry and can_wish_earlier(appointment)}


def get_given_details(hold):
    """Return what somebody who waited typed when they joined, to fill in the form for their details."""
    entry = find_entry_of_hold(hold)
    names = ("first_name", "last_name", "email", "phone")
    return {name: getattr(entry, name) for name in names} if entry else {}

"""Write durations, prices, times, time zones, phone numbers and places for people, in the page's language."""

import re
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.template.defaultfilters import linebreaksbr, urlize
from django.utils.dateformat import format as format_date
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import get_language_bidi, gettext, gettext_lazy, ngettext, pgettext

from patients.text import isolate
from scheduling.lib.currencies import write_decimals
from scheduling.lib.phones import format_phone
from scheduling.lib.timezones import get_zone_abbreviation
from scheduling.models import Service

register = template.Library()

SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥"}


@register.filter
def price(priced):
    """Return the price of a service, a hold or an appointment: £60, £62.50, ¥5,000, KWD 12.500, No charge."""
    if not priced.price:
        return gettext("No charge")
    exact = write_decimals(priced.price, priced.currency) if priced.price % 1 else round(priced.price)
    amount = number_format(exact, force_grouping=True)
    symbol = SYMBOLS.get(priced.currency)
    if symbol:
        return pgettext("price", "%(symbol)s%(amount)s") % {"symbol": symbol, "amount": amount}
    return pgettext("price", "%(currency)s %(amount)s") % {"currency": priced.currency, "amount": amount}


@register.filter
def duration(delta):
    """Return a length of time in words: 45 minutes, 1 hour, 1 hour 30 minutes, 2 days."""
    hours, minutes = divmod(int(delta.total_seconds()) // 60, 60)
    if hours >= 48 and not minutes and hours % 24 == 0:
        return ngettext("%(days)s day", "%(days)s days", hours // 24) % {"days": hours // 24}
    in_hours = ngettext("%(hours)s hour", "%(hours)s hours", hours) % {"hours": hours}
    in_minutes = ngettext("%(minutes)s minute", "%(minutes)s minutes", minutes) % {"minutes": minutes}
    if hours and minutes:
        # Translators: such as “1 hour 30 minutes”.
        return gettext("%(hours)s %(minutes)s") % {"hours": in_hours, "minutes": in_minutes}
    return in_hours if hours else in_minutes


@register.filter
def when(moment, name):
    """Return a moment on the clock of the IANA zone ``name``: Monday 23 November, 09:00 GMT."""
    return _format_with_zone(moment, name, gettext("l j F, H:i"))


@register.filter
def clock(moment, name):
    """Return the time of day on the clock of the IANA zone ``name``: 09:00 GMT."""
    return _format_with_zone(moment, name, gettext("H:i"))


def _format_with_zone(moment, name, pattern):
    local = moment.astimezone(ZoneInfo(name))
    # Translators: such as “Monday 23 November, 09:00 GMT”.
    return gettext("%(moment)s %(zone)s") % {
        "moment": format_date(local, pattern),
        "zone": get_zone_abbreviation(local),
    }


@register.filter
def zone(moment, name):
    """Return the name of the IANA zone ``name`` at that moment: London time (BST)."""
    city = name.rpartition("/")[2].replace("_", " ")
    short = get_zone_abbreviation(moment.astimezone(ZoneInfo(name)))
    if city == short:
        return city
    return gettext("%(city)s time (%(zone)s)") % {"city": city, "zone": short}


@register.filter
def phone(number):
    """Return a phone number with spaces where people make pauses: +44 20 7946 0000."""
    text = format_phone(number, settings.DEFAULT_PHONE_REGION)
    # Between words from right to left, its groups would change places.
    return f"\u2066{text}\u2069" if get_language_bidi() else text


@register.filter
def phone_link(number, style=""):
    """Return a phone number as a link that calls it, with an inline ``style`` for e-mails."""
    attributes = format_html(' style="{};white-space:nowrap"', style) if style else ""
    address = number.replace(" ", "").removeprefix("tel:")
    return format_html('<a href="tel:{}"{}>{}</a>', address, attributes, phone(number))


@register.filter
def translated(row, name):
    """Return what the clinic has written in a field, in the page's language if it is there."""
    return row.translate(name)


@register.filter
def paragraphs(text, style=""):
    """Return plain text as HTML: addresses become links, and each paragraph has an inline ``style``."""
    blocks = [[linebreaksbr(urlize(block.strip()))] for block in re.split(r"\n\s*\n", text) if block.strip()]
    return format_html_join("\n", f'<p style="{style}">{{}}</p>', blocks)


RELATIONS = {
    "child": gettext_lazy("your child"),
    "parent": gettext_lazy("your parent"),
    "partner": gettext_lazy("your partner"),
}


@register.filter
def for_whom(appointment):
    """Return in a word who comes, if that is not who is written to, else "".

    It tells no name: who opens the link of a visit may have been sent it by anybody.
    """
    return RELATIONS.get(appointment.relation, gettext("somebody else")) if appointment.contact_name else ""


@register.filter
def named_for_whom(appointment):
    """Return who comes, if that is not who is written to, for the mailbox of who is: by name where it is proven.

    Until then anybody may have typed the name, and with it another's address.
    """
    is_told = appointment.contact_name and not appointment.is_unproven
    return isolate(appointment.attendee_name) if is_told else for_whom(appointment)


@register.filter
def place(booking):
    """Return where a hold or an appointment takes place: Video call, At your home, or the location's address."""
    if booking.is_remote:
        return gettext("Video call")
    moves = getattr(booking, "moves", None)
    if booking.is_at_home or (moves and moves.is_at_home):
        return gettext("At your home")
    return ", ".join([booking.location.translate("name"), *booking.location.address])


@register.filter
def mode(service):
    """Return how a service is met: In person, By video, In person or by video."""
    return {
        Service.Mode.IN_PERSON: gettext("In person"),
        Service.Mode.REMOTE: gettext("By video"),
        Service.Mode.BOTH: gettext("In person or by video"),
    }[service.mode]

"""How durations, prices, times, time zones and phone numbers are written for people."""

from zoneinfo import ZoneInfo

import phonenumbers
from django import template
from django.conf import settings

from scheduling.lib.timezones import format_local, get_zone_abbreviation

register = template.Library()

SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


@register.filter
def price(priced):
    """Return the price of a service or an appointment: £60, £62.50, CHF 80, No charge."""
    if not priced.price:
        return "No charge"
    amount = f"{priced.price:,.2f}".removesuffix(".00")
    symbol = SYMBOLS.get(priced.currency)
    return f"{symbol}{amount}" if symbol else f"{priced.currency} {amount}"


@register.filter
def duration(delta):
    """Return a length of time in words: 45 minutes, 1 hour, 1 hour 30 minutes, 2 days."""
    hours, minutes = divmod(int(delta.total_seconds()) // 60, 60)
    if hours >= 48 and not minutes and hours % 24 == 0:
        return f"{hours // 24} days"
    parts = [(hours, "hour"), (minutes, "minute")]
    return " ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in parts if number)


@register.filter
def when(moment, name):
    """Return a moment as it is told in the IANA zone ``name``: Monday 23 November, 09:00 GMT."""
    return format_local(moment, ZoneInfo(name), pattern="%A %-d %B, %H:%M")


@register.filter
def clock(moment, name):
    """Return the time of day there: 09:00 GMT."""
    return format_local(moment, ZoneInfo(name), pattern="%H:%M")


@register.filter
def phone(number):
    """Return a phone number with spaces where people make pauses: +44 20 7946 0000."""
    try:
        read = phonenumbers.parse(number, settings.DEFAULT_PHONE_REGION)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@register.filter
def zone(moment, name):
    """Return the name of the IANA zone ``name`` at that moment: London time (BST)."""
    city = name.rpartition("/")[2].replace("_", " ")
    short = get_zone_abbreviation(moment.astimezone(ZoneInfo(name)))
    return f"{city} time ({short})" if city != short else city

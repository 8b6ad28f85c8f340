"""Links that put an appointment into a calendar on the web. They do not have the link of the appointment's page.

Whoever has that link can cancel the appointment, and the addresses of these pages are in the logs of others.
"""

from datetime import UTC
from urllib.parse import urlencode

from booking.integrations.calendars.event import list_description_lines, list_ways_to_change, write_title
from booking.models import Appointment
from booking.templatetags.wording import place

GOOGLE = "https://calendar.google.com/calendar/render"
OUTLOOK = "https://outlook.live.com/calendar/0/deeplink/compose"
OFFICE = "https://outlook.office.com/calendar/0/deeplink/compose"


def list_calendar_links(appointment: Appointment) -> list[tuple[str, str]]:
    """Return the name of each calendar on the web, and the address of its form for a new event, filled in."""
    start, end = (moment.astimezone(UTC) for moment in (appointment.starts_at, appointment.ends_at))
    title, where = write_title(appointment), place(appointment)
    about = "\n".join([*list_description_lines(appointment), *list_ways_to_change(appointment, page="")])
    google = {
        "action": "TEMPLATE",
        "text": title,
        "dates": f"{start:%Y%m%dT%H%M%SZ}/{end:%Y%m%dT%H%M%SZ}",
        "ctz": appointment.location.timezone,
        "details": about,
        "location": where,
    }
    outlook = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": title,
        "startdt": start.isoformat(),
        "enddt": end.isoformat(),
        "body": about,
        "location": where,
    }
    return [
        ("Google Calendar", f"{GOOGLE}?{urlencode(google)}"),
        ("Outlook.com", f"{OUTLOOK}?{urlencode(outlook)}"),
        ("Microsoft 365", f"{OFFICE}?{urlencode(outlook)}"),
    ]

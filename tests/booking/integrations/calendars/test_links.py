"""The links that put a visit into a calendar on the web: filled in, and without the link of its page."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from booking.access.patient_links import appointment_token
from booking.integrations.calendars.links import list_calendar_links


def test_links_fill_in_the_forms_of_other_calendars(book, at, settings):
    settings.SITE_URL = "https://booking.clinic.example"
    visit = book(at(9))
    start, end = at(9).timestamp(), (at(9) + timedelta(minutes=30)).timestamp()

    links = dict(list_calendar_links(visit))

    where = "Harbour Street, 12 Harbour Street, London E1 6AN"
    about = (
        f"With Dana Reed\nReference {visit.reference}\nTo change or cancel: +442079460000\n"
        "Deleting this entry does not cancel the appointment."
    )
    hosts = {name: urlsplit(link).netloc for name, link in links.items()}
    assert hosts == {
        "Google Calendar": "calendar.google.com",
        "Outlook.com": "outlook.live.com",
        "Microsoft 365": "outlook.office.com",
    }
    asked = {
        name: {key: value for key, [value] in parse_qs(urlsplit(link).query).items()} for name, link in links.items()
    }
    utc = [f"{visit.starts_at:%Y%m%dT%H%M%SZ}", f"{visit.ends_at:%Y%m%dT%H%M%SZ}"]
    assert (visit.starts_at.timestamp(), visit.ends_at.timestamp()) == (start, end)
    assert asked["Google Calendar"] == {
        "action": "TEMPLATE",
        "text": "Consultation at Harbour Clinic",
        "dates": "/".join(utc),
        "ctz": "Europe/London",
        "details": about,
        "location": where,
    }
    assert (
        asked["Outlook.com"]
        == asked["Microsoft 365"]
        == {
            "path": "/calendar/action/compose",
            "rru": "addevent",
            "subject": "Consultation at Harbour Clinic",
            "startdt": visit.starts_at.isoformat(),
            "enddt": visit.ends_at.isoformat(),
            "body": about,
            "location": where,
        }
    )
    assert appointment_token(visit) not in "".join(links.values())

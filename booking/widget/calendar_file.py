"""An appointment as an iCalendar file (RFC 5545). It says nothing about the patient."""


def calendar_file(appointment, *, clinic_name):
    """Return the text of the file."""
    location = appointment.location
    where = "Video call" if appointment.is_remote else ", ".join([location.name, *location.address])
    about = [f"With {appointment.clinician}", f"Reference {appointment.reference}"]
    if appointment.is_remote and appointment.meeting_url:
        about.append(appointment.meeting_url)
    if location.phone:
        about.append(f"To change or cancel: {location.phone}")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Holdfast//Booking//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{appointment.pk}@holdfast",
        f"DTSTAMP:{_utc(appointment.updated_at)}",
        f"DTSTART:{_utc(appointment.starts_at)}",
        f"DTEND:{_utc(appointment.ends_at)}",
        f"SUMMARY:{_escape(f'{appointment.service} at {clinic_name}')}",
        f"LOCATION:{_escape(where)}",
        f"DESCRIPTION:{_escape(chr(10).join(about))}",
        f"STATUS:{'CANCELLED' if appointment.status == appointment.Status.CANCELLED else 'CONFIRMED'}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_fold(line)}\r\n" for line in lines)


def _utc(moment):
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _escape(text):
    for character in "\\;,":
        text = text.replace(character, "\\" + character)
    return text.replace("\r\n", "\n").replace("\n", "\\n")


def _fold(line):
    """Lines have at most 75 bytes; longer ones go on after a line break and a space."""
    folded, length = [], 0
    for character in line:
        size = len(character.encode())
        if length + size > 74:
            folded.append("\r\n ")
            length = 1
        folded.append(character)
        length += size
    return "".join(folded)

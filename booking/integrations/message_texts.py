"""The clinic's own words in what patients are sent, with values for their placeholders."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from django.utils.dateformat import format as format_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from booking.models import Appointment, Booking, MessageText
from booking.models.message_texts import PLACEHOLDER, PLACEHOLDERS
from booking.templatetags.wording import phone, place, when
from patients.text import isolate


class Words(NamedTuple):
    """A MessageText with values in it. What is empty is said in the usual words."""

    subject: str
    opening: str
    closing: str
    sign_off: str


def find_text(kind: str) -> MessageText | None:
    """Return the clinic's own text of a kind of message in the active language, or None."""
    return MessageText.objects.filter(kind=kind, language=get_language()).first() if kind in PLACEHOLDERS else None


def fill(text: MessageText, values: Mapping[str, str]) -> Words:
    """Return the Words of a text; of ``values``, by placeholder, an empty one says that there is none, or none to tell.

    A paragraph that names such a placeholder is left out, for it would have a gap.
    """
    subject, *others = (_fill_part(getattr(text, part), values) for part in MessageText.PARTS)
    return Words(" ".join(subject.split()), *others)  # a header is one line


def _fill_part(text, values):
    paragraphs = [block.strip() for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n"))]
    told = [block for block in paragraphs if all(values.get(name) for name in PLACEHOLDER.findall(block))]
    return "\n\n".join(PLACEHOLDER.sub(lambda match: values[match[1]], block) for block in told)


def describe_appointment(appointment: Appointment, *, name: str) -> dict[str, str]:
    """Return the values of the placeholders of what is about an appointment; ``name`` is empty where none is told."""
    until = when(appointment.answer_by, appointment.location.timezone) if appointment.answer_by else ""
    return describe_time(appointment, name=name) | {"reference": appointment.reference, "until": until}


def describe_time(booking: Booking, *, name: str) -> dict[str, str]:
    """Return those of them that what is about a held time has too."""
    return {
        "patient": isolate(name),
        "service": isolate(booking.service.translate("name")),
        "clinician": isolate(str(booking.clinician)),
        "date": format_date(booking.patient_start, _("l j F Y")),
        "time": format_date(booking.patient_start, _("H:i")),
        "location": isolate(place(booking)),
        "phone": phone(booking.location.phone) if booking.location.phone else "",
    }

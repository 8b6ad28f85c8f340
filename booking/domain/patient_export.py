"""All that is kept about a patient, as data and as a page that people can read (GDPR, Art. 15 and 20)."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Model, Q
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.domain.erasure import find_traces, find_wishes
from booking.domain.questions import format_answer, get_text, read_sheets
from booking.models import (
    Appointment,
    ClientUser,
    Event,
    Hold,
    Order,
    OutboxMessage,
    PatientAccess,
    Reminder,
    TextMessage,
    get_branding,
)
from patients.models import Consent, Needs, Patient
from scheduling.lib.clock import database_now

# Nothing to tell: secrets of links, what is derived from the rest, and what is nobody's but the clinic's ledger.
DERIVED = {"normalized_name", "name_words", "name_spellings"}
LEFT_OUT = DERIVED | {"token_hash", "slot", "lifetime", "link_version", "link_hash", "email_id", "known_starts"}
TITLES = {
    "records": gettext_lazy("Who you are"),
    "consents": gettext_lazy("What you agreed to"),
    "appointments": gettext_lazy("Your visits"),
    "needs": gettext_lazy("What you need"),
    "answers": gettext_lazy("What you answered before your visits"),
    "orders": gettext_lazy("What was ordered for you"),
    "holds": gettext_lazy("Times that were held for you"),
    "wishes": gettext_lazy("Times that you waited for"),
    "known_elsewhere_as": gettext_lazy("What other systems call you"),
    "messages": gettext_lazy("Messages that were sent because of your visits"),
    "reminders": gettext_lazy("Reminders of your visits"),
    "text_messages": gettext_lazy("Text messages that were sent to you"),
    "seen_by": gettext_lazy("Who has seen your records"),
}
ROLES = {"staff": gettext_lazy("staff of the clinic"), "key": gettext_lazy("a program of the clinic's")}


def export_patient(patient_id: UUID) -> dict[str, Any]:
    """Return all that is kept about a person, their merged records included. Raises Patient.DoesNotExist."""
    patient_ids, appointment_ids, order_ids = traces = find_traces(patient_id)
    records = Patient.objects.filter(pk__in=patient_ids)
    if not records:
        raise Patient.DoesNotExist
    of_them = {"patient__in": patient_ids}
    related = ("service", "clinician", "location")
    holds = Hold.objects.filter(Q(pk__in=appointment_ids) | Q(**of_them) | Q(order__in=order_ids))
    ids = [str(id) for id in traces.ids]
    messages = OutboxMessage.objects.filter(Q(payload__appointment__in=ids) | Q(payload__order__in=ids))
    accesses = PatientAccess.objects.filter(patient_ids__overlap=patient_ids).order_by("id")
    return {
        "clinic": get_branding().name,
        "exported_at": database_now(),
        "records": [_describe(each, _list_events(each)) for each in records.order_by("created_at")],
        "consents": [_describe(each) for each in Consent.objects.filter(**of_them).order_by("given_at")],
        "appointments": [
            _describe(each, _list_events(each))
            for each in Appointment.objects.filter(**of_them).select_related(*related, "provider").order_by("starts_at")
        ],
        "needs": [_describe(each) for each in Needs.objects.filter(**of_them)],
        "answers": [
            {
                "appointment": id,
                "given_at": sheet.given_at,
                "by": _name_role(sheet.actor),
                "answers": {get_text(question): format_answer(question, value) for question, value in sheet.given},
            }
            for id in appointment_ids
            for sheet in read_sheets(id)
        ],
        "orders": [
            _describe(each, _list_events(each))
            for each in Order.objects.filter(**of_them).select_related("service").order_by("created_at")
        ],
        "holds": [_describe(each) for each in holds.select_related(*related).order_by("created_at")],
        "wishes": [_describe_wish(each) for each in _find_own_wishes(traces, records)],
        "known_elsewhere_as": [_describe(each) for each in ClientUser.objects.filter(**of_them)],
        "messages": [
            {"kind": each.kind, "created_at": each.created_at, "status": each.status, "done_at": each.done_at}
            for each in messages.order_by("created_at")
        ],
        "reminders": [_describe(each) for each in Reminder.objects.filter(appointment__in=appointment_ids)],
        "text_messages": [_describe(each) for each in TextMessage.objects.filter(appointment__in=appointment_ids)],
        "seen_by": [
            {"created_at": each.created_at, "action": each.action, "who": _name_role(each.actor), "page": each.page}
            for each in accesses
        ],
    }


def render_json(export: dict[str, Any]) -> bytes:
    """Return an export as JSON."""
    return orjson.dumps(export, option=orjson.OPT_INDENT_2, default=str)


def render_html(export: dict[str, Any]) -> bytes:
    """Return an export as a page in the clinic's language, which needs no other file."""
    sections = [
        (TITLES[name], [[(_label(key), _format(value)) for key, value in row.items()] for row in rows])
        for name, rows in export.items()
        if name in TITLES
    ]
    context = {"clinic": export["clinic"], "exported_at": export["exported_at"], "sections": sections}
    with translation.override(settings.LANGUAGE_CODE):
        return render_to_string("export/patient.html", context | {"language": settings.LANGUAGE_CODE}).encode()


FORMATS = {"json": render_json, "html": render_html}


def _describe(row: Model, events: list[dict] | None = None) -> dict[str, Any]:
    """Return the columns of a row by their names; what it points at by the name that people know it by."""
    columns = {
        field.name: _name_related(row, field) if field.is_relation else getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.name not in LEFT_OUT
    }
    return columns | ({} if events is None else {"events": events})


def _find_own_wishes(traces, records):
    """Return the wishes of a person: of those with their address alone, whose name is theirs too."""
    own = Q(patient__in=traces.patient_ids) | Q(appointment__in=traces.appointment_ids)
    for record in records:
        own |= Q(first_name__iexact=record.first_name, last_name__iexact=record.last_name)
    return find_wishes(traces).filter(own).select_related("service", "clinician", "location").order_by("created_at")


def _describe_wish(wish):
    lists = {name: ", ".join(map(str, getattr(wish, name))) for name in ("weekdays", "parts_of_day")}
    return _describe(wish, _list_events(wish)) | lists


def _name_related(row, field):
    id = getattr(row, field.attname)
    is_name = field.name in ("service", "clinician", "location", "provider")
    return str(getattr(row, field.name)) if is_name and id else id


def _list_events(row):
    events = Event.objects.filter(subject_id=row.pk).order_by("sequence")
    return [
        {
            "at": event.created_at,
            "what": event.kind,
            "by": _name_role(event.actor),
            "status": event.to_status,
            "data": event.data,
        }
        for event in events
    ]


def _name_role(actor):
    """Return which kind of actor it was: the names of the clinic's staff are not the patient's data."""
    kind = actor.partition(":")[0]
    return str(ROLES.get(kind, kind))


def _label(name):
    return name.replace("_", " ").capitalize()


def _format(value):
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M %Z}"
    if isinstance(value, list):
        return "\n".join(", ".join(str(_format(part)) for part in each.values() if part) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "" if value is None else value

"""Questions before a visit: which are asked, what an answer may be, and the verbs that keep answers."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from booking.domain.audit import record_event
from booking.domain.patients import lock_patient
from booking.models import AnswerSheet, Appointment, Question, QuestionVersion
from booking.models.enums import EventKind
from booking.models.questions import CONTENT
from patients.models import Needs
from patients.text import clean_text, validate_printable
from scheduling.lib.clock import database_now
from scheduling.lib.encrypted_bytes import UnreadableBytes, decrypt, encrypt
from scheduling.lib.encrypted_field import encrypt as encrypt_text

Kind = Question.Kind
NEEDS = ["accessibility", "interpreter"]  # as the kinds of questions are called, and the fields of Needs

MAX_QUESTIONS = 30  # asked for one service
MAX_SHEETS = 50  # of one appointment
MAX_LENGTHS = {Kind.TEXT: 200, Kind.LONG_TEXT: 2000, Kind.INTERPRETER: 60}
MAX_NUMBER, DECIMALS = 999_999_999, 4
EARLIEST, LATEST = date(1900, 1, 1), date(2100, 12, 31)

YES_NO = [("yes", pgettext_lazy("answer", "Yes")), ("no", pgettext_lazy("answer", "No"))]

STANDARD_TEXTS = {
    Kind.ACCESSIBILITY: {
        "text": gettext_noop("Do you have any access needs?"),
        "help_text": gettext_noop("We keep this with your record, so you only need to tell us once."),
        "options": "\n".join(
            [
                gettext_noop("Step-free access"),
                gettext_noop("Space for a wheelchair"),
                gettext_noop("A hearing loop, or things in writing"),
                gettext_noop("Large print"),
                gettext_noop("Extra time, or a quiet place to wait"),
                gettext_noop("To bring a carer or supporter"),
                gettext_noop("To bring an assistance dog"),
            ]
        ),
    },
    Kind.INTERPRETER: {
        "text": gettext_noop("Do you need an interpreter? For which language?"),
        "help_text": gettext_noop("Sign languages count too. Leave this empty if you need none."),
        "options": "",
    },
}

Value = str | bool | int | float | list[str]


class AnswersClosed(Exception):
    """The visit has begun or is cancelled, or the answers were changed too often."""

    message = _("The answers cannot be changed any more.")


class Answer(NamedTuple):
    """An answer to a question as it is asked now."""

    question: Question
    value: Value


class Given(NamedTuple):
    """An answer with the question as it was asked."""

    question: QuestionVersion
    value: Value


class Sheet(NamedTuple):
    """What was answered at one time; not ``is_readable`` where no present key decrypts it."""

    given_at: datetime
    actor: str
    given: list[Given]
    is_readable: bool = True


# What is asked


@transaction.atomic
def save_question(question: Question) -> None:
    """Save a validated question. Where what it asks has changed, that is its next version."""
    for name, value in STANDARD_TEXTS.get(Kind(question.kind), {}).items():
        setattr(question, name, getattr(question, name) or value)
    stored = Question.objects.select_for_update(no_key=True).filter(pk=question.pk).first()
    content = {name: getattr(question, name) for name in CONTENT}
    if stored:
        has_changed = content != {name: getattr(stored, name) for name in CONTENT}
        question.version = stored.version + has_changed
    question.save()
    if not stored or has_changed:
        QuestionVersion.objects.create(question=question, number=question.version, **content)


def list_questions(service_id: UUID) -> list[Question]:
    """Return the questions that are asked for a service, in their order: its own, then those of every service.

    One that depends on another comes after it, or is not asked.
    """
    asked: dict[UUID, Question] = {}
    for question in Question.asked_for(service_id)[:MAX_QUESTIONS]:
        if question.depends_on_id is None or question.depends_on_id in asked:
            asked[question.pk] = question
    return list(asked.values())


def get_text(question: Question | QuestionVersion) -> str:
    """Return a question in the present language."""
    return _translate(question, "text")


def get_help_text(question: Question | QuestionVersion) -> str:
    """Return the help text of a question in the present language."""
    return _translate(question, "help_text")


def list_options(question: Question | QuestionVersion) -> list[tuple[str, str]]:
    """Return what a question lets choose from, each as it is kept and in the present language."""
    options, translated = question.options.splitlines(), _translate(question, "options").splitlines()
    return list(zip(options, translated if len(translated) == len(options) else options, strict=True))


def _translate(question, name):
    text = question.translate(name)
    if question.kind in Question.STANDARD and text == getattr(question, name):
        return "\n".join(gettext(line) for line in text.splitlines())
    return text


def format_answer(question: Question | QuestionVersion, value: Value) -> str:
    """Return an answer as a person reads it, in the present language."""
    options: dict[Any, str] = dict(list_options(question))
    match question.kind:
        case Kind.CHOICE:
            return options.get(value, str(value))
        case Kind.CHOICES | Kind.ACCESSIBILITY:
            return "\n".join(str(options.get(each, each)) for each in value)  # pyright: ignore[reportGeneralTypeIssues]
        case Kind.YES_NO:
            return str(dict(YES_NO)["yes" if value else "no"])
        case Kind.CONSENT:
            return gettext("I agree")
        case Kind.DATE:
            return format_date(date.fromisoformat(str(value)), gettext("j F Y"))
        case Kind.NUMBER:
            return number_format(value)  # pyright: ignore[reportArgumentType]
    return str(value)


# What is answered


def collect_answers(
    questions: Iterable[Question],
    given: Mapping[UUID, Any],
    *,
    earlier: Mapping[UUID, Value] | None = None,
    is_complete: bool = False,
) -> tuple[list[Answer], dict[UUID, ValidationError]]:
    """Return the answers to those questions that apply, and what is wrong with others.

    ``given`` has an answer for each id, None or an empty one for none; ``earlier`` those given before, which count
    where there is none. With ``is_complete`` a required question that applies must have an answer.
    """
    earlier = earlier or {}
    answers, values, errors = [], {}, {}
    for question in questions:
        if not applies(question, values):
            continue
        value = given.get(question.pk)
        if is_empty(question, value):
            if question.pk in earlier:
                values[question.pk] = question, earlier[question.pk]
            elif is_complete and question.is_required:
                errors[question.pk] = ValidationError(get_required_error(question), code="required")
            continue
        try:
            checked = check_answer(question, value)
        except ValidationError as error:
            errors[question.pk] = error
            continue
        values[question.pk] = question, checked
        answers.append(Answer(question, checked))
    return answers, errors


def is_empty(question: Question, value: Any) -> bool:
    """Return whether nothing was answered. Who does not agree has not answered."""
    return value is None or value in ("", []) or (value is False and question.kind == Kind.CONSENT)


def applies(question: Question, values: Mapping[UUID, tuple[Question, Value]]) -> bool:
    """Return whether a question is to be answered, given what was answered to those before it."""
    if question.depends_on_id is None:
        return True
    if question.depends_on_id not in values:
        return False
    condition, value = values[question.depends_on_id]
    return bool(set(write_choices(condition, value)) & set(question.depends_on_answers.splitlines()))


def write_choices(question: Question, value: Value) -> list[str]:
    """Return an answer as questions that depend on it name it."""
    if question.kind in (Kind.YES_NO, Kind.CONSENT):
        return ["yes" if value else "no"]
    return value if isinstance(value, list) else [str(value)]


def get_required_error(question: Question) -> Any:
    """Return the sentence for a required question without an answer."""
    if question.kind == Kind.CONSENT:
        return _("Please tick this if you agree: without it we cannot go on.")
    if question.kind in (Kind.CHOICE, Kind.YES_NO):
        return _("Please choose an answer.")
    return _("Please answer this question.")


def check_answer(question: Question, value: Any) -> Value:
    """Return an answer as it is kept; raises ValidationError."""
    match question.kind:
        case Kind.TEXT | Kind.LONG_TEXT | Kind.INTERPRETER:
            return _check_text(value, MAX_LENGTHS[Kind(question.kind)], lines=question.kind == Kind.LONG_TEXT)
        case Kind.CHOICE:
            return _check_option(question, value)
        case Kind.CHOICES | Kind.ACCESSIBILITY:
            if not isinstance(value, list):
                raise ValidationError(_("Choose from the answers that are offered."), code="invalid_choice")
            chosen = {_check_option(question, each) for each in value}
            return [option for option in question.options.splitlines() if option in chosen]
        case Kind.YES_NO:
            if not isinstance(value, bool):
                raise ValidationError(_("Please answer yes or no."), code="invalid")
        case Kind.CONSENT:
            if value is not True:
                raise ValidationError(_("Please tick this if you agree: without it we cannot go on."), code="invalid")
        case Kind.DATE:
            return _check_date(value)
        case Kind.NUMBER:
            return _check_number(value)
    return value


def _check_text(value, max_length, *, lines):
    if not isinstance(value, str):
        raise ValidationError(_("Please answer with a text."), code="invalid")
    text = clean_text(value, lines=lines).strip()
    validate_printable(text)
    if len(text) > max_length:
        sentence = _("Please keep the answer under %(limit)d characters.")
        raise ValidationError(sentence, code="max_length", params={"limit": max_length})
    return text


def _check_option(question, value):
    if value not in question.options.splitlines():
        raise ValidationError(_("Choose from the answers that are offered."), code="invalid_choice")
    return value


def _check_date(value):
    try:
        day = date.fromisoformat(value if re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) else "")
    except (TypeError, ValueError) as error:
        raise ValidationError(_("Please enter a real date."), code="invalid") from error
    if not EARLIEST <= day <= LATEST:
        raise ValidationError(_("Please enter a date between the years 1900 and 2100."), code="out_of_range")
    return day.isoformat()


def _check_number(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError(_("Please answer with a number."), code="invalid")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:  # nor is NaN
        raise ValidationError(_("Please answer with a smaller number."), code="out_of_range")
    rounded = round(value, DECIMALS)
    return int(rounded) if rounded == int(rounded) else rounded


# By hand: a booking with answers runs it. What is kept with the patient goes into the same statement.
WRITE_SHEET = """
    INSERT INTO booking_answersheet (appointment_id, answers, actor, given_at)
    VALUES (%(appointment)s, %(answers)s, %(actor)s, %(at)s)
"""
WRITE_NEEDS = """
    INSERT INTO patients_needs AS needs (patient_id, accessibility, interpreter, updated_at)
    VALUES (%(patient)s, %(accessibility)s, %(interpreter)s, %(at)s)
        ON CONFLICT (patient_id) DO UPDATE
       SET accessibility = coalesce(nullif(EXCLUDED.accessibility, ''), needs.accessibility),
           interpreter = coalesce(nullif(EXCLUDED.interpreter, ''), needs.interpreter),
           updated_at = EXCLUDED.updated_at
"""


def write_answers(appointment: Appointment, answers: Collection[Answer], *, actor: str, at: datetime) -> None:
    """Keep what was answered for an appointment; part of its verb's transaction, behind the patient's lock.

    What a patient needs is kept with them too, where whoever has booked has proved who they are.
    """
    rows = [[answer.question.pk, answer.question.version, answer.value] for answer in answers]
    _write_sheet(appointment, rows, _read_needs(answers), actor=actor, at=at)


def _write_sheet(appointment, rows, needs, *, actor, at):
    # Others could change what is known of somebody whose details they know.
    keeps_needs = any(needs.values()) and appointment.is_of_patient
    parameters = {
        "appointment": appointment.pk,
        "answers": encrypt(orjson.dumps(rows), belongs_to=_name_sheet(appointment.pk)),
        "actor": actor,
        "at": at,
    }
    if keeps_needs:
        parameters |= {"patient": appointment.patient_id, **{name: encrypt_text(text) for name, text in needs.items()}}
    with connection.cursor() as cursor:
        cursor.execute(f"WITH kept AS ({WRITE_NEEDS}) {WRITE_SHEET}" if keeps_needs else WRITE_SHEET, parameters)


def _read_needs(answers):
    """Return what answers to the standard questions say, as Needs has it."""
    needs = dict.fromkeys(NEEDS, "")
    for question, value in answers:
        if question.kind in Question.STANDARD:
            needs[question.kind] = "\n".join(value) if isinstance(value, list) else value
    return needs


def _name_sheet(appointment_id):
    return b"answers " + appointment_id.bytes


@transaction.atomic
def change_answers(
    appointment: Appointment, given: Mapping[UUID, Any], *, removed: Collection[UUID] = (), actor: str
) -> dict[UUID, ValidationError]:
    """Keep what is ``given`` with what was answered before, without what is ``removed``; return what is wrong with it.

    If anything is, nothing is kept. Raises AnswersClosed, and ChangedMeanwhile where a merge has just moved the
    appointment to another patient.
    """
    lock_patient(appointment.patient_id)  # two pages of one visit that are sent at once: one after the other
    now = database_now()
    sheets = AnswerSheet.objects.filter(appointment=appointment)
    if not can_answer(appointment, now) or sheets.count() >= MAX_SHEETS:
        raise AnswersClosed
    earlier = {id: row for id, row in _read_newest(appointment.pk).items() if id not in removed}
    questions = list_questions(appointment.service_id)
    values = {id: value for id, (version, value) in earlier.items()}
    answers, errors = collect_answers(questions, given, earlier=values, is_complete=True)
    if errors:
        return errors
    applicable = {each.pk for each in list_applicable(questions, values | {each.pk: value for each, value in answers})}
    not_applicable = {each.pk for each in questions} - applicable
    rows = {id: [id, *row] for id, row in earlier.items() if id not in not_applicable}
    rows |= {each.pk: [each.pk, each.version, value] for each, value in answers}
    _write_sheet(appointment, list(rows.values()), _read_needs(answers), actor=actor, at=now)
    record_event(appointment, EventKind.APPOINTMENT_UPDATED, actor=actor, at=now, data={"changed": ["answers"]})
    Appointment.objects.filter(pk=appointment.pk).update(updated_at=now)
    return {}


def can_answer(appointment: Appointment, now: datetime) -> bool:
    """Return whether questions may still be answered: until the visit begins."""
    return appointment.status in Appointment.UPCOMING and now < appointment.starts_at


def list_applicable(questions: Iterable[Question], values: Mapping[UUID, Value]) -> list[Question]:
    """Return those of the questions that are to be answered, given the answers by the questions' ids."""
    known: dict[UUID, tuple[Question, Value]] = {}
    applicable = []
    for question in questions:
        if applies(question, known):
            applicable.append(question)
            if question.pk in values:
                known[question.pk] = question, values[question.pk]
    return applicable


# What was answered


def read_sheets(appointment_id: UUID) -> list[Sheet]:
    """Return what was answered for an appointment, the newest first: that one counts."""
    return _read_sheets(AnswerSheet.objects.filter(appointment=appointment_id))


def read_newest_sheets(appointment_ids: Collection[UUID]) -> dict[UUID, Sheet]:
    """Return what counts of the answers for appointments, by their ids."""
    newest = AnswerSheet.objects.filter(appointment__in=appointment_ids)
    sheets = list(newest.order_by("appointment_id", "-id").distinct("appointment_id"))
    return dict(zip([each.appointment_id for each in sheets], _read_sheets(sheets), strict=True))


def _read_sheets(sheets):
    read = [_decrypt_sheet(each) for each in sheets]
    versions = _find_versions(read)
    return [
        Sheet(
            sheet.given_at,
            sheet.actor,
            [Given(versions[id, number], value) for id, number, value in rows or []],
            rows is not None,
        )
        for sheet, rows in zip(sheets, read, strict=True)
    ]


def _find_versions(read):
    ids = {id for rows in read for id, *_ in rows or []}
    return {(each.question_id, each.number): each for each in QuestionVersion.objects.filter(question__in=ids)}


def read_answered(appointment_id: UUID) -> dict[UUID, Value]:
    """Return what counts of the answers for an appointment, by the ids of the questions."""
    return {id: value for id, (_, value) in _read_newest(appointment_id).items()}


def _read_newest(appointment_id):
    newest = AnswerSheet.objects.filter(appointment=appointment_id).first()
    rows = newest and _decrypt_sheet(newest)
    return {id: (number, value) for id, number, value in rows or []}


def _decrypt_sheet(sheet):
    """Return the rows of a sheet, or None where no present key decrypts it."""
    try:
        content = decrypt(bytes(sheet.answers), belongs_to=_name_sheet(sheet.appointment_id))
    except UnreadableBytes:
        return None
    return [(UUID(id), number, value) for id, number, value in orjson.loads(content)]


def get_question_state(appointment: Appointment) -> str:
    """Return "open" where the patient is to be asked, "answered" where answers may be changed, "skipped", or "".

    Open is what nobody has answered yet, and where something is required that has no answer. Skipped is where nothing
    is, and the patient has answered nothing.
    """
    if not can_answer(appointment, timezone.now()):
        return ""
    questions = list_questions(appointment.service_id)
    if not questions:
        return ""
    newest = AnswerSheet.objects.filter(appointment=appointment).first()
    if newest is None:
        return "open"
    answered = {id: value for id, _, value in _decrypt_sheet(newest) or []}
    is_open = any(each.is_required and each.pk not in answered for each in list_applicable(questions, answered))
    if is_open:
        return "open"
    return "answered" if answered else "skipped"


@transaction.atomic
def keep_needs(appointment: Appointment) -> bool:
    """Keep with the patient what was answered to the standard questions; return whether anything was."""
    needs = _read_needs(read_sheets(appointment.pk)[0].given) if has_sheets(appointment) else {}
    if not any(needs.values()):
        return False
    lock_patient(appointment.patient_id)
    kept, _is_new = Needs.objects.get_or_create(patient_id=appointment.patient_id)
    for name, text in needs.items():
        setattr(kept, name, text or getattr(kept, name))
    kept.save()
    return True


def has_sheets(appointment: Appointment) -> bool:
    """Return whether anything was answered for an appointment."""
    return AnswerSheet.objects.filter(appointment=appointment).exists()

"""The questions of a service as fields of a form, and their answers as pages show them."""

import json
import re
from dataclasses import dataclass

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.domain.questions import (
    EARLIEST,
    LATEST,
    MAX_LENGTHS,
    YES_NO,
    change_answers,
    collect_answers,
    get_help_text,
    get_text,
    is_empty,
    list_applicable,
    list_options,
    list_questions,
)
from booking.models import Question

Kind = Question.Kind

PREFIX, REMOVE = "question-", "remove-"
ASKED = f"{PREFIX}asked"  # an input of forms that had questions: others are not asked what is new since
MAX_RADIOS = 7
CHANGED = gettext_lazy("This question has changed. Please look at your answer again.")
NUMBER = re.compile(r"[-+−]?\d{1,12}([.,٫]\d{1,9})?")


class AnswerField(forms.Field):
    """The answer to a question, as its verb takes it, which checks it too."""

    def __init__(self, question):
        super().__init__(
            label=get_text(question),
            help_text=get_help_text(question),
            required=question.is_required,
            widget=make_widget(question),
        )
        self.question = question

    def clean(self, value):
        """Return the answer, None for none."""
        match self.question.kind:
            case Kind.YES_NO:
                return {"yes": True, "no": False, "": None}.get(value, value)
            case Kind.NUMBER:
                return read_number(value)
        return None if is_empty(self.question, value) else value


def make_widget(question):
    """Return the widget of a question."""
    limit = MAX_LENGTHS.get(question.kind)
    match question.kind:
        case Kind.LONG_TEXT:
            return forms.Textarea({"rows": 3, "maxlength": limit, "dir": "auto"})
        case Kind.CHOICE:
            options = list_options(question)
            if len(options) > MAX_RADIOS:
                return forms.Select(choices=[("", _("Please choose")), *options])
            return forms.RadioSelect(choices=options)
        case Kind.YES_NO:
            return forms.RadioSelect(choices=YES_NO)
        case Kind.CHOICES | Kind.ACCESSIBILITY:
            return forms.CheckboxSelectMultiple(choices=list_options(question))
        case Kind.CONSENT:
            return forms.CheckboxInput()
        case Kind.DATE:
            return forms.DateInput({"type": "date", "min": EARLIEST.isoformat(), "max": LATEST.isoformat()})
        case Kind.NUMBER:
            return forms.TextInput({"inputmode": "decimal", "maxlength": 20})
    return forms.TextInput({"maxlength": limit, "dir": "auto"})


def read_number(text):
    """Return a typed number, or the text as it is where it is none, or None for an empty one."""
    text = (text or "").strip()
    if not NUMBER.fullmatch(text):
        return text or None
    plain = text.replace(",", ".").replace("٫", ".").replace("−", "-")
    return float(plain) if "." in plain else int(plain)


class AnswersMixin(forms.BaseForm):
    """A form with fields for questions. Valid, it has ``answers``, those that were given."""

    questions = ()
    answers = ()
    earlier = None

    def ask(self, questions, *, earlier=None):
        """Add the fields; ``earlier`` are the answers that were given before, by the questions' ids."""
        self.questions, self.earlier = questions, earlier or {}
        self.changed = set()
        for question in questions:
            self.fields[name_field(question)] = AnswerField(question)
            if self.is_bound:
                self._take_over(question)

    def _take_over(self, question):
        """Take what was typed for the version before, which is to be looked at again."""
        name = name_field(question)
        former = [key for key in self.data if key.startswith(name[: -len(str(question.version))]) and key != name]
        if former and name not in self.data:
            self.data = self.data.copy()
            self.data.setlist(name, self.data.getlist(former[0]))
            self.changed.add(question.pk)

    def clean_answers(self):
        """Set ``answers``, and say at the fields what is wrong with others; for the form's ``clean``."""
        given = {each.pk: self.cleaned_data.get(name_field(each)) for each in self.questions}
        self.answers, errors = collect_answers(self.questions, given, earlier=self.earlier, is_complete=True)
        for question in self.questions:
            if question.pk in errors:
                self.add_error(name_field(question), errors[question.pk])
            elif question.pk in self.changed and any(each.question == question for each in self.answers):
                self.add_error(name_field(question), CHANGED)

    @property
    def asked(self):
        """The questions as the page shows them."""
        fields = {each.pk: self[name_field(each)] for each in self.questions}
        values = {id: field.field.clean(field.value()) for id, field in fields.items()}
        given = {each.pk: values[each.pk] for each in self.questions if not is_empty(each, values[each.pk])}
        applicable = list_applicable(self.questions, self.earlier | given)
        lasting = list_applicable(self.questions, self.earlier)
        return [
            Asked(
                fields[each.pk],
                condition=fields.get(each.depends_on_id),
                applies=each in applicable,
                lasts=each in lasting,
                is_answered=each.pk in self.earlier,
            )
            for each in self.questions
        ]

    @property
    def has_needs(self):
        """Whether anything was typed for the questions that are folded, or is wrong there."""
        return any(each.is_folded and (each.field.value() or each.field.errors) for each in self.asked)


@dataclass(frozen=True)
class Asked:
    """A question as the page shows it: its field, and the field of the question that it depends on, if any.

    It ``applies`` as the form is filled in, and ``lasts`` while nothing else is answered there than before.
    """

    field: forms.BoundField
    condition: forms.BoundField | None
    applies: bool
    lasts: bool
    is_answered: bool

    @property
    def question(self):
        return self.field.field.question

    @property
    def is_folded(self):
        """Whether it is an optional standard question, which few need: those are behind a line that opens them."""
        is_standard = self.question.kind in Question.STANDARD
        return is_standard and not (self.field.field.required or self.condition or self.is_answered)

    @property
    def shape(self):
        """Which fragment shows it: a box, a group of boxes or radio buttons, or any other field."""
        if self.question.kind == Kind.CONSENT:
            return "box"
        widget = self.field.field.widget
        return "group" if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple) else "field"

    @property
    def wanted(self):
        """The answers to the other question that it is asked after, as JSON and as inputs have them."""
        answers = self.question.depends_on_answers.splitlines()
        return json.dumps(["on"] if self._follows_box else answers, ensure_ascii=False)

    @property
    def _follows_box(self):
        return self.condition.field.question.kind == Kind.CONSENT

    @property
    def condition_text(self):
        """The sentence for pages without script that says after which answers it is to be answered."""
        text = self.condition.label
        if self._follows_box:
            return _("Only if you tick “%(question)s”") % {"question": text}
        options = dict(self.condition.field.widget.choices)
        answers = [str(options.get(each, each)) for each in self.question.depends_on_answers.splitlines()]
        return _("Only if you answer “%(question)s” with: %(answers)s") % {
            "question": text,
            "answers": ", ".join(answers),
        }

    @property
    def remove(self):
        """The name of the input that takes back what was answered before, or "" where it cannot be."""
        return f"{REMOVE}{self.question.pk.hex}" if can_be_removed(self.question) else ""


def can_be_removed(question):
    """Return whether an answer may be taken back: an agreement always may."""
    return question.kind == Kind.CONSENT or not question.is_required


def name_field(question):
    """Return the name of a question's input, which has the version that is asked."""
    return f"{PREFIX}{question.pk.hex}-{question.version}"


def get_typed_answers(post):
    """Return what was submitted for questions as pairs of input name and value, for hidden inputs."""
    return [(name, value) for name in post if name.startswith(PREFIX) for value in post.getlist(name)]


def get_asked_questions(post, service_id):
    """Return the questions of a service, where the form that was submitted had any."""
    return list_questions(service_id) if ASKED in post else []


def refill_answers(form, post):
    """Fill the fields of a form's questions with what was submitted, unchecked."""
    for question in form.questions:
        name = name_field(question)
        form.initial[name] = form.fields[name].widget.value_from_datadict(post, {}, name)


class AnswersForm(AnswersMixin, forms.Form):
    """The questions alone, of which some may have been answered before."""

    def __init__(self, data, questions, *, earlier):
        super().__init__(data)
        removable = [each for each in questions if can_be_removed(each)]
        self.removed = {each.pk for each in removable if data and f"{REMOVE}{each.pk.hex}" in data}
        self.ask(questions, earlier={id: value for id, value in earlier.items() if id not in self.removed})

    def clean(self):
        self.clean_answers()

    def save(self, appointment):
        """Keep the answers, and return whether all were right; raises what change_answers does."""
        given = {question.pk: value for question, value in self.answers}
        errors = change_answers(appointment, given, removed=self.removed, actor="patient")
        for question in self.questions:
            if question.pk in errors:  # what it depends on was answered on another page just now
                self.add_error(name_field(question), errors[question.pk])
        return not errors

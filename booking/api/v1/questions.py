"""Questions before a visit: which a service has, answers with a booking, and answers to read."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from booking.api.fields import Moment
from booking.api.operation import operation
from booking.api.serializers import Input
from booking.api.views import ApiView
from booking.domain.questions import Answer, collect_answers, list_questions, read_newest_sheets
from booking.models import ApiKey, Question
from scheduling.models import Service


class AnswerValue(serializers.JSONField):
    """An answer's value, whose type is that of its question."""


class AnswerInput(Input):
    """An answer to one of the service's questions."""

    question_id = serializers.UUIDField()
    value = AnswerValue(allow_null=True)


def read_answers(sent: list[dict], service_id: UUID, *, is_complete: bool) -> list[Answer]:
    """Return the answers of a body to the questions of a service, without those to questions that do not apply.

    With ``is_complete`` all that are required must be answered.
    """
    questions = {question.pk: question for question in list_questions(service_id)}
    places = {answer["question_id"]: place for place, answer in enumerate(sent)}
    unknown = {
        place: {"question_id": serializers.ErrorDetail("The service has no such question.", code="does_not_exist")}
        for id, place in places.items()
        if id not in questions
    }
    given = {answer["question_id"]: answer["value"] for answer in sent}
    answers, errors = collect_answers(questions.values(), given, is_complete=is_complete)
    wrong = {places[id]: {"value": get_error_detail(error)} for id, error in errors.items() if id in places}
    missing = [
        serializers.ErrorDetail(f"The question {id} must be answered.", code="required")
        for id in errors
        if id not in places
    ]
    if unknown or wrong:
        raise serializers.ValidationError({"answers": unknown | wrong})
    if missing:
        raise serializers.ValidationError({"answers": missing})
    return answers


class QuestionOutput(serializers.ModelSerializer):
    """A question. It is asked where the one that it depends on, if any, has one of ``depends_on_answers``."""

    options = serializers.SerializerMethodField(help_text="What to choose from.")
    depends_on_id = serializers.UUIDField(allow_null=True)
    depends_on_answers = serializers.SerializerMethodField()

    class Meta:
        model = Question
        fields = [
            "id",
            "version",
            "kind",
            "text",
            "help_text",
            "options",
            "is_required",
            "depends_on_id",
            "depends_on_answers",
        ]

    def get_options(self, question) -> list[str]:
        return question.options.splitlines()

    def get_depends_on_answers(self, question) -> list[str]:
        return question.depends_on_answers.splitlines()


class AppointmentTypeQuestions(ApiView):
    """The questions that patients are asked for a service, in their order."""

    tag = "Catalogue"
    scopes = {"GET": ApiKey.Scope.READ_APPOINTMENT_TYPES}
    output = QuestionOutput

    @operation(output=QuestionOutput, many=True)
    def get(self, request, id):
        """List the questions that are asked for a service; those of every service are the last."""
        offered = {"is_active": True, "is_online_bookable": True} if self.key.is_publishable else {}
        service = get_object_or_404(Service, pk=id, **offered)
        written = QuestionOutput(list_questions(service.pk), many=True).data
        return self.answer(list(written), next_cursor=None, has_more=False)


class GivenOutput(serializers.Serializer):
    """An answer, with the question as it was asked."""

    question_id = serializers.UUIDField(source="question.question_id")
    version = serializers.IntegerField(source="question.number")
    kind = serializers.ChoiceField(Question.Kind.choices, source="question.kind")
    text = serializers.CharField(source="question.text")
    value = AnswerValue()


class SheetOutput(serializers.Serializer):
    """What counts of the answers for an appointment."""

    given_at = Moment()
    answers = GivenOutput(source="given", many=True)


def write_sheets(ids: Collection[UUID], key: ApiKey) -> dict[UUID, Any]:
    """Return what was answered for appointments, by their ids."""
    return {id: SheetOutput(sheet).data for id, sheet in read_newest_sheets(ids).items()}

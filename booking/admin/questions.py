"""The questions of services, and the page of what was answered for an appointment."""

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from booking.admin.events import ACTOR_LABELS
from booking.domain.questions import (
    MAX_QUESTIONS,
    format_answer,
    keep_needs,
    list_questions,
    read_sheets,
    save_question,
)
from booking.models import AnswerSheet, Question
from patients.models import Needs
from scheduling.admin.translations import TranslationsMixin
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.timezones import format_local


class QuestionForm(ModelForm):
    def clean(self):
        fields = super().clean()
        is_new = self.instance._state.adding or not self.initial.get("is_active")
        service = fields.get("service")
        if fields.get("is_active") and is_new and service and len(list_questions(service.pk)) >= MAX_QUESTIONS:
            self.add_error("service", f"{MAX_QUESTIONS} questions are asked for it already: that is the most.")
        return fields


@admin.register(Question)
class QuestionAdmin(TranslationsMixin, EditConflictMixin, admin.ModelAdmin):
    """What is asked. A change makes a new version: answers keep the one that they were given to."""

    form = QuestionForm
    list_display = ["__str__", "asked_for", "kind", "is_required", "condition", "is_active", "position"]
    list_filter = ["is_active", "service", "kind"]
    list_select_related = ["service", "depends_on"]
    search_fields = ["text"]
    ordering = ["service__position", "position", "created_at"]
    fieldsets = [
        (None, {"fields": ["service", "kind", "text", "help_text", "options", "is_required"]}),
        ("When it is asked", {"fields": ["position", "depends_on", "depends_on_answers", "is_active"]}),
    ]

    def has_delete_permission(self, request, obj=None):
        return False

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "depends_on":
            kwargs["queryset"] = Question.objects.filter(is_active=True).select_related("service")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request, obj, form, change):
        save_question(obj)

    @admin.display(description="service", ordering="service__name")
    def asked_for(self, question):
        return question.service or "every service"

    @admin.display(description="asked after")
    def condition(self, question):
        answers = ", ".join(question.depends_on_answers.splitlines())
        return f"{question.depends_on}: {answers}" if question.depends_on_id else ""


class AnswersMixin:
    """AppointmentAdmin's page of answers, apart from the rest: who looks at it is written down as having seen them."""

    def get_urls(self):
        view = self.admin_site.admin_view
        pages = {"answers": self.answers_view, "keep-needs": self.keep_needs_view}
        return [
            path(f"<path:object_id>/{name}/", view(page), name=f"booking_appointment_{name.replace('-', '_')}")
            for name, page in pages.items()
        ] + super().get_urls()

    def answers_view(self, request, object_id):
        """Show what was answered for an appointment, and what was before."""
        appointment = self._get_to_view(request, object_id, "booking.view_answersheet")
        zone = appointment.location.zone
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"Answers before {appointment.reference}",
            "appointment": appointment,
            "sheets": [
                {
                    "given_at": format_local(sheet.given_at, zone, unless=zone),
                    "actor": ACTOR_LABELS.get(sheet.actor, "a program"),
                    "is_readable": sheet.is_readable,
                    "answers": [(each.question, format_answer(each.question, each.value)) for each in sheet.given],
                }
                for sheet in read_sheets(appointment.pk)
            ],
            "may_keep_needs": request.user.has_perm("patients.change_needs"),
            "page": reverse("admin:booking_appointment_change", args=[object_id]),
        }
        return TemplateResponse(request, "admin/booking/appointment/answers.html", context)

    def keep_needs_view(self, request, object_id):
        """Keep with the patient what they said they need, once staff know who has said it."""
        appointment = self._get_to_view(request, object_id, "patients.change_needs")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if keep_needs(appointment):
            messages.success(request, "Kept with the patient.")
        else:
            messages.info(request, "Nothing was said about what the patient needs.")
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[object_id]))

    def _get_to_view(self, request, object_id, permission):
        appointment = self.get_object(request, unquote(object_id))
        if appointment is None:
            raise Http404
        if not self.has_view_permission(request, appointment) or not request.user.has_perm(permission):
            raise PermissionDenied
        return appointment

    @admin.display(description="needs")
    def needs(self, appointment):
        """Return what the patient needs, as it is kept with them."""
        needs = Needs.objects.filter(patient=appointment.patient_id).first()
        return format_html_join(mark_safe("<br>"), "{}", ([line] for line in needs.lines)) if needs else "–"


def has_answers(request, appointment):
    """Return whether there is a page of answers that the member of staff may see."""
    may_see = request.user.has_perm("booking.view_answersheet")
    return may_see and AnswerSheet.objects.filter(appointment=appointment).exists()

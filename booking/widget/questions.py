"""The page that asks the questions of an appointment, by its link."""

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from booking.access.patient_links import appointment_token
from booking.domain.questions import AnswersClosed, can_answer, list_questions, read_answered
from booking.domain.transitions import ChangedMeanwhile
from booking.widget.pages import appointment_page, refuse, show
from booking.widget.question_fields import AnswersForm
from scheduling.lib.clock import database_now


@appointment_page("GET", "POST")
def questions(request, appointment):
    """Ask the questions of an appointment, until the visit. Answers are not shown: a link may have been passed on."""
    page = reverse("widget:appointment", args=[appointment_token(appointment)])
    asked = list_questions(appointment.service_id)
    if not asked or not can_answer(appointment, database_now()):
        return redirect(page)
    data = request.POST if request.method == "POST" else None
    form = AnswersForm(data, asked, earlier=read_answered(appointment.pk))
    try:
        if form.is_valid() and form.save(appointment):
            return redirect(f"{page}?answered=1")
    except (AnswersClosed, ChangedMeanwhile):
        title, sentence = _("We could not keep your answers"), _("Please bring them to your visit, or call us.")
        onward = (_("See your appointment"), page)
        return refuse(request, title, sentence, status=409, onward=onward, phone=appointment.location.phone)
    context = {"appointment": appointment, "form": form, "page": page}
    return show(request, "widget/questions.html", context, status=422 if form.is_bound else 200)

"""Give an appointment another time from the diary: by a drag, which fills this form in, or by the form alone."""

from functools import partial

from django.contrib import admin, messages

from booking.admin.appointment_card import answer_with_card, can_be_moved, write_time
from booking.admin.desk import build_search_form, give_another_time, run_verb, tell_result
from booking.admin.dialogs import get_visible_appointment, render_dialog, require
from booking.admin.diary_booking import find_location
from booking.admin.identity import describe_identity
from booking.admin.time_choice import TimeChoice, read_start
from booking.domain.patient_conflicts import PatientBusy


@admin.site.page("diary/appointments/<uuid:pk>/move/", name="diary_move")
def move_visit(request, pk):
    """Give an appointment another time; the old one is kept until the new one is taken."""
    appointment = get_visible_appointment(request, pk)
    require(request, "decide")
    if not can_be_moved(request, appointment):
        status = appointment.get_status_display().lower()
        messages.error(request, f"{appointment.reference} cannot be given another time: it is {status}.")
        return answer_with_card(request, pk)
    form = build_search_form(request, rescheduling=appointment, wanted=read_wanted(request, appointment))
    choice, refusal, before = TimeChoice(request, form, moving=appointment), None, write_time(appointment)
    is_told = request.method != "POST" or "tell" in request.POST
    opening, override = choice.get_opening(request) if "book" in request.POST else (None, None)
    if opening:
        verb = partial(give_another_time, appointment=appointment, email=is_told, override=override)
        moved, refusal = run_verb(request, verb, opening)
        if moved:
            tell_result(request, moved, "given that time", is_told=is_told)
            return answer_with_card(request, pk)
        choice = TimeChoice(request, form, moving=appointment)
    return render_dialog(
        request,
        "admin/desk/move.html",
        title="Move a visit",
        appointment=appointment,
        before=before,
        identity=describe_identity(appointment),
        choice=choice,
        is_told=is_told,
        is_patient_busy=isinstance(refusal, PatientBusy),
    )


def read_wanted(request, appointment):
    """Return what a drag wants, as the form's data: another clinician, another location, another start."""
    wanted = {name: request.GET[name] for name in ("clinician", "location") if request.GET.get(name)}
    if start := request.GET.get("start"):
        wanted |= read_start(start, find_location(request, wanted.get("location")) or appointment.location)
    return wanted

"""Every address of staff's pages, for every role, at one's own location and at another."""

import re
from datetime import date, timedelta
from itertools import count
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from booking.access.visibility import RULES, visible_to
from booking.models import (
    Appointment,
    CalendarFeed,
    EmbeddingSite,
    Event,
    Hold,
    MessageText,
    Order,
    PatientAccess,
    Question,
    SignInEvent,
    StaffMember,
    StrandedPlan,
    StrandedVisit,
    UndeliverableMail,
    Waitlist,
    WaitlistEntry,
)
from patients.models import Consent, Patient, PossibleDuplicate
from scheduling.models import Calendar, Clinician, Location, Service, ServiceCategory, Slot, TimeOff, WorkingHours

ELSEWHERE = "Zanzibar"  # is in every name at the other location
SEARCHED = "Quentin"  # the first name of a patient of each location

# What an address needs beside that its model is visible: the permission, or None for all staff. Django's own pages of
# a model (list, add, change, history, delete) need what they do, and are not here. A new address belongs here.
PERMISSIONS = {
    "index": None,
    "app_list": None,
    "jsi18n": None,
    "login": None,
    "logout": None,
    "password_change": None,
    "password_change_done": None,
    "view_on_site": None,
    "diary": "booking.view_appointment",
    "diary_events": "booking.view_appointment",
    "autocomplete": None,  # nobody's: it is 404
    "clinician_ill": "booking.decide_appointment",
    "diary_appointment": "booking.view_appointment",
    "diary_cancel": "booking.decide_appointment",
    "diary_keys": None,
    "diary_patients": "booking.add_appointment",
    "diary_print": "booking.view_appointment",
    "diary_search": None,
    "diary_step": "booking.mark_appointment",
    "diary_waiting_room": "booking.view_appointment",
    "diary_walk_in": "booking.add_appointment",
    "diary_waiting_room_news": "booking.view_appointment",
    "export_list": "booking.export_lists",
    "figure_csv": "booking.view_figures",
    "figures": "booking.view_figures",
    "first_steps": "scheduling.add_location",
    "holidays": "scheduling.add_timeoff",
    "my_feed": "booking.note_appointment",
    "my_follow_up": "booking.follow_up_appointment",
    "my_hours": "booking.note_appointment",
    "my_patient": "booking.note_appointment",
    "my_patients": "booking.note_appointment",
    "my_time_off": "scheduling.add_timeoffrequest",
    "stranded_plan": "booking.decide_appointment",
    "stranded_plan_change": "booking.decide_appointment",
    "stranded_plan_progress": "booking.decide_appointment",
    "stranded_plan_start": "booking.decide_appointment",
    "stranded_plans": "booking.decide_appointment",
    "stranded_visit_keep": "booking.decide_appointment",
    "stranded_visits": "booking.decide_appointment",
    "time_off_requests": "scheduling.change_timeoffrequest",
    "diary_move": "booking.decide_appointment",
    "diary_book": "booking.add_appointment",
    "scheduling_clinician_week": "scheduling.view_clinician",
    "booking_apikey_rotate": "booking.change_apikey",
    "booking_apikey_revoke": "booking.change_apikey",
    "booking_appointment_move": "booking.mark_appointment",
    "booking_appointment_send_again": "booking.change_appointment",
    "booking_appointment_revoke_links": "booking.change_appointment",
    "booking_appointment_check_identity": "booking.change_appointment",
    "booking_appointment_answers": "booking.view_answersheet",
    "booking_appointment_keep_needs": "patients.change_needs",
    "booking_appointment_another_time": "booking.decide_appointment",
    "booking_provider_rotate": "booking.change_provider",
    "booking_provider_check": "booking.change_provider",
    "scheduling_calendar_test": "scheduling.change_calendar",
    "scheduling_calendar_fill": "scheduling.change_calendar",
    "scheduling_calendar_ignore": "scheduling.change_calendar",
    "scheduling_calendar_stop_ignoring": "scheduling.change_calendar",
    "booking_delivery_redeliver": "booking.change_delivery",
    "booking_embeddingsite_code": "booking.view_embeddingsite",
    "booking_calendarfeed_renew": "booking.change_calendarfeed",
    "booking_calendarfeed_revoke": "booking.change_calendarfeed",
    "booking_import_example": "booking.add_import",
    "booking_import_progress": "booking.view_import",
    "booking_import_refused": "booking.view_import",
    "booking_import_begin": "booking.add_import",
    "booking_import_discard": "booking.add_import",
    "booking_messagetext_add": None,  # leads back to the list
    "booking_messagetext_preview": "booking.view_messagetext",
    "booking_messagetext_preview_new": "booking.view_messagetext",
    "booking_messagetext_test": "booking.view_messagetext",
    "booking_messagetext_test_new": "booking.view_messagetext",
    "booking_order_send_link": "booking.change_order",
    "booking_order_revoke_link": "booking.change_order",
    "booking_order_cancel_order": "booking.change_order",
    "patients_patient_export": "patients.export_patient",
    "patients_patient_erase": "patients.erase_patient",
    "patients_patient_lift": "patients.erase_patient",
    "patients_patient_unmerge": "patients.change_possibleduplicate",
    "patients_patient_archive": "patients.change_patient",
    "patients_patient_restore": "patients.change_patient",
    "patients_patient_choose": "patients.view_patient",
    "patients_patient_withdraw": "patients.change_consent",
    "booking_unconfirmed_change": None,  # lead to the page of the appointment
    "booking_unusualbooking_change": None,
    "booking_unconfirmed_changelist": "booking.decide_appointment",
    "booking_unusualbooking_changelist": "booking.view_all_appointment",
    "booking_oldrecord_changelist": "patients.erase_patient",
    "booking_oldrecord_change": "patients.erase_patient",
    "booking_unconfirmed_news": "booking.decide_appointment",
    "booking_unconfirmed_decide": "booking.decide_appointment",
    "booking_staffaccount_resend": "booking.change_staffaccount",
    "booking_staffaccount_deactivate": "booking.change_staffaccount",
    "booking_staffaccount_reactivate": "booking.change_staffaccount",
    "booking_staffaccount_remove_factors": "booking.change_staffaccount",
    "auth_user_password_change": "auth.change_user",
    "booking_waitlistentry_remove": "booking.change_waitlistentry",
    "booking_webhookendpoint_rotate": "booking.change_webhookendpoint",
    "booking_webhookendpoint_test": "booking.change_webhookendpoint",
    "booking_webhookendpoint_enable": "booking.change_webhookendpoint",
    "booking_webhookendpoint_disable": "booking.change_webhookendpoint",
}
# Which model's object an address is about, where its name does not say so; and what else it takes.
MODELS = {
    **dict.fromkeys(["diary_appointment", "diary_cancel", "diary_move", "diary_step"], Appointment),
    **dict.fromkeys(["my_follow_up", "my_patient"], Patient),
    **dict.fromkeys(
        ["stranded_plan", "stranded_plan_change", "stranded_plan_progress", "stranded_plan_start"], StrandedPlan
    ),
}
MODELS["stranded_visit_keep"] = StrandedVisit
EXTRA = {
    "diary_step": {"name": "arrived"},
    "export_list": {"app": "booking", "model": "appointment"},
    "figure_csv": {"name": "bookings"},
    "booking_appointment_move": {"name": "arrived"},
    "booking_unconfirmed_decide": {"name": "confirm"},
    "booking_import_example": {"kind": "patients"},
    "app_list": {"app_label": "booking"},
}
OBJECT_ARGUMENTS = ("object_id", "pk", "id", "patient_id")
# What is of all locations, and so for staff of all: those of one are refused whatever else they may.
EVERYWHERE = (
    "booking_apikey",
    "booking_delivery",
    "booking_import",
    "booking_outboxmessage",
    "booking_provider",
    "booking_webhookendpoint",
    "patients_patient_export",
    "patients_patient_erase",
    "patients_patient_lift",
    "scheduling_location_add",
)
NOT_WALKED = {
    "booking_messagetext_preview_new",
    "autocomplete",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "jsi18n",
    "view_on_site",
}  # of no location
numbers = count(1)


def list_addresses():
    """Return {name: names of its arguments} of the site's pages."""
    [site] = [each for each in get_resolver().url_patterns if getattr(each, "app_name", None) == "admin"]
    return dict(walk(site.url_patterns))


def walk(patterns):
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from walk(each.url_patterns)
        elif each.name:
            yield each.name, list(each.pattern.converters) or re.findall(r"\?P<(\w+)>", str(each.pattern))


def find_model(name):
    """Return the model whose object the address is about."""
    if name in MODELS:
        return MODELS[name]
    models = {f"{each._meta.app_label}_{each._meta.model_name}": each for each in admin.site._registry}
    return max(((key, model) for key, model in models.items() if name.startswith(f"{key}_")), default=(0, None))[1]


def find_permission(name):
    """Return the permission that an address needs."""
    if name in PERMISSIONS:
        return PERMISSIONS[name]
    model, action = find_model(name), name.rpartition("_")[2]
    verb = action if action in ("add", "delete") else "view"
    return f"{model._meta.app_label}.{verb}_{model._meta.model_name}"


def make_site(place, service):
    """Write down what a location has, and return an object of it for each model."""
    now, number = timezone.now(), next(numbers)
    hour = timedelta(hours=1)
    soon = {"starts_at": now + hour, "ends_at": now + 1.5 * hour}
    location = Location.objects.create(name=place, city=place, timezone="Europe/London")
    clinician = Clinician.objects.create(name=f"Dana {place}")
    clinician.services.add(service)
    hours = {"clinician": clinician, "location": location}
    WorkingHours.objects.create(weekday=0, start_time="09:00", end_time="17:00", **hours)
    patient, other = (
        Patient.objects.create(
            first_name=SEARCHED,
            last_name=f"{place} {suffix}",
            date_of_birth=date(1980, 1, 1),
            email=f"q{number}{suffix}@example.org",
        )
        for suffix in ("Archer", "Baker")
    )
    booking = {"service": service, "price": 60, "currency": "GBP", "is_remote": False, **hours, **soon}
    attendee = {"attendee_name": str(patient), "attendee_email": patient.email}
    slots = [
        Slot.objects.create(period=DateTimeTZRange(now + each * hour, now + (each + 1) * hour), taken_at=now, **hours)
        for each in (1, 2, 3)
    ]
    visits = [
        Appointment.objects.create(
            patient=each,
            reference=f"REF-{number}{status[:2]}",
            status=status,
            slot=slot,
            answer_by=until,
            **attendee,
            **booking,
        )
        for each, status, slot, until in (
            (patient, "pending", slots[0], now + hour),
            (other, "confirmed", slots[1], None),
        )
    ]
    hold = Hold.objects.create(
        token_hash=uuid4().bytes * 2, expires_at=soon["ends_at"], lifetime=timedelta(minutes=15), holder="x", **booking
    )
    order = Order.objects.create(patient=patient, service=service, external_id=f"ORDER {place}")
    wish = WaitlistEntry.objects.create(
        service=service,
        location=location,
        first_name=SEARCHED,
        last_name=place,
        email="q@example.org",
        email_id=f"pseudonym {number}",
        last_day=now.date() + timedelta(days=9),
        status="waiting",
        waiting_since=now,
    )
    calendar = Calendar.objects.create(
        clinician=clinician, name=f"Calendar {place}", url="https://calendar.example/a.ics", kind="ics"
    )
    staff = User.objects.create_user(f"{place}-erin".casefold().title(), is_staff=True)
    StaffMember.objects.create(user=staff, has_all_locations=False).locations.add(location)
    event = Event.objects.create(
        kind="appointment.created",
        subject_type="booking",
        subject_id=visits[0].pk,
        location_id=location.pk,
        sequence=1,
        created_at=now,
        actor=f"staff {place}",
    )
    return [
        location,
        clinician,
        patient,
        visits[0],
        hold,
        order,
        wish,
        calendar,
        staff,
        event,
        TimeOff.objects.create(location=location, reason=f"Party {place}", **soon),
        slots[2],
        CalendarFeed.objects.create(clinician=clinician, token_hash=uuid4().bytes * 2),
        EmbeddingSite.objects.create(origin=f"https://{place.lower()}.example", location=location),
        PossibleDuplicate.objects.create(patient=patient, other=other, reason="alike"),
        UndeliverableMail.objects.create(id=uuid4(), appointment=visits[0], kind="email.reminder", status_code="550"),
        PatientAccess.objects.create(
            action="view", actor=f"key {place}", patient_ids=[patient.pk], page="x", created_at=now
        ),
        SignInEvent.objects.create(kind="failed", user=staff, created_at=now),
        Consent.objects.create(patient=patient, purpose="reminders"),
    ]


@pytest.fixture
def sites(db):
    """What there is at one's own location and at another one, and what belongs to all: objects by their models."""
    service = Service.objects.create(
        name="Consultation", slug="consultation", duration=timedelta(minutes=30), price=60, step=timedelta(minutes=30)
    )
    shared = [
        service,
        ServiceCategory.objects.create(name="General"),
        Question.objects.create(service=service, text="Well?", kind="text"),
        Waitlist.objects.create(service=service),
        MessageText.objects.create(kind="appointment_reminder", language="en-gb"),
        Group.objects.get(name="reception"),
    ]
    here, there = ({type(each): each for each in make_site(name, service)} for name in ("Harbour", ELSEWHERE))
    return here, there, {type(each): each for each in shared}


def log_in(name, *, location, group=None):
    """Return the browser of somebody who works at one location only: of a group, or with every permission there is."""
    user = User.objects.create_user(name, is_staff=True)
    StaffMember.objects.create(user=user, has_all_locations=False).locations.add(location)
    if group:
        user.groups.add(Group.objects.get(name=group))
    else:
        user.user_permissions.set(Permission.objects.all())
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    browser.user = user
    return browser


def get_url(name, arguments, objects):
    """Return the address for the object of its model among ``objects``, or None if there is none of it."""
    values, model = dict(EXTRA.get(name, {})), find_model(name)
    for each in arguments:
        if each in OBJECT_ARGUMENTS:
            if model not in objects and model._meta.concrete_model not in objects:
                return None
            values[each] = (objects.get(model) or objects[model._meta.concrete_model]).pk
        elif each == "consent_id":
            values[each] = objects[Consent].pk
    return reverse(f"admin:{name}", kwargs=values)


def is_classified(name, arguments):
    model, action = find_model(name), name.rpartition("_")[2]
    is_djangos = model and action in ("changelist", "add", "change", "history", "delete")
    others = {*arguments} - {*OBJECT_ARGUMENTS, "consent_id"} - EXTRA.get(name, {}).keys()
    has_object = model or not {*arguments} & {*OBJECT_ARGUMENTS}
    return bool(has_object and not others and (is_djangos or name in PERMISSIONS))


def list_pages():
    """Return the names and arguments of the addresses that are walked."""
    return [
        (name, arguments)
        for name, arguments in list_addresses().items()
        if name not in NOT_WALKED and is_classified(name, arguments)
    ]


def test_every_address_is_classified():
    """Say of a new one which permission it needs, in PERMISSIONS, and whose it is, in MODELS."""
    found = list_addresses().items()
    assert [name for name, each in found if name not in NOT_WALKED and not is_classified(name, each)] == []


def test_every_model_of_staffs_pages_has_a_rule():
    assert [model for model in admin.site._registry if model._meta.concrete_model not in RULES] == []


def test_address_shows_nothing_of_another_location_and_does_nothing_there(sites):
    here, there, shared = sites
    browser = log_in("morgan", location=here[Location])
    faults = []

    for name, arguments in list_pages():
        own, foreign = get_url(name, arguments, here | shared), get_url(name, arguments, there)
        if {*arguments} & {*OBJECT_ARGUMENTS} and foreign:
            response = (browser.post if name in PERMISSIONS else browser.get)(foreign)
            if response.get("Location") == get_url("booking_appointment_change", ["object_id"], there):
                response = browser.get(response["Location"])
            if response.status_code not in (403, 404, 405) and response.get("Location") != reverse("admin:index"):
                faults.append((name, "there", response.status_code, response.get("Location")))
        for query in list_queries(name) if own else []:
            response = browser.get(own + query)
            shown = response.text.lower() if not response.streaming else ""
            if response.status_code not in (200, 302, 403, 405):
                faults.append((name, "here", query, response.status_code))
            if ELSEWHERE.lower() in shown:
                faults.append((name, query, shown[shown.index(ELSEWHERE.lower()) - 100 :][:140]))

    assert not faults, "\n".join(map(str, faults))


def test_record_that_was_merged_is_seen_where_the_other_one_is(sites):
    here, there, _ = sites
    duplicates = []
    for site in (here, there):
        duplicate = Patient.objects.create(first_name="Twin", last_name="Archer", archived_at=timezone.now())
        Patient.objects.filter(pk=duplicate.pk).update(merged_into=site[Patient])
        duplicates.append(duplicate.pk)
    user = log_in("morgan", location=here[Location]).user

    seen = visible_to(user, Patient.objects.filter(pk__in=duplicates))
    assert [each.pk for each in seen] == duplicates[:1]


def list_queries(name):
    """Return what is asked of an address: as it is, and of a search of ours the name that is at both locations."""
    if name.endswith(("_history", "_delete")):
        return []
    model_admin = admin.site._registry.get(find_model(name))
    searches = (
        name.endswith("_changelist") and type(model_admin).get_search_results is not admin.ModelAdmin.get_search_results
    )
    asks = searches or name in ("patients_patient_choose", "diary_search", "diary_patients")
    return ["", f"?q={SEARCHED}&term={SEARCHED}" if name == "patients_patient_choose" else f"?q={SEARCHED}"][: 1 + asks]


def test_address_is_for_those_with_its_permission(sites):
    here, _, shared = sites
    addresses = {name: get_url(name, arguments, here | shared) for name, arguments in list_pages()}
    faults, shown = [], set()

    for group in ("clinician", "reception", "manager"):
        browser = log_in(f"{group}-erin", location=here[Location], group=group)
        if group == "clinician":
            Clinician.objects.filter(pk=here[Clinician].pk).update(user=browser.user)
        for name, own in addresses.items():
            permission = find_permission(name)
            is_permitted = permission is None or browser.user.has_perm(permission)
            is_permitted = is_permitted and not name.startswith(EVERYWHERE)
            # Django's own pages are one code for all who may see them: drawn once is enough.
            is_known = is_permitted and name in shown and name not in PERMISSIONS
            if not own or is_known or name.endswith(("_history", "_delete")):
                continue
            status = browser.get(own).status_code
            if (status != 403) != is_permitted and status != 405:  # what takes a POST only may say so first
                faults.append((group, name, permission, is_permitted, status))
            if status == 200:
                shown.add(name)

    assert not faults, "\n".join(map(str, faults))
    assert len(shown) > 100

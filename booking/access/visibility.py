"""What a member of staff may see: one function, through which every list, choice, search and page of staff goes.

Three things limit a member of staff beside their permissions:

- **Locations** (``StaffMember``): what happens at a location is seen by those who work there; without a row,
  everywhere. What belongs to no location (services, questions, the clinic's name) is everybody's. What reaches all
  locations (API keys, webhooks, approvers, messages to them) is for staff of all: a key would read the others for them.
- **Own visits**: without ``booking.view_all_appointment`` a clinician sees their visits, and who comes to them.
- **Restricted patients** need ``patients.view_restricted_patient``.

A **patient** belongs to no location. They are seen where they have or had a visit, a hold or a wish. Who has none at
all is seen everywhere: who is being registered must be found, or is registered twice. Who was merged into another is
seen where that one is: what was theirs is there now. A **clinician** is seen where they have hours or visits; without
any, everywhere, so that somebody can write down their hours.

A model without a rule is refused, so nothing is shown by mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import BooleanField, Exists, F, Func, Model, OuterRef, Q, QuerySet

from booking.models import (
    AnswerSheet,
    ApiKey,
    Appointment,
    Branding,
    CalendarFeed,
    ClientUser,
    EmbeddingSite,
    Event,
    Hold,
    Import,
    MessageText,
    Order,
    OutboxMessage,
    PatientAccess,
    Provider,
    Question,
    Reminder,
    SignInEvent,
    StaffInvitation,
    StaffMember,
    StrandedOffer,
    StrandedPlan,
    StrandedStep,
    StrandedVisit,
    TextMessage,
    UndeliverableMail,
    Waitlist,
    WaitlistEntry,
    WaitlistOffer,
    WebhookEndpoint,
)
from patients.models import Consent, Needs, Patient, PossibleDuplicate
from scheduling.models import (
    BusyDay,
    Calendar,
    Clinician,
    ExtraHours,
    Location,
    Service,
    ServiceCategory,
    Slot,
    TimeOff,
    TimeOffRequest,
    UnreadEvent,
    WorkingHours,
)

EVERYTHING, NOTHING = Q(), Q(pk__in=[])


def visible_to(user: User | AnonymousUser, rows: QuerySet) -> QuerySet:
    """Narrow rows to those that a member of staff may see; raises KeyError for a model without a rule."""
    rule = _get_rule(rows.model)
    return rows.filter(rule(Sight(user))) if user.is_authenticated else rows.none()


def can_see_any(user: User | AnonymousUser, model: type[Model]) -> bool:
    """Return whether rows of the model can be theirs at all: what reaches all locations is for staff of all."""
    return _get_rule(model) is not Sight.everywhere_only or Sight(user).everywhere


def can_add(user: User | AnonymousUser, model: type[Model]) -> bool:
    """Return whether a row that they add can be theirs: a new location is no location of theirs yet."""
    return can_see_any(user, model) and (model is not Location or Sight(user).everywhere)


def _get_rule(model):
    return RULES[model._meta.concrete_model]


def has_all_locations(user: User | AnonymousUser) -> bool:
    """Return whether a member of staff works at every location, and at those that are yet to come."""
    return Sight(user).everywhere


def is_clinician(user: User | AnonymousUser) -> bool:
    """Return whether a member of staff is a clinician of ours; Django keeps the answer with the user."""
    return hasattr(user, "clinician")


def get_my_location(user: User | AnonymousUser) -> Location | None:
    """Return the location that a member of staff chose last, if they still work there, or their only one."""
    member = get_staff_member(user)
    locations = visible_to(user, Location.objects.filter(is_active=True))
    if member and member.my_location_id and (chosen := locations.filter(pk=member.my_location_id).first()):
        return chosen
    few = list(locations[:2])
    return few[0] if len(few) == 1 else None


def set_my_location(user: User, location: Location | None) -> None:
    """Remember which location a member of staff has chosen; None for all of theirs."""
    StaffMember.objects.update_or_create(user=user, defaults={"my_location": location})


def get_staff_member(user: User | AnonymousUser) -> StaffMember | None:
    """Return the row that says where ``user`` works, or None; Django keeps it with the user."""
    try:
        return user.staff_member  # pyright: ignore[reportAttributeAccessIssue]
    except ObjectDoesNotExist:
        return None


@dataclass(frozen=True)
class Sight:
    """What limits a member of staff, as conditions. ``path`` leads from the row to what they are about."""

    user: User | AnonymousUser

    @property
    def everywhere(self) -> bool:
        member = None if self.user.is_superuser else get_staff_member(self.user)
        return member is None or member.has_all_locations

    @property
    def of_everybody(self) -> bool:
        return self.user.has_perm("booking.view_all_appointment")

    @property
    def restricted(self) -> bool:
        return self.user.has_perm("patients.view_restricted_patient")

    def at(self, path: str = "location", *, or_anywhere: bool = False) -> Q:
        """Return the condition that a location is theirs, or with ``or_anywhere`` that there is none."""
        if self.everywhere:
            return EVERYTHING
        theirs = StaffMember.locations.through.objects.filter(staffmember=self.user.pk).values("location")
        anywhere = Q(**{f"{path}__isnull": True}) if or_anywhere else NOTHING
        return Q(**{f"{path}__in": theirs}) | anywhere

    def own(self, path: str = "", *, or_anybody: bool = False) -> Q:
        if self.of_everybody:
            return EVERYTHING
        anybody = Q(**{f"{path}clinician__isnull": True}) if or_anybody else NOTHING
        return Q(**{f"{path}clinician__user": self.user.pk}) | anybody

    def unrestricted(self, path: str = "") -> Q:
        return EVERYTHING if self.restricted else Q(**{f"{path}patient__restricted_at": None})

    def booking(self, path: str = "") -> Q:
        return self.at(f"{path}location") & self.own(path) & self.unrestricted(path)

    def wish(self, path: str = "") -> Q:
        """Return the condition on a wish, which may be for any location and any clinician."""
        place, who = self.at(f"{path}location", or_anywhere=True), self.own(path, or_anybody=True)
        return place & who & self.unrestricted(path)

    def known_patient(self) -> Q:
        """Return the condition that a patient is theirs."""
        condition = EVERYTHING if self.restricted else Q(restricted_at=None)
        if self.everywhere and self.of_everybody:
            return condition
        rows = [Appointment.objects.filter(self.at() & self.own()), Hold.objects.filter(self.at() & self.own())]
        if self.of_everybody:
            rows.append(WaitlistEntry.objects.filter(self.at(or_anywhere=True)))
        theirs = NOTHING
        for each in rows:
            theirs |= Q(Exists(each.filter(patient=OuterRef("pk"))))
            theirs |= Q(merged_into__isnull=False) & Q(Exists(each.filter(patient=OuterRef("merged_into"))))
        if self.of_everybody:
            have_none = ~_have_any(Appointment) & ~_have_any(Hold) & ~_have_any(WaitlistEntry)
            theirs |= Q(merged_into=None) & have_none
        return condition & theirs

    def of_patient(self, path: str = "patient") -> Q:
        condition = self.known_patient()
        return Q(**{f"{path}__in": Patient.objects.filter(condition)}) if condition else EVERYTHING

    def clinician(self) -> Q:
        """Return the condition that a clinician works where they do, or is they themselves, if they are one."""
        condition = EVERYTHING
        if not self.of_everybody:
            # Who is no clinician, and sees nobody's visits, may still set clinicians up.
            condition = Q(user=self.user.pk) | ~Q(Exists(Clinician.objects.filter(user=self.user.pk)))
        if self.everywhere:
            return condition
        kinds = (WorkingHours, ExtraHours, Appointment)
        works = [Exists(kind.objects.filter(self.at(), clinician=OuterRef("pk"))) for kind in kinds]
        anywhere = [Exists(kind.objects.filter(clinician=OuterRef("pk"))) for kind in kinds]
        new = ~Q(anywhere[0]) & ~Q(anywhere[1]) & ~Q(anywhere[2])
        return condition & (Q(user=self.user.pk) | Q(works[0]) | Q(works[1]) | Q(works[2]) | new)

    def of_clinician(self, path: str = "clinician") -> Q:
        condition = self.clinician()
        return Q(**{f"{path}__in": Clinician.objects.filter(condition)}) if condition else EVERYTHING

    def of_either(self) -> Q:
        """Return the condition on what is a clinician's or a location's."""
        if self.everywhere and self.of_everybody:
            return EVERYTHING
        return Q(location=None) & self.of_clinician() | Q(clinician=None) & self.at()

    def everywhere_only(self) -> Q:
        return EVERYTHING if self.everywhere else NOTHING

    def colleague(self) -> Q:
        """Return the condition that a login is theirs, or of somebody who works at none but their locations."""
        if self.everywhere:
            return EVERYTHING
        elsewhere = StaffMember.locations.through.objects.filter(staffmember=OuterRef("pk")).exclude(self.at())
        within = Q(is_superuser=False, staff_member__has_all_locations=False) & ~Q(Exists(elsewhere))
        return Q(pk=self.user.pk) | within

    def of_colleague(self, path: str = "user") -> Q:
        condition = self.colleague()
        return Q(**{f"{path}__in": User.objects.filter(condition)}) if condition else EVERYTHING

    def event(self) -> Q:
        """Return the condition that what an event is about is theirs; it has no patient's values, only ids."""
        if self.everywhere and self.of_everybody:
            return EVERYTHING
        kinds, here = Event.SubjectType, self.at("location_id")
        if not self.of_everybody:
            here = NOTHING
        subjects = {
            kinds.BOOKING: (Appointment, self.at() & self.own()),
            kinds.PATIENT: (Patient, self.known_patient()),
            kinds.ORDER: (Order, self.of_patient()),
            kinds.WAITLIST: (WaitlistEntry, self.wish()),
            kinds.LOCATION: (Location, self.at("pk")),
        }
        for kind, (model, condition) in subjects.items():
            here |= Q(subject_type=kind) & Q(Exists(model.objects.filter(condition, pk=OuterRef("subject_id"))))
        return here

    def access(self) -> Q:
        """Return the condition that whoever was shown is theirs, all of them."""
        condition = self.known_patient()
        if not condition:
            return EVERYTHING
        ids = Func(OuterRef("patient_ids"), function="ANY")
        shown = Patient.objects.filter(
            Func(F("pk"), ids, template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField())
        )
        return ~Q(Exists(shown.exclude(condition)))

    def stranded_plan(self) -> Q:
        """Return the condition that each visit of a plan is theirs."""
        elsewhere = StrandedStep.objects.filter(plan=OuterRef("pk")).exclude(self.booking("visit__appointment__"))
        return EVERYTHING if self.everywhere and self.of_everybody else ~Q(Exists(elsewhere))

    def mail(self) -> Q:
        if self.everywhere and self.of_everybody and self.restricted:
            return EVERYTHING
        return Q(order=None) & self.booking("appointment__") | Q(appointment=None) & self.of_patient("order__patient")


def _have_any(model):
    return Q(Exists(model.objects.filter(patient=OuterRef("pk"))))


def _anything(sight):
    return EVERYTHING


RULES: dict[type[Model], Callable[[Sight], Q]] = {
    AnswerSheet: lambda sight: sight.booking("appointment__"),
    ApiKey: Sight.everywhere_only,
    Appointment: Sight.booking,
    Branding: _anything,
    BusyDay: Sight.of_either,
    Calendar: Sight.of_either,
    CalendarFeed: Sight.of_clinician,
    ClientUser: Sight.of_patient,
    Clinician: Sight.clinician,
    Consent: Sight.of_patient,
    EmbeddingSite: Sight.at,
    Event: Sight.event,
    ExtraHours: lambda sight: sight.at() & sight.of_clinician(),
    Group: _anything,
    Hold: Sight.booking,
    Import: Sight.everywhere_only,
    Location: lambda sight: sight.at("pk"),
    MessageText: _anything,
    Needs: Sight.of_patient,
    Order: Sight.of_patient,
    OutboxMessage: Sight.everywhere_only,
    Permission: _anything,
    Patient: Sight.known_patient,
    PatientAccess: Sight.access,
    PossibleDuplicate: lambda sight: sight.of_patient() & sight.of_patient("other"),
    Provider: Sight.everywhere_only,
    Question: _anything,
    Reminder: lambda sight: sight.booking("appointment__"),
    Service: _anything,
    ServiceCategory: _anything,
    SignInEvent: Sight.of_colleague,
    Slot: lambda sight: sight.at() & sight.own(),
    SocialAccount: Sight.of_colleague,
    StaffInvitation: Sight.of_colleague,
    StaffMember: Sight.of_colleague,
    StrandedOffer: lambda sight: sight.booking("visit__appointment__"),
    StrandedPlan: Sight.stranded_plan,
    StrandedStep: lambda sight: sight.booking("visit__appointment__"),
    StrandedVisit: lambda sight: sight.booking("appointment__"),
    TextMessage: lambda sight: sight.booking("appointment__"),
    TimeOff: Sight.of_either,
    TimeOffRequest: Sight.of_clinician,
    UndeliverableMail: Sight.mail,
    UnreadEvent: lambda sight: Q(calendar__in=Calendar.objects.filter(sight.of_either())),
    User: Sight.colleague,
    Waitlist: _anything,
    WaitlistEntry: Sight.wish,
    WaitlistOffer: lambda sight: sight.wish("entry__"),
    WebhookEndpoint: Sight.everywhere_only,
    WorkingHours: lambda sight: sight.at() & sight.of_clinician(),
}

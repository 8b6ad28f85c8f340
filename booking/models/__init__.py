"""Models: holds, appointments, orders, approvers, events, the outbox, webhooks, feeds and API keys."""

from booking.models.access_log import Erasure, PatientAccess, SignInEvent
from booking.models.api import AccessToken, ApiKey, IdempotentAnswer, validate_origin
from booking.models.bookings import (
    UNRESTRICTED,
    Appointment,
    Booking,
    Hold,
    Networks,
    Unconfirmed,
    UnusualBooking,
)
from booking.models.branding import Branding, get_branding
from booking.models.client_users import ClientUser
from booking.models.desk_settings import DeskSettings
from booking.models.embedding import EmbeddingSite
from booking.models.events import Event
from booking.models.feeds import CalendarFeed
from booking.models.figures import Figures
from booking.models.imports import Import, ImportProblem
from booking.models.message_texts import MessageKind, MessageText, UndeliverableMail
from booking.models.old_records import OldRecord
from booking.models.orders import Order
from booking.models.outbox import Delivery, Heartbeat, OutboxMessage
from booking.models.patient_drafts import PatientDraft
from booking.models.providers import Acknowledgement, Provider
from booking.models.questions import AnswerSheet, Question, QuestionVersion
from booking.models.reminders import PhoneNumber, Reminder, TextMessage
from booking.models.staff import StaffAccount, StaffInvitation, StaffMember
from booking.models.stranded import StrandedOffer, StrandedPlan, StrandedStep, StrandedVisit
from booking.models.verification import ContactCode, EmailAddress, LocationActivity, SolvedChallenge
from booking.models.waitlist import Waitlist, WaitlistEntry, WaitlistOffer
from booking.models.webhooks import WebhookEndpoint

__all__ = [
    "UNRESTRICTED",
    "AccessToken",
    "Acknowledgement",
    "AnswerSheet",
    "ApiKey",
    "Appointment",
    "Booking",
    "Branding",
    "CalendarFeed",
    "ClientUser",
    "ContactCode",
    "Delivery",
    "DeskSettings",
    "EmailAddress",
    "EmbeddingSite",
    "Erasure",
    "Event",
    "Figures",
    "Heartbeat",
    "Hold",
    "IdempotentAnswer",
    "Import",
    "ImportProblem",
    "LocationActivity",
    "MessageKind",
    "MessageText",
    "Networks",
    "OldRecord",
    "Order",
    "OutboxMessage",
    "PatientAccess",
    "PatientDraft",
    "PhoneNumber",
    "Provider",
    "Question",
    "QuestionVersion",
    "Reminder",
    "SignInEvent",
    "SolvedChallenge",
    "StaffAccount",
    "StaffInvitation",
    "StaffMember",
    "StrandedOffer",
    "StrandedPlan",
    "StrandedStep",
    "StrandedVisit",
    "TextMessage",
    "Unconfirmed",
    "UndeliverableMail",
    "UnusualBooking",
    "Waitlist",
    "WaitlistEntry",
    "WaitlistOffer",
    "WebhookEndpoint",
    "get_branding",
    "validate_origin",
]

"""Enums of stored values: the kinds of events, and the jobs of the outbox."""

from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of events of bookings, orders, patients, locations and waiting lists."""

    HOLD_PLACED = "hold.placed"
    HOLD_EXTENDED = "hold.extended"
    HOLD_MOVED = "hold.moved"
    HOLD_RELEASED = "hold.released"
    HOLD_EXPIRED = "hold.expired"
    HOLD_CONFIRMED = "hold.confirmed"
    APPOINTMENT_CREATED = "appointment.created"
    APPOINTMENT_UPDATED = "appointment.updated"
    APPOINTMENT_RESCHEDULED = "appointment.rescheduled"
    APPOINTMENT_CANCELLED = "appointment.cancelled"
    APPOINTMENT_COMPLETED = "appointment.completed"
    APPOINTMENT_NO_SHOW = "appointment.no_show"
    APPOINTMENT_STRANDED = "appointment.stranded"
    APPOINTMENT_OFFERED = "appointment.offered"
    APPOINTMENT_SETTLED = "appointment.settled"
    APPOINTMENT_OVERRIDDEN = "appointment.overridden"
    CONFIRMATION_RESENT = "appointment.confirmation_resent"
    APPROVER_ASKED = "provider.asked"
    APPROVER_AGREED = "provider.agreed"
    APPROVER_REFUSED = "provider.refused"
    APPROVER_WITHDRAWN = "provider.taken_back"
    APPROVER_IGNORED = "provider.ignored"
    ORDER_CREATED = "order.created"
    ORDER_UPDATED = "order.updated"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_LINK_SENT = "order.link_sent"
    ORDER_LINK_REVOKED = "order.link_revoked"
    PATIENT_CREATED = "patient.created"
    PATIENT_UPDATED = "patient.updated"
    PATIENT_ARCHIVED = "patient.archived"
    PATIENT_RESTORED = "patient.restored"
    PATIENT_MERGED = "patient.merged"
    PATIENT_UNMERGED = "patient.unmerged"
    PATIENT_ERASED = "patient.erased"
    PATIENT_RESTRICTED = "patient.restricted"
    LOCATION_UPDATED = "location.updated"
    WAITLIST_JOINED = "waitlist.joined"
    WAITLIST_CONFIRMED = "waitlist.confirmed"
    WAITLIST_UPDATED = "waitlist.updated"
    WAITLIST_OFFERED = "waitlist.offered"
    WAITLIST_OFFER_ENDED = "waitlist.offer_ended"
    WAITLIST_ENDED = "waitlist.ended"


# The kinds that other systems are told of, in the order of the form of webhook endpoints.
ANNOUNCED_KINDS = (
    EventKind.HOLD_PLACED,
    EventKind.HOLD_EXTENDED,
    EventKind.HOLD_MOVED,
    EventKind.HOLD_RELEASED,
    EventKind.HOLD_EXPIRED,
    EventKind.APPOINTMENT_CREATED,
    EventKind.APPOINTMENT_UPDATED,
    EventKind.APPOINTMENT_RESCHEDULED,
    EventKind.APPOINTMENT_CANCELLED,
    EventKind.APPOINTMENT_COMPLETED,
    EventKind.APPOINTMENT_NO_SHOW,
    EventKind.ORDER_CREATED,
    EventKind.ORDER_UPDATED,
    EventKind.ORDER_CANCELLED,
    EventKind.PATIENT_CREATED,
    EventKind.PATIENT_UPDATED,
    EventKind.PATIENT_ARCHIVED,
    EventKind.PATIENT_RESTORED,
    EventKind.PATIENT_MERGED,
    EventKind.PATIENT_UNMERGED,
    EventKind.PATIENT_ERASED,
    EventKind.PATIENT_RESTRICTED,
)


class Job(StrEnum):
    """The jobs of the outbox. The part before the dot is the family, and each family has a queue."""

    CALENDAR_PUSH = "calendar.push"
    EMAIL_APPOINTMENT_REQUESTED = "email.appointment_requested"
    EMAIL_VERIFY_ADDRESS = "email.verify_address"
    EMAIL_BOOKING_LINK = "email.booking_link"
    EMAIL_CONTACT_CODE = "email.contact_code"
    EMAIL_APPOINTMENT_CONFIRMED = "email.appointment_confirmed"
    EMAIL_APPOINTMENT_RESCHEDULED = "email.appointment_rescheduled"
    EMAIL_APPOINTMENT_CANCELLED = "email.appointment_cancelled"
    EMAIL_ALSO_BOOKED = "email.also_booked"
    EMAIL_CHANGE_REFUSED = "email.change_refused"
    EMAIL_ENDPOINT_DISABLED = "email.endpoint_disabled"
    EMAIL_TIME_OFF_ASKED = "email.time_off_asked"
    EMAIL_TIME_OFF_ANSWERED = "email.time_off_answered"
    EMAIL_ORDER_LINK = "email.order_link"
    EMAIL_RESET_LINK = "email.reset_link"
    EMAIL_STAFF_INVITATION = "email.staff_invitation"
    EMAIL_TEST_MESSAGE = "email.test_message"
    EMAIL_APPOINTMENT_LINKS = "email.appointment_links"
    EMAIL_WAITLIST_CONFIRM = "email.waitlist_confirm"
    EMAIL_WAITLIST_OFFER = "email.waitlist_offer"
    EMAIL_STRANDED_OFFER = "email.stranded_offer"
    EMAIL_REMINDER = "email.reminder"
    SMS_REMINDER = "sms.reminder"
    SMS_TEXT = "sms.text"
    APPROVER_SYNC = "provider.sync"
    APPROVER_WITHDRAW = "provider.take_back"
    APPROVER_FORGET = "provider.forget"
    STRANDED_STEP = "stranded.step"
    WEBHOOK_EVENT = "webhook.event"

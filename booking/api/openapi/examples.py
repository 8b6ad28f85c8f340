"""What requests and answers look like: Alice sees Dana Reed at Harbour Street on the day after a clock change."""

ID = {
    "service": "0b8f2a34-6a5e-4c1e-9f3c-3d5b1f6f7a01",
    "clinician": "7c1d9b52-1f4d-4b7a-8d1f-5a0c9e2b4d02",
    "location": "e3a7c610-92bb-4f0e-b6a4-0f2d8c7b1e03",
    "booking": "5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04",
    "patient": "a94c7e1d-0d5b-4e2f-9b8a-6f1e2d3c4b05",
    "order": "413d7205-f8a9-42ed-aa4a-edb99e481c06",
    "key": "f0e1d2c3-b4a5-4968-8776-655443322106",
    "endpoint": "7b3d9c52-6a1f-4e80-9d27-3c5b8a0f1e07",
    "calendar": "5d41402a-bc4b-4a76-b971-9d911017c592",
    "delivery": "c81e728d-9d4c-4f63-a067-f89cc14862c8",
}
WHEN = {"start_time": "2026-03-30T09:00:00+01:00", "end_time": "2026-03-30T09:30:00+01:00"}
WHO = {"clinician_id": ID["clinician"], "location_id": ID["location"]}
SERVICE = {"appointment_type_id": ID["service"]}
PLACE = {
    "clinician_id": ID["clinician"],
    "clinician_name": "Dana Reed",
    "location_id": ID["location"],
    "location_name": "Harbour Street",
    "timezone": "Europe/London",
    "is_remote": False,
}
BOOKING_KEY = "C48qNGpeTB6fPD1bH296AXwdm1IfTUt6jR9aDJ4rTQLjp8YQ.1774857600.5f0c3f3e6a1b4c2d8e9f0a1b2c3d4e5f"
OPENING = {**WHEN, **PLACE, "booking_key": BOOKING_KEY}
HOLD = {
    "id": ID["booking"],
    "status": "active",
    **SERVICE,
    **WHO,
    **WHEN,
    "is_remote": False,
    "expires_at": "2026-03-27T16:35:31+00:00",
    "server_time": "2026-03-27T16:20:31+00:00",
    "seconds_left": 900,
    "extensions_left": 10,
    "external_id": "",
    "metadata": {},
}
EVENT = {
    "sequence": 2,
    "kind": "appointment.created",
    "created_at": "2026-03-27T16:22:08+00:00",
    "status": "confirmed",
    "data": {},
}
ALICE = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "alice@example.org",
    "phone": "020 7946 0123",
}
TIM = ALICE | {"first_name": "Tim", "date_of_birth": "2019-05-02"}
APPOINTMENT = {
    "id": ID["booking"],
    "reference": "K7QMB-3XPDF",
    "status": "confirmed",
    **SERVICE,
    **WHO,
    **WHEN,
    "timezone": "Europe/London",
    "is_remote": False,
    "meeting_url": "",
    "patient_id": ID["patient"],
    "attendee_name": "Alice Archer",
    "attendee_email": "alice@example.org",
    "attendee_phone": "+442079460123",
    "contact_name": "",
    "relation": "",
    "notes": "",
    "price": 60.0,
    "currency": "GBP",
    "order_id": None,
    "provider": None,
    "provider_id": "",
    "external_id": "VISIT-881",
    "metadata": {"campaign": "spring"},
    "answer_by": None,
    "can_reschedule": True,
    "can_cancel": True,
    "cancellation_reason": "",
    "arrived_at": None,
    "seen_at": None,
    "events": [EVENT],
    "created_at": "2026-03-27T16:22:08+00:00",
    "updated_at": "2026-03-27T16:22:08+00:00",
}

HOME = {
    "line_1": "4 Mill Lane",
    "line_2": "",
    "unit": "2b",
    "city": "Leeds",
    "state": "",
    "postcode": "LS1 4AP",
    "country": "GB",
    "latitude": 53.799723,
    "longitude": -1.549211,
}

ENDPOINT = {
    "id": ID["endpoint"],
    "url": "https://www.practice.example/hooks",
    "description": "The practice's system",
    "format": "holdfast",
    "events": ["appointment.cancelled", "appointment.created"],
    "old_secret_ends_at": None,
    "failing_since": None,
    "disabled_at": None,
    "disabled_because": "",
    "created_at": "2026-03-02T10:04:00+00:00",
    "updated_at": "2026-03-02T10:04:00+00:00",
}
DELIVERY = {
    "id": ID["delivery"],
    "endpoint_id": ID["endpoint"],
    "type": "appointment.created",
    "status": "done",
    "attempts": 1,
    "response_status": 204,
    "last_error": "",
    "next_try_at": None,
    "delivered_at": "2026-03-27T16:22:09+00:00",
    "created_at": "2026-03-27T16:22:08+00:00",
    "event": {
        "type": "appointment.created",
        "timestamp": "2026-03-27T16:22:08+00:00",
        "data": {
            "id": ID["booking"],
            "status": "confirmed",
            **SERVICE,
            **WHO,
            **WHEN,
            "is_remote": False,
            "patient_id": ID["patient"],
            "order_id": None,
            "sequence": 3,
        },
    },
}

PATIENT = {
    "id": ID["patient"],
    **ALICE,
    "phone": "+442079460123",
    "nhs_number": "",
    "external_id": "P-1042",
    "metadata": {"language": "cy"},
    "archived_at": None,
    "merged_into_id": None,
    "created_at": "2026-03-27T16:22:08+00:00",
    "updated_at": "2026-03-27T16:22:08+00:00",
}
EXTERNAL = {
    "external_id": "",
    "metadata": {},
    "created_at": "2026-03-02T10:04:00+00:00",
    "updated_at": "2026-03-02T10:04:00+00:00",
}

HOURS = {**WHO, "start_time": "09:00", "end_time": "12:00", "is_remote": False}
EVERY_SECOND_MONDAY = {
    **HOURS,
    "weekday": "monday",
    "valid_from": "2026-04-06",
    "valid_until": None,
    "every_weeks": 2,
}
ONE_SATURDAY = {**HOURS, "date": "2026-12-19"}
LEAVE = {"clinician_id": ID["clinician"], "start_time": "2026-08-03", "end_time": "2026-08-14", "reason": "Leave"}
SAVED = {"created_at": "2026-03-27T16:20:31+00:00", "updated_at": "2026-03-27T16:20:31+00:00"}

# By the name of the serializer that writes them.
ANSWERS = {
    "WorkingHoursOutput": {"id": 41, **EVERY_SECOND_MONDAY, **SAVED},
    "ExtraHoursOutput": {"id": 42, **ONE_SATURDAY, **SAVED},
    "TimeOffOutput": {
        "id": 43,
        **LEAVE,
        "location_id": None,
        "start_time": "2026-08-03T00:00:00+01:00",
        "end_time": "2026-08-15T00:00:00+01:00",
        **SAVED,
    },
    "CalendarOutput": {
        "id": ID["calendar"],
        "clinician_id": ID["clinician"],
        "location_id": None,
        "is_current": True,
        "last_synced_at": "2026-03-27T16:20:31+00:00",
        "error": None,
        "not_understood": [],
    },
    "OpeningOutput": OPENING,
    "HoldOutput": HOLD,
    "AppointmentOutput": APPOINTMENT,
    "DayOutput": {"date": "2026-03-30", "openings": 14},
    "Explanation": {
        "start_time": WHEN["start_time"],
        "is_open": False,
        "reasons": ["taken"],
        "places": [{**PLACE, "is_open": False, "reasons": ["taken"], "not_understood": []}],
    },
    "PatientOutput": PATIENT,
    "ChangedPatientOutput": {**PATIENT, "phone": "+442079460199", "updated_at": "2026-03-27T16:25:40+00:00"},
    "AppointmentTypeOutput": {
        "id": ID["service"],
        "name": "GP consultation",
        "description": "A doctor for whatever worries you.",
        "category": None,
        "duration_minutes": 30,
        "price": 60.0,
        "currency": "GBP",
        "is_active": True,
        "allow_online_booking": True,
        "is_private": False,
        "mode": "in_person",
        "is_remote": False,
        "booking_notice_hours": 1.0,
        "cancellation_notice_hours": 24.0,
        "new_patients_only_text": "",
        "what_to_bring": "A list of the medicines you take.",
        "color": "#2563eb",
        **EXTERNAL,
    },
    "ClinicianOutput": {
        "id": ID["clinician"],
        "name": "Dana Reed",
        "title": "General practitioner",
        "bio": "",
        "photo": [],
        "languages": ["en", "de"],
        "gender": "",
        "is_active": True,
        "appointment_type_ids": [ID["service"]],
        **EXTERNAL,
    },
    "LocationOutput": {
        "id": ID["location"],
        "name": "Harbour Street",
        "timezone": "Europe/London",
        "hold_seconds": 900,
        "address": {
            "line_1": "12 Harbour Street",
            "line_2": "",
            "city": "London",
            "postcode": "E1 6AN",
            "country": "GB",
        },
        "latitude": 51.5155,
        "longitude": -0.0722,
        "phone": "+442079460001",
        "email": "harbour@clinic.example",
        "directions": "The blue door. Ring the upper bell.",
        "photo": [],
        "step_free_access": "yes",
        "access_notes": "",
        "parking": "",
        "is_active": True,
        **EXTERNAL,
    },
    "OrderOutput": {
        "id": ID["order"],
        "external_id": "LAB-2041",
        "metadata": {},
        "patient_id": ID["patient"],
        **SERVICE,
        "address": HOME,
        "link_ends_at": None,
        "cancelled_at": None,
        "appointments": [],
        "created_at": "2026-03-27T16:22:08+00:00",
        "updated_at": "2026-03-27T16:22:08+00:00",
    },
    "FeedEventOutput": {"id": "20417", **DELIVERY["event"]},
    "LocationVersionOutput": {"version": "b1946ac92492d2347c6235b4d2611184a3f0c9d1"},
    "WebhookEndpointOutput": ENDPOINT,
    "NewSecretOutput": {**ENDPOINT, "secret": "whsec_ZXhhbXBsZSBvbmx5OiB5b3VycyBpcyByYW5kb20h"},
    "DeliveryOutput": DELIVERY,
    "RedeliveredOutput": {"deliveries": 12},
    "QuestionOutput": {
        "id": "5c0e9d1e-63a4-4b6e-8d57-2f0b6d3a9c41",
        "version": 1,
        "kind": "choice",
        "text": "Have you had this pain before?",
        "help_text": "",
        "options": ["No, it is new", "Yes, it has come back"],
        "is_required": True,
        "depends_on_id": None,
        "depends_on_answers": [],
    },
    "ReasonOutput": {"id": "patient_request", "name": "the patient asked"},
    "KeyOutput": {
        "id": ID["key"],
        "name": "the practice's system",
        "kind": "secret",
        "scopes": ["read_availability", "write_holds"],
        "allowed_origins": [],
        "requests_per_minute": 600,
        "most_live_holds": None,
        "expires_at": None,
    },
}

BY_IDS = {**SERVICE, **WHO, "date": "2026-03-30", "start_time": "09:00"}
BY_ANYONE = {**SERVICE, "start_time": WHEN["start_time"]}
BY_KEY = {"booking_key": BOOKING_KEY}

# By the operation, each with a word for what is special about it.
BODIES = {
    "create_working_hours": {"every second Monday": EVERY_SECOND_MONDAY},
    "change_working_hours": {"the last day": {"valid_until": "2026-09-30"}},
    "create_extra_hours": {"one Saturday": ONE_SATURDAY},
    "change_extra_hours": {"longer": {"end_time": "13:00"}},
    "create_time_off": {"two weeks": LEAVE},
    "change_time_off": {"a day more": {"end_time": "2026-08-15"}},
    "place_hold": {"by local time": BY_IDS, "with anyone": BY_ANYONE, "by booking key": BY_KEY},
    "move_hold": {"by booking key": BY_KEY, "by time": {"start_time": "2026-03-30T10:30:00+01:00"}},
    "confirm_hold": {
        "a new patient": {"patient": ALICE, "notes": "My knee hurts on stairs."},
        "a known patient": {"patient_id": ID["patient"], "attendee_name": "Alice Archer"},
        "a child": {"patient": TIM, "contact_name": "Alice Archer", "relation": "child"},
        "pending if need be": {
            "patient": ALICE,
            "async_confirmation": True,
            "sync_confirmation_timeout_millisecond": 2000,
            "async_confirmation_timeout_millisecond": 3600000,
        },
    },
    "create_patient": {"a person": ALICE},
    "change_patient": {"a new phone": {"phone": "020 7946 0199"}},
    "book_appointment": {
        "by booking key": {**BY_KEY, "patient": ALICE},
        "by time": {**BY_IDS, "patient_id": ID["patient"]},
    },
    "reschedule_appointment": {"by booking key": BY_KEY, "to a hold": {"hold_id": ID["booking"]}},
    "create_order": {
        "a known patient": {"patient_id": ID["patient"], **SERVICE, "external_id": "LAB-2041"},
        "a visit at home": {"patient": ALICE, **SERVICE, "address": HOME},
    },
    "book_order": {"by booking key": BY_KEY},
    "create_webhook_endpoint": {
        "some events": {key: ENDPOINT[key] for key in ("url", "description", "events")},
        "all events": {"url": ENDPOINT["url"]},
    },
    "change_webhook_endpoint": {"other events": {"events": ["hold.expired"]}},
    "rotate_webhook_secret": {"both for a week": {"overlap_seconds": 604_800}, "at once": {"overlap_seconds": 0}},
    "redeliver_failed": {"of this morning": {"since": "2026-03-27T00:00:00+00:00"}},
    "change_appointment": {
        "another attendee": {"attendee_name": "Alice Archer", "attendee_phone": "+442079460199"},
        "what another system keeps": {"external_id": "VISIT-881", "metadata": {"campaign": "spring", "old": None}},
    },
    "change_order": {"its id elsewhere": {"external_id": "LAB-2042"}},
    "change_appointment_type": {"its id elsewhere": {"external_id": "SNOMED-185349003"}},
    "change_clinician": {"its id elsewhere": {"external_id": "GMC-7654321"}},
    "change_location": {"its id elsewhere": {"external_id": "ODS-A81001"}},
    "cancel_appointment": {"at the patient's wish": {"reason": "patient_request", "note": "Feels better."}},
}

# No ids: pages that let people try a request fill these in, and nothing has such an id.
PARAMETERS = {
    "start_date": "2026-03-30",
    "end_date": "2026-04-03",
    "start_time": WHEN["start_time"],
    "search": "alice archer",
    "start_from": "2026-03-30T00:00:00+01:00",
    "since": "2026-03-27T16:19:00+00:00",
    "updated_since": "2026-03-27T16:19:00+00:00",
}

"""A first booking with curl, step by step, for the page of the API."""

STEPS = [
    (
        "Say who you are",
        "Where the clinic is and the key you were given, and three short words for what follows.",
        """\
export BASE={site} KEY=hf_sec_…
call() {{ curl -sS --fail-with-body -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"; }}
pick() {{ python3 -c "import json, sys; print(json.load(sys.stdin)['data']$1)"; }}
in_days() {{ python3 -c "from datetime import *; print(date.today() + timedelta(days=$1))"; }}""",
    ),
    (
        "Search",
        "Take a service and ask for its openings, here a week ahead. Each has a booking key, which says all about it.",
        """\
service=$(call "$BASE/api/v1/appointment-types" | pick "[0]['id']")
days="start_date=$(in_days 7)&end_date=$(in_days 21)"
opening=$(call "$BASE/api/v1/availability?appointment_type_id=$service&$days" | pick "[0]['booking_key']")""",
    ),
    (
        "Hold",
        "Nobody else can have it now, for as long as seconds_left says. If somebody was faster, the answer is 409 "
        "with the three nearest openings.",
        """\
hold=$(call "$BASE/api/v1/holds" -d "{{\\"booking_key\\": \\"$opening\\"}}" | pick "['id']")""",
    ),
    (
        "Confirm",
        "Say who comes, and the hold is an appointment. With an Idempotency-Key it is safe to send this again when "
        "the answer got lost.",
        """\
call "$BASE/api/v1/holds/$hold/confirm" -H "Idempotency-Key: $hold" -d '{{"patient": {{
  "first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"
}}}}'""",
    ),
    (
        "Cancel",
        "An appointment has the id of the hold it was. Within the service's notice only the clinic can cancel: 409.",
        """\
call "$BASE/api/v1/appointments/$hold/cancel" -d '{{"reason": "patient_request"}}'""",
    ),
]


def steps(site):
    """Return the steps as the page shows them, for the clinic at the address ``site``."""
    return [{"title": title, "text": text, "code": code.format(site=site)} for title, text, code in STEPS]

"""What can be done next with what an operation has made: OpenAPI's links."""

HOLD = ["get_hold", "extend_hold", "move_hold", "release_hold", "confirm_hold"]
APPOINTMENT = [
    "get_appointment",
    "change_appointment",
    "reschedule_appointment",
    "cancel_appointment",
    "arrive_appointment",
    "complete_appointment",
    "no_show_appointment",
]
NEXT = {
    "place_hold": HOLD,
    "confirm_hold": APPOINTMENT,
    "book_appointment": APPOINTMENT,
    "create_webhook_endpoint": [
        "get_webhook_endpoint",
        "test_webhook_endpoint",
        "rotate_webhook_secret",
        "list_deliveries",
    ],
    "test_webhook_endpoint": ["get_delivery"],
    "create_patient": ["get_patient", "change_patient"],
}


def list_links(operation):
    """Return the links of an operation's success."""
    return {
        following: {"operationId": following, "parameters": {"id": "$response.body#/data/id"}}
        for following in NEXT.get(operation, ())
    }

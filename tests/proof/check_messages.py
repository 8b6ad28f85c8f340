"""What mailboxes and receivers of webhooks got, against what happened."""

from collections import Counter, defaultdict

SUBJECTS = {"Your appointment": "confirmation", "New time": "new time", "Cancelled": "cancellation"}
TOLD = ("appointment.created", "appointment.rescheduled", "appointment.cancelled")


def check_messages(evidence):
    """Yield mails and webhooks that are missing, are too many, or tell of what never happened.

    A mail may arrive again under its Message-ID, a webhook under its id.
    """
    yield from check_mails(evidence)
    yield from check_deliveries(evidence)


def check_mails(evidence):
    mails = defaultdict(set)  # of an address and a kind: Message-IDs
    for mail in evidence.mails:
        kind = next((kind for start, kind in SUBJECTS.items() if mail["subject"].startswith(start)), mail["subject"])
        mails[mail["to"], kind].add(mail["id"])
    for id, row in evidence.appointments.items():
        happened = Counter(event["kind"] for event in evidence.events[id])
        is_cancelled = row["status"] == "cancelled"
        due = {
            "confirmation": 1,
            "new time": happened["appointment.rescheduled"],
            "cancellation": happened["appointment.cancelled"],
        }
        for kind, number in due.items():
            sent = len(mails.pop((row["attendee_email"], kind), ()))
            # What is cancelled before its mail goes out is told of by the cancellation alone.
            fewest = 0 if is_cancelled and kind != "cancellation" else number
            if not fewest <= sent <= number:
                yield f"{id}: {sent} mails of {number} ({kind})"
    for (address, kind), ids in mails.items():
        yield f"{len(ids)} mails to {address} that nothing caused ({kind})"


def check_deliveries(evidence):
    deliveries = defaultdict(list)
    for delivery in evidence.deliveries:
        deliveries[delivery["type"], delivery["data"]["id"], delivery["data"]["sequence"]].append(delivery)
    for id, events in evidence.bookings.items():
        for event in events:
            if event["kind"] not in TOLD:
                continue
            arrived = deliveries.pop((event["kind"], id, event["sequence"]), [])
            if not arrived:
                yield f"{id}: no webhook of {event['kind']}"
            elif len({each["id"] for each in arrived}) > 1:
                yield f"{id}: webhooks of {event['kind']} under several ids"
            elif arrived[0]["data"] != event["announcement"] | {"sequence": event["sequence"]}:
                yield f"{id}: the webhook of {event['kind']} says something else"
    for kind, id, sequence in deliveries:
        yield f"{id}: a webhook of {kind} {sequence}, which never happened"

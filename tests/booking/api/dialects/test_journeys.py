"""Programs that were written for the other systems, with another base address and another key."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from booking.access.api_keys import create_key
from booking.domain.orders import create_order
from booking.models import ApiKey, Appointment
from scheduling.models import Location, Service

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(transactional_db):
    return create_key(name="a program", kind="secret", scopes=ApiKey.Scope.values)[1]


@pytest.fixture
def onsched(live_server, key):
    """Call OnSched's API as a program does: ``onsched("PUT", "/appointment/…/book", {…})`` returns status and body."""

    def onsched(method, path, body=None, **query):
        request = urllib.request.Request(
            f"{live_server.url}/onsched/v3{path}?{urllib.parse.urlencode(query)}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"x-api-key": key, "x-client-id": "a program", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return onsched


def test_onsched_program_of_the_guide_works_unchanged(onsched, dana):
    service, location = str(Service.objects.get().pk), str(Location.objects.get().pk)
    start = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT00:00:00Z")
    end = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT00:00:00Z")
    status, said = onsched("PUT", f"/location/{location}", {"expirationDelay": 300})
    assert (status, said["data"]["expirationDelay"]) == (200, 300)

    def free():
        query = {"startDate": start, "endDate": end, "LocationId": location, "ServiceId": service}
        status, said = onsched("GET", "/availability", **query, roundRobin="NONE", syncExternal="false")
        assert (status, said["success"]) == (200, True)
        return said["data"]

    # As soon as it has found a time it takes what it needs from there.
    found = free()
    first, second = found["availableTimes"][:2]

    def wanted(time):
        return {
            "LocationId": time["LocationId"],
            "ServiceId": found["ServiceId"],
            "ResourceIds": time["ResourceIds"],
            "Unavailability": {"startTime": time["start_time"], "endTime": time["end_time"]},
        }

    status, said = onsched("POST", "/appointment/hold", wanted(first))
    assert (status, said["data"]["status"]) == (201, "IN")
    address = f"/appointment/{said['data']['id']}"
    assert first not in free()["availableTimes"]
    assert onsched("POST", "/appointment/hold", wanted(first))[0] == 409

    status, said = onsched("PUT", f"{address}/book", {"Customer": {"firstName": "Alice", "lastName": "Archer"}})
    assert (status, said["data"]["status"]) == (200, "BK")
    assert onsched("PUT", f"{address}/book", {})[0] == 404
    status, said = onsched(
        "POST",
        "/appointment",
        {**wanted(second), "Customer": {"firstName": "Bob", "lastName": "Brown", "email": "bob@example.org"}},
    )
    assert (status, said["data"]["status"]) == (201, "BK")

    status, said = onsched("PUT", f"{address}/reschedule", wanted(free()["availableTimes"][0]))
    assert (status, said["data"]["status"]) == (200, "BK")
    status, said = onsched("PUT", f"{address}/cancel")
    assert (status, said["data"]["status"]) == (200, "CN")
    assert onsched("GET", address) == (200, said)
    assert first in free()["availableTimes"]


@pytest.fixture
def curl(live_server, key):
    """Ask Junction's API with curl, which says that what it sends is a form: ``curl("--request", "PATCH", "/…")``."""
    if not shutil.which("curl"):
        assert not os.environ.get("CI"), "curl is not installed."
        pytest.skip("curl is not installed.")

    def curl(path, *options, json_body=None):
        data = [] if json_body is None else ["--data", f"\n{json.dumps(json_body, indent=4)}\n"]
        run = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--write-out",
                "\n%{http_code}",
                *options,
                *data,
                "--header",
                "accept: application/json",
                "--header",
                f"x-vital-api-key: {key}",
                "--url",
                f"{live_server.url}/junction/v3{path}",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        body, _, status = run.stdout.rpartition("\n")
        return int(status), json.loads(body)

    return curl


@pytest.mark.parametrize("kind", ["phlebotomy", "psc"])
def test_junction_program_of_the_guide_works_unchanged(curl, dana, alice, consultation, kind):
    home = {"address_line_1": "4 Mill Lane", "city": "Leeds", "postcode": "LS1 4AP"} if kind == "phlebotomy" else {}
    order = create_order(patient=alice, service=consultation, actor="erin", **home)
    address = {
        "first_line": "4 Mill Lane",
        "second_line": "",
        "city": "Leeds",
        "state": "",
        "zip_code": "LS1 4AP",
        "unit": "",
    }
    soon = f"start_date={datetime.now(UTC).date() + timedelta(days=3)}"

    status, found = curl(f"/order/{kind}/appointment/availability?{soon}", "--request", "POST", json_body=address)
    assert status == 200
    slots = [slot for day in found["slots"] for slot in day["slots"]]
    booking = f"/order/{order.pk}/{kind}/appointment"
    first, second = ({"booking_key": slot["booking_key"]} for slot in slots[2:4])

    status, booked = curl(f"{booking}/book", "--request", "POST", json_body=first)
    assert (status, booked["start_at"], booked["status"], booked["event_status"]) == (
        200,
        slots[2]["start"],
        "confirmed",
        "scheduled",
    )
    assert booked["type"] == {"phlebotomy": "phlebotomy", "psc": "patient_service_center"}[kind]
    assert curl(f"{booking}/book", "--request", "POST", json_body=second)[0] == 409

    status, moved = curl(f"{booking}/reschedule", "--request", "PATCH", json_body=second)
    assert (status, moved["id"], moved["start_at"]) == (200, booked["id"], slots[3]["start"])
    assert curl(booking) == (200, moved)

    _, [reason, *_] = curl(f"/order/{kind}/appointment/cancellation-reasons")
    why = {"cancellation_reason_id": reason["id"]}
    status, cancelled = curl(f"{booking}/cancel", "--request", "PATCH", json_body=why)
    assert (status, cancelled["status"]) == (200, "cancelled")
    assert Appointment.objects.get().status == "cancelled"

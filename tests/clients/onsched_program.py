"""A program that books by OnSched's API with an OAuth2 client that somebody else maintains.

Run by test_onsched.py with the Python that has the client: BASE, CLIENT_ID, CLIENT_SECRET and OAUTH say with what.
"""

import os
from datetime import UTC, datetime, timedelta

BASE = f"{os.environ['BASE']}/onsched/v3"
TOKEN_URL = f"{BASE}/oauth/token"
CLIENT_ID, CLIENT_SECRET = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]


def connect_with_authlib(method):
    from authlib.integrations.requests_client import OAuth2Session

    session = OAuth2Session(CLIENT_ID, CLIENT_SECRET, scope="OnSchedApi", token_endpoint_auth_method=method)
    token = session.fetch_token(TOKEN_URL, grant_type="client_credentials")
    return session, token


def connect_with_requests_oauthlib():
    from oauthlib.oauth2 import BackendApplicationClient
    from requests_oauthlib import OAuth2Session

    session = OAuth2Session(client=BackendApplicationClient(client_id=CLIENT_ID))
    token = session.fetch_token(TOKEN_URL, client_secret=CLIENT_SECRET)
    return session, token


session, token = {
    "authlib, basic": lambda: connect_with_authlib("client_secret_basic"),
    "authlib, post": lambda: connect_with_authlib("client_secret_post"),
    "requests-oauthlib": connect_with_requests_oauthlib,
}[os.environ["OAUTH"]]()
assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600), token


def call(method, path, status=200, **options):
    response = session.request(method, BASE + path, **options)
    body = response.json()
    assert (response.status_code, body["success"]) == (status, status < 300), body
    return body.get("data")


[service] = call("GET", "/services")
[location] = call("GET", "/locations")
[resource] = call("GET", "/resources", params={"ServiceId": service["id"], "LocationId": location["id"]})

days = [(datetime.now(UTC) + timedelta(days=number)).strftime("%Y-%m-%dT00:00:00Z") for number in (7, 9)]
free = call(
    "GET",
    "/availability",
    params={
        "ServiceId": service["id"],
        "LocationId": location["id"],
        "ResourceIds": resource["id"],
        "startDate": days[0],
        "endDate": days[1],
    },
)
first, second = free["availableTimes"][:2]


def choose(time):
    return {
        "ServiceId": free["ServiceId"],
        "LocationId": time["LocationId"],
        "ResourceIds": time["ResourceIds"],
        "Unavailability": {"startTime": time["start_time"], "endTime": time["end_time"]},
    }


held = call("POST", "/appointment/hold", 201, json=choose(first))
assert held["status"] == "IN"
call("POST", "/appointment/hold", 409, json=choose(first))
address = f"/appointment/{held['id']}"
alice = {"firstName": "Alice", "lastName": "Archer", "email": "alice@example.org"}
booked = call("PUT", f"{address}/book", json={"Customer": alice})
assert booked["status"] == "BK"

[listed] = call("GET", "/appointments", params={"ResourceIds": resource["id"], "from": days[0], "status": "BK"})
assert listed == booked
[customer] = call("GET", "/customers", params={"email": alice["email"]})
assert customer["id"] == booked["CustomerId"]
[taken] = call(
    "GET", "/unavailability", params={"ResourceIds": resource["id"], "startDate": days[0], "endDate": days[1]}
)
assert (taken["source"], taken["start_time"]) == ("appointment", first["start_time"])

moved = call("PUT", f"{address}/reschedule", json={"Unavailability": choose(second)["Unavailability"]})
assert moved["Unavailability"]["startTime"] == second["start_time"]
assert call("PUT", f"{address}/cancel", json={"note": "No car"})["status"] == "CN"
print(*[event["event"] for event in call("GET", f"{address}/audit")])

"""Admin's login page, rate limited."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from booking.access.client_identity import get_network_id
from booking.access.rate_limits import counter

# Attempts per minute. A name has more than a network, so that one network cannot lock the owner of a name out.
MAX_PER_NETWORK = 20
MAX_PER_NAME = 60


def login(request: HttpRequest) -> HttpResponse:
    """Return admin's login page, or 429 after too many attempts. While Redis is down, nothing is counted."""
    if request.method == "POST" and (wait := _get_wait_seconds(request)):
        context = {**admin.site.each_context(request), "title": "Please wait", "seconds": wait}
        response = render(request, "admin/wait.html", context, status=429)
        response["Retry-After"] = wait
        return response
    return admin.site.login(request)


def _get_wait_seconds(request):
    # Hash the name: people type passwords into the wrong field.
    typed = request.POST.get("username", "")
    name = salted_hmac("booking.access.staff_login", typed, algorithm="sha256").hexdigest()  # pyright: ignore
    # Network first: attempts refused for the network do not count for the name.
    for policy, whose, limit in [
        ("login", get_network_id(request), MAX_PER_NETWORK),
        ("login-name", name, MAX_PER_NAME),
    ]:
        usage = counter().count(policy, whose, limit)
        if usage and usage.is_exceeded:
            return usage.resets_in
    return 0

"""Admin's login page, where nobody tries passwords without end."""

from django.contrib import admin
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from booking.access.client_identity import get_network_id
from booking.access.rate_limits import counter

# In a minute. More tries for one name than from one network, so that nobody alone keeps its owner out.
MAX_PER_NETWORK = 20
MAX_PER_NAME = 60


def login(request):
    """Admin's own login; too many tries within a minute are told to wait. While Redis is away none are counted."""
    if request.method == "POST" and (wait := _seconds_to_wait(request)):
        context = {**admin.site.each_context(request), "title": "Please wait", "seconds": wait}
        response = render(request, "admin/wait.html", context, status=429)
        response["Retry-After"] = wait
        return response
    return admin.site.login(request)


def _seconds_to_wait(request):
    # A name that is typed may be a password: it is not kept as it is, not even for a minute.
    name = salted_hmac("booking.access.staff_login", request.POST.get("username", ""), algorithm="sha256").hexdigest()
    # In this order: what a network is refused does not count for the name.
    for policy, whose, limit in [
        ("login", get_network_id(request), MAX_PER_NETWORK),
        ("login-name", name, MAX_PER_NAME),
    ]:
        usage = counter().count(policy, whose, limit)
        if usage and usage.is_over:
            return usage.resets_in
    return 0

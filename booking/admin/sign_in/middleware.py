"""Middleware: sessions of staff end in time, and have a second factor where it is demanded."""

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh

from booking.access import staff_sessions
from booking.ops.middleware import is_admin

# Where a second factor is set up, and the way out.
WITHOUT_SECOND_FACTOR = {"account_reauthenticate", "account_logout", "lock_session", "sign_out_everywhere", "jsi18n"}


def asked_by_page(view):
    """Mark a view that pages ask by themselves: that is no activity of the person before them."""
    view.is_asked_by_page = True
    return view


@reauthentication_required(app="booking")
def require_recent_proof(request):
    """Have the person prove again who they are, unless they have done so within minutes; what they did goes on then."""


class StaffSession:
    """Before each of staff's pages: end the session if it is time, and demand the second factor."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs) -> HttpResponse | None:
        """Return a redirect to the sign-in, or to the second factor's page, or None."""
        if not is_admin(request) or not request.user.is_authenticated:
            return None
        reason = staff_sessions.get_end_reason(request.session)
        if not request.user.is_staff:
            reason = "no staff"
        if reason:
            staff_sessions.sign_out(request, reason)
            if request.htmx:
                return HttpResponseClientRefresh()  # the page itself asks again, and is sent to the sign-in
            return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse("admin:index"))
        if not getattr(view, "is_asked_by_page", False):
            staff_sessions.note_activity(request.session)
        name = request.resolver_match.url_name or ""
        if name in WITHOUT_SECOND_FACTOR or name.startswith("mfa_"):
            return None
        if staff_sessions.lacks_second_factor(request):
            return redirect(reverse("mfa_index", query={"needed": "1"}))
        return None

"""The pages around the sign-in that allauth does not have, or has otherwise."""

import requests
from allauth.mfa.webauthn.views import LoginWebAuthnView
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect import views as oidc
from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.views import PasswordResetView, redirect_to_login
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from booking.access import staff_sessions
from booking.access.client_identity import get_network_id
from booking.admin.sign_in.adapters import SERVICE_FAILED, refuse
from booking.admin.sign_in.forms import PasswordResetForm
from booking.domain.staff_accounts import request_password_reset

VISITOR_SECONDS = 600  # of a session of somebody who has not signed in


@require_POST
def lock_session(request):
    """End the session; the sign-in page leads back to where it was."""
    if request.user.is_authenticated:
        staff_sessions.sign_out(request, "locked")
    page = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        page = reverse(settings.LOGIN_REDIRECT_URL)
    return redirect_to_login(page)


@require_POST
@staff_member_required
def sign_out_everywhere(request):
    """End all sessions of the user, this one too."""
    user = request.user
    staff_sessions.sign_out(request, "everywhere")
    staff_sessions.end_sessions(user)
    return redirect("account_login")


def start_oidc(request, provider_id):
    """Send the browser to the clinic's sign-in service, or back to the sign-in page if that does not answer.

    A link of another site connects nothing: there it could be somebody else who is signed in.
    """
    if request.GET.get("process") == AuthProcess.CONNECT and request.headers.get("Sec-Fetch-Site") == "cross-site":
        return redirect("mfa_index")
    try:
        return oidc.login(request, provider_id)
    except requests.RequestException:
        return refuse(request, SERVICE_FAILED)


class RequestPasswordReset(PasswordResetView):
    """Asks for an address; the answer, and how long it takes, are the same whether it is known or not."""

    form_class = PasswordResetForm

    def form_valid(self, form):
        site = settings.SITE_URL or self.request.build_absolute_uri("/").rstrip("/")
        request_password_reset(email=form.cleaned_data["email"], network=get_network_id(self.request), site=site)
        return redirect(self.get_success_url())


class SignInWithPasskey(LoginWebAuthnView):
    """allauth's, whose challenges are kept for minutes only: anybody may ask for one."""

    def get(self, request, *args, **kwargs):
        request.session.set_expiry(VISITOR_SECONDS)
        return super().get(request, *args, **kwargs)

"""The pages around the sign-in that allauth does not have, or has otherwise."""

import requests
from allauth.mfa.webauthn.views import LoginWebAuthnView
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect import views as oidc
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth import login
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetView, redirect_to_login
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from booking.access import staff_sessions
from booking.access.client_identity import get_network_id
from booking.access.staff_invitations import find_invited
from booking.admin.sign_in.adapters import SERVICE_FAILED, refuse
from booking.admin.sign_in.forms import PasswordResetForm
from booking.domain.staff_accounts import request_password_reset
from booking.domain.staff_invitations import accept_invitation

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


class AcceptInvitation(FormView):
    """Asks who was invited for a password, and lets them in. To read the page uses up nothing: mail scanners do."""

    form_class = SetPasswordForm
    template_name = "account/invitation.html"

    def dispatch(self, request, *args, **kwargs):
        self.invited = find_invited(kwargs["token"])
        if self.invited is None:
            return render(request, "account/invitation_over.html", status=404)
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), "user": self.invited}

    def get_context_data(self, **kwargs):
        return super().get_context_data(**kwargs, invited=self.invited, has_permission=False)

    def form_valid(self, form):
        if not accept_invitation(self.invited, password=form.cleaned_data["new_password1"]):
            return redirect(self.request.path)  # used in another window: the page says that it is over
        if self.request.user.is_authenticated:
            staff_sessions.sign_out(self.request, "another login has begun")
        login(self.request, self.invited)
        messages.success(self.request, "Welcome. You can add a passkey here, and log in with it from now on.")
        return redirect("mfa_index")


class SignInWithPasskey(LoginWebAuthnView):
    """allauth's, whose challenges are kept for minutes only: anybody may ask for one."""

    def get(self, request, *args, **kwargs):
        request.session.set_expiry(VISITOR_SECONDS)
        return super().get(request, *args, **kwargs)

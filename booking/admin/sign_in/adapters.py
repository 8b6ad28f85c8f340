"""What allauth asks us: who may sign in, how secrets are stored, and who a person of the sign-in service is."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib import admin, messages
from django.contrib.auth import authenticate, get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from booking.access import sign_in_log, staff_sessions
from booking.access.sign_in_attempts import SignInDelayed, attempt
from booking.access.sign_in_log import Kind
from scheduling.lib.encrypted_field import decrypt, encrypt

SERVICE_FAILED = "That sign-in did not work. Please try again."
NOBODY = "Nobody of this clinic’s staff was found for that sign-in. Ask whoever manages the clinic’s logins."


class AccountAdapter(DefaultAccountAdapter):
    """Staff's accounts, which managers make: nobody signs up."""

    def is_open_for_signup(self, request):
        return False

    def authenticate(self, request, **credentials):
        return limit_attempts(
            request, credentials["username"], lambda: _find_staff(request, credentials), method="password"
        )

    def pre_login(self, request, user, **kwargs):
        """Refuse who is no staff any more; a passkey may be all that is left of them."""
        if user.is_active and user.is_staff:
            return super().pre_login(request, user, **kwargs)
        sign_in_log.record_once_a_minute(Kind.FAILED, request=request, data={"method": "no staff", "known": True})
        return refuse(request)

    def logout(self, request):
        staff_sessions.sign_out(request, "signed out")

    def is_reauthentication_required(self, *, app, **kwargs):
        return not staff_sessions.is_recent(context.request.session)

    def add_message(self, request, level, message_template=None, *args, **kwargs):
        """Leave out that somebody has signed in or out: they see it."""
        if message_template not in ("account/messages/logged_in.txt", "account/messages/logged_out.txt"):
            super().add_message(request, level, message_template, *args, **kwargs)


def _find_staff(request, credentials):
    user = authenticate(request, **credentials)
    # allauth would show that the password of an inactive user is right.
    AuthenticationBackend.unstash_authenticated_user()
    return user if user and user.is_staff else None  # pyright: ignore


def limit_attempts(request: HttpRequest, username: str, verify: Any, *, method: str) -> Any:
    """Return what ``verify`` returns, or end the request with a page that says how long to wait."""
    try:
        return attempt(request, username, verify, method=method)
    except SignInDelayed as delay:
        page = {**admin.site.each_context(request), "title": "Please wait", "seconds": delay.seconds}
        response = render(request, "admin/wait.html", page, status=429)
        response["Retry-After"] = str(delay.seconds)
        raise ImmediateHttpResponse(response) from delay


def refuse(request: HttpRequest, reason: str = NOBODY) -> HttpResponse:
    """Send back to the sign-in page, with the reason."""
    messages.error(request, reason)
    return redirect("account_login")


class MFAAdapter(DefaultMFAAdapter):
    """Second factors; their secrets are encrypted as those for other systems are."""

    def encrypt(self, text):
        return encrypt(text)

    def decrypt(self, encrypted_text):
        # A secret that no key decrypts any more has no right code; recovery is that of a lost phone.
        return decrypt(encrypted_text) or generate_totp_secret()

    def get_totp_label(self, user):
        return user.get_username()


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """People of the clinic's own sign-in service (OpenID Connect), who are staff already or nobody."""

    def is_open_for_signup(self, request, sociallogin):
        return False

    def pre_social_login(self, request, sociallogin):
        """Connect a new person to the one member of staff with that verified address; refuse anybody else."""
        if sociallogin.is_existing or sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        user = _find_by_email(sociallogin)
        if user is None:
            sign_in_log.record_once_a_minute(
                Kind.FAILED, request=request, data={"method": "socialaccount", "known": True}
            )
            raise ImmediateHttpResponse(refuse(request))
        sociallogin.connect(request, user)

    def get_connect_redirect_url(self, request, socialaccount):
        return reverse("mfa_index")

    def on_authentication_error(self, request, provider, error=None, exception=None, extra_context=None):
        raise ImmediateHttpResponse(refuse(request, SERVICE_FAILED))


def _find_by_email(sociallogin):
    addresses = [each.email for each in sociallogin.email_addresses if each.verified]
    if len(addresses) != 1:
        return None
    staff = get_user_model().objects.filter(is_active=True, is_staff=True)
    found = list(staff.filter(email__iexact=addresses[0])[:2])
    # Whoever has the address of somebody who is connected already is another person with a reused address.
    taken = SocialAccount.objects.filter(user__in=found, provider=sociallogin.account.provider)
    return found[0] if len(found) == 1 and not taken.exists() else None

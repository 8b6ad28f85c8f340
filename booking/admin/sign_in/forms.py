"""allauth's forms with our limits."""

from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.mfa.base import forms as codes
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.core.exceptions import ValidationError

from booking.access import sign_in_log
from booking.admin.sign_in.adapters import limit_attempts


class SignInForm(LoginForm):
    """The name and the password, without texts inside the fields."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["login"].widget.attrs["autofocus"] = True
        self.fields["password"].help_text = ""


class LimitedCodeMixin:
    """A code, or recovery code, is one of few: wrong ones count like wrong passwords."""

    def clean_code(self):
        errors = []

        def verify():
            # Whoever checks the same code at the same moment waits, and finds it used.
            list(Authenticator.objects.select_for_update().filter(user=self.user).values_list("pk"))
            try:
                return super(LimitedCodeMixin, self).clean_code()
            except ValidationError as error:
                errors.append(error)
                return None

        code = limit_attempts(context.request, self.user.get_username(), verify, method="code")
        if code is None:
            raise errors[0]
        return code


class AuthenticateForm(LimitedCodeMixin, codes.AuthenticateForm):
    """The code at sign-in."""


class ReauthenticateForm(LimitedCodeMixin, codes.ReauthenticateForm):
    """The code before something that needs a fresh proof."""


class PasskeyMixin:
    """A passkey is never delayed, since nobody can guess it; what is none at all is refused, not a crash."""

    def clean_credential(self):
        try:
            return super().clean_credential()
        except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
            data = {"method": "passkey", "known": True}
            sign_in_log.record_once_a_minute(sign_in_log.Kind.FAILED, request=context.request, data=data)
            if isinstance(error, ValidationError):
                raise
            raise ValidationError("That passkey could not be read.") from error


class SignInWithPasskeyForm(PasskeyMixin, passkeys.LoginWebAuthnForm):
    """A passkey instead of name and password."""


class AuthenticateWithPasskeyForm(PasskeyMixin, passkeys.AuthenticateWebAuthnForm):
    """A passkey or security key after the password."""


class ReauthenticateWithPasskeyForm(PasskeyMixin, passkeys.ReauthenticateWebAuthnForm):
    """A passkey before something that needs a fresh proof."""


class PasswordResetForm(forms.Form):
    """The e-mail address of somebody who has forgotten their password."""

    email = forms.EmailField(label="E-mail address", max_length=254, widget=forms.EmailInput({"autocomplete": "email"}))

"""The addresses of staff's sign-in. What allauth has beyond that (signing up, e-mail addresses) has none."""

from allauth.account import views as account
from django.contrib.auth import views as auth
from django.urls import include, path

from booking.admin.sign_in import views

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("account/lock/", views.lock_session, name="lock_session"),
    path("account/sign-out-everywhere/", views.sign_out_everywhere, name="sign_out_everywhere"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password-reset/", views.RequestPasswordReset.as_view(), name="admin_password_reset"),
    path("account/password-reset/sent/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "account/password-reset/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path("account/invitation/<str:token>/", views.AcceptInvitation.as_view(), name="staff_invitation"),
    path("account/password-reset/done/", auth.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
    path("account/second-factor/webauthn/login/", views.SignInWithPasskey.as_view(), name="mfa_login_webauthn"),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("account/oidc/<provider_id>/login/", views.start_oidc, name="openid_connect_login"),
    # 404 unless OIDC_ISSUER is set.
    path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
]

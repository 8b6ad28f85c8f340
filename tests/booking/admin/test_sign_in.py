"""Staff's sign-in, and how their sessions end."""

import time
from urllib.parse import quote
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse

from booking.admin.sign_in.urls import urlpatterns
from booking.domain.staff_accounts import remove_second_factors
from booking.models import SignInEvent
from tests.booking.admin.pages import get_text, run_action

PAGE = "/admin/login/"
CODE_PAGE = "/admin/account/second-factor/authenticate/"
FACTORS = "/admin/account/second-factor/"
PASSWORD = "a long enough passphrase"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    """Hash passwords in no time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def erin(db):
    """A receptionist with a password."""
    return User.objects.create_user("erin", "erin@clinic.example", PASSWORD, is_staff=True)


@pytest.fixture
def app(erin):
    """Erin's authenticator app: ``app()`` returns the present code."""
    TOTP.activate(erin, SECRET)
    return lambda: format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def sign_in(password=PASSWORD, name="erin", network="192.0.2.1", browser=None, page="/admin/"):
    browser = browser or Client(REMOTE_ADDR=network)
    return browser.post(PAGE, {"login": name, "password": password, "next": page})


def list_kinds(*others):
    """Return what the log says since the fixtures, without the kinds of ``others``."""
    rows = SignInEvent.objects.exclude(kind__in=["rights_changed", "password_changed", *others]).order_by("id")
    return list(rows.values_list("kind", flat=True))


def change_session(browser, **values):
    session = browser.session
    session.update(values)
    session.save()


# Signing in


def test_right_password_leads_to_the_page_and_is_recorded(erin):
    response = sign_in(page="/admin/patients/patient/")

    assert (response.status_code, response["Location"]) == (302, "/admin/patients/patient/")
    event = SignInEvent.objects.get(kind="signed_in")
    assert (event.user_id, event.address, event.data) == (erin.pk, "192.0.2.1", {"methods": ["password"]})


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_leads_to_no_other_site(erin, page):
    assert sign_in(page=page)["Location"] == "/admin/"


@pytest.mark.parametrize(
    ("change", "password"),
    [({}, "wrong"), ({"is_active": False}, PASSWORD), ({"is_staff": False}, PASSWORD), ({"username": "x"}, PASSWORD)],
)
def test_refused_sign_ins_all_look_the_same(erin, change, password):
    User.objects.filter(pk=erin.pk).update(**change)

    response = sign_in(password)

    assert response.status_code == 200
    assert "The username and/or password you specified are not correct." in get_text(response)
    assert list_kinds() == ["failed"]
    assert not Session.objects.exists()


def test_sixth_wrong_password_is_429_with_the_seconds_to_wait(erin):
    assert [sign_in("wrong").status_code for _ in range(5)] == [200] * 5

    refused = sign_in()

    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert "Please wait 1 second" in get_text(refused)
    assert list_kinds() == ["failed"] * 5 + ["delayed"]


def test_sign_in_and_its_limits_work_without_redis(erin, app, redis):
    redis.kill()
    browser = Client()

    assert sign_in("wrong").status_code == 200
    assert sign_in(browser=browser)["Location"] == CODE_PAGE
    assert browser.post(CODE_PAGE, {"code": app()})["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


def test_unused_pages_of_allauth_have_no_address(client, db):
    for page in ("signup/", "email/", "social/signup/", "password/reset/", "oidc/clinic/login/", "login/code/"):
        assert client.get(f"/admin/account/{page}").status_code in (302, 404), page
        assert client.get(f"/accounts/{page}").status_code == 404


# The second factor


def test_code_of_the_app_is_asked_for_and_counts_once(erin, app):
    browser, other = Client(), Client()
    code = app()
    assert sign_in(browser=browser)["Location"] == CODE_PAGE
    assert browser.get("/admin/").status_code == 302
    sign_in(browser=other)

    assert browser.post(CODE_PAGE, {"code": code})["Location"] == "/admin/"
    assert other.post(CODE_PAGE, {"code": code}).status_code == 200

    assert list_kinds() == ["signed_in", "failed"]
    assert SignInEvent.objects.get(kind="signed_in").data == {"methods": ["mfa", "password"]}


def test_wrong_codes_are_delayed_like_wrong_passwords(erin, app):
    browser = Client()
    sign_in(browser=browser)

    statuses = [browser.post(CODE_PAGE, {"code": "000000"}).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]


def test_recovery_code_counts_once(erin, app):
    code = RecoveryCodes.activate(erin).get_unused_codes()[0]
    browser, other = Client(), Client()
    sign_in(browser=browser)
    sign_in(browser=other)

    assert browser.post(CODE_PAGE, {"code": code})["Location"] == "/admin/"
    assert other.post(CODE_PAGE, {"code": code}).status_code == 200


def test_secrets_of_second_factors_are_encrypted(erin, app, settings):
    codes = RecoveryCodes.activate(erin).get_unused_codes()

    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert SECRET not in stored
    assert not any(code in stored for code in codes)

    settings.SECRET_KEY = "another"
    browser = Client()
    sign_in(browser=browser)
    assert browser.post(CODE_PAGE, {"code": app()}).status_code == 200  # unreadable: no code is right


@pytest.fixture
def demanded(settings, erin):
    """Reception and superusers need a second factor."""
    settings.SECOND_FACTOR_GROUPS = ["reception", "superusers"]
    erin.groups.set([Group.objects.get(name="reception")])


@pytest.mark.parametrize("page", ["admin:index", "admin:booking_appointment_changelist", "admin:password_change"])
def test_staff_without_demanded_factor_sees_nothing_but_how_to_set_one_up(demanded, erin, page):
    browser = Client()
    sign_in(browser=browser)

    assert browser.get(reverse(page))["Location"] == FACTORS + "?needed=1"
    assert "Your login needs more than a password" in get_text(browser.get(FACTORS + "?needed=1"))
    assert browser.get(FACTORS + "totp/activate/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_enrolment_opens_the_demanded_pages_and_ends_other_sessions(demanded, erin):
    browser, elsewhere = Client(), Client()
    sign_in(browser=browser)
    sign_in(browser=elsewhere)
    browser.get(FACTORS + "totp/activate/")
    secret = browser.session["mfa.totp.secret"]
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))

    response = browser.post(FACTORS + "totp/activate/", {"code": code})

    assert response["Location"] == FACTORS + "recovery-codes/"
    assert browser.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/")["Location"].startswith(PAGE)
    assert list_kinds("signed_in") == ["second_factor_changed"] * 2
    assert "mfa.totp.secret" not in browser.session


def test_superuser_needs_the_demanded_factor(demanded, admin_client):
    assert admin_client.get("/admin/")["Location"] == FACTORS + "?needed=1"


def test_staff_of_other_groups_need_no_second_factor(demanded, erin):
    erin.groups.set([Group.objects.get(name="clinician")])
    browser = Client()
    sign_in(browser=browser)

    assert browser.get("/admin/").status_code == 200


def test_second_factor_is_changed_only_soon_after_a_proof(erin, app):
    browser = Client()
    sign_in(browser=browser)
    browser.post(CODE_PAGE, {"code": app()})
    change_session(browser, signed_in_at=int(time.time()) - 601)

    response = browser.post(FACTORS + "totp/deactivate/")

    assert response["Location"].startswith("/admin/account/reauthenticate/")
    assert Authenticator.objects.count() == 1


def test_lost_second_factors_are_removed_and_sessions_end(erin, app):
    browser = Client()
    sign_in(browser=browser)
    browser.post(CODE_PAGE, {"code": app()})

    assert remove_second_factors(erin) == 1

    assert browser.get("/admin/").status_code == 302
    assert sign_in()["Location"] == "/admin/"
    assert SignInEvent.objects.filter(kind="second_factor_changed").latest("id").data == {"removed": "all"}


@pytest.mark.parametrize("is_superuser", [False, True])
def test_admins_action_removes_second_factors_of_staff_but_managers_help_no_superuser(erin, app, staff, is_superuser):
    helper = staff("morgan", "manager")
    helper.user.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    User.objects.filter(pk=erin.pk).update(is_superuser=is_superuser)

    run_action(helper, "auth_user", "remove_factors", erin)

    assert Authenticator.objects.exists() == is_superuser


def test_command_removes_second_factors(erin, app, capsys):
    call_command("remove_second_factors", "erin")

    assert capsys.readouterr().out == "1 removed.\n"
    with pytest.raises(CommandError, match="no such user"):
        call_command("remove_second_factors", "nobody")


@pytest.mark.parametrize("method", ["get", "post"])
def test_keys_are_made_only_soon_after_a_proof(morgan, method):
    morgan.user.set_password(PASSWORD)
    morgan.user.save()
    morgan.force_login(morgan.user)
    change_session(morgan, signed_in_at=int(time.time()) - 601)
    address = reverse("admin:booking_apikey_add")

    response = getattr(morgan, method)(address)
    assert response["Location"] == f"/admin/account/reauthenticate/?next={quote(address, safe='')}"

    assert morgan.post(response["Location"], {"password": "wrong"}).status_code == 200
    morgan.post(response["Location"], {"password": PASSWORD})
    assert morgan.get(address).status_code == 200


@pytest.mark.parametrize("model", ["mfa_authenticator", "account_emailaddress", "socialaccount_socialapp"])
def test_admin_has_no_pages_of_what_allauth_stores(model):
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:{model}_changelist")


# Passwords


@pytest.mark.parametrize(
    ("password", "is_accepted"),
    [
        ("elevenchars", False),
        ("twelve chars", True),
        ("HarbourClinic2027!", False),
        ("harbour-clinic-holdfast", False),
        ("harbour gulls eat chips", True),
        ("123456789012345", False),
    ],
)
def test_new_passwords_are_long_and_not_the_clinics_name(password, is_accepted, db):
    try:
        validate_password(password)
    except ValidationError:
        assert not is_accepted
    else:
        assert is_accepted


def test_changed_password_is_recorded_and_ends_other_sessions(erin):
    browser, elsewhere = Client(), Client()
    sign_in(browser=browser)
    sign_in(browser=elsewhere)
    typed = {"old_password": PASSWORD, "new_password1": "quite another phrase", "new_password2": "quite another phrase"}

    assert browser.post(reverse("admin:password_change"), typed).status_code == 302

    assert SignInEvent.objects.get(kind="password_changed").user_id == erin.pk
    assert browser.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/")["Location"].startswith(PAGE)


# The end of sessions


@pytest.fixture
def browser(erin):
    """Erin's browser, signed in."""
    browser = Client()
    sign_in(browser=browser)
    return browser


@pytest.mark.parametrize(
    ("ago", "is_open"), [({"active_at": 1790}, True), ({"active_at": 1801}, False), ({"signed_in_at": 43201}, False)]
)
def test_session_ends_when_idle_or_after_twelve_hours(browser, ago, is_open):
    change_session(browser, **{name: int(time.time()) - seconds for name, seconds in ago.items()})

    response = browser.get("/admin/patients/patient/?q=a")

    if is_open:
        assert response.status_code == 403  # Erin is in no group
    else:
        assert response["Location"] == PAGE + "?next=/admin/patients/patient/%3Fq%3Da"
        assert list_kinds() == ["signed_in", "signed_out"]
        assert not Session.objects.exists()


def test_page_that_asks_by_itself_keeps_no_session_open(morgan):
    change_session(morgan, active_at=int(time.time()) - 1000)

    morgan.get(reverse("admin:booking_unconfirmed_news"), headers={"HX-Request": "true"})
    for name in ("stranded_plan_progress", "booking_import_progress"):
        morgan.get(reverse(f"admin:{name}", args=[uuid4()]), headers={"HX-Request": "true"})
    assert time.time() - morgan.session["active_at"] > 999

    morgan.get(reverse("admin:booking_unconfirmed_changelist"))
    assert time.time() - morgan.session["active_at"] < 999


def test_page_that_asks_by_itself_is_told_to_reload_when_the_session_has_ended(morgan):
    change_session(morgan, active_at=int(time.time()) - 1801)

    response = morgan.get(reverse("admin:booking_unconfirmed_news"), headers={"HX-Request": "true"})

    assert (response.content, response["HX-Refresh"]) == (b"", "true")


def test_lock_ends_the_session_and_remembers_the_page(browser):
    response = browser.post(reverse("lock_session"), {"next": "/admin/patients/patient/?q=a"})

    assert response["Location"] == PAGE + "?next=/admin/patients/patient/%3Fq%3Da"
    assert not Session.objects.exists()
    assert SignInEvent.objects.get(kind="signed_out").data == {"reason": "locked"}
    assert browser.get(reverse("lock_session")).status_code == 405


def test_lock_remembers_no_page_of_another_site(browser):
    response = browser.post(reverse("lock_session"), {"next": "//evil.example/"})

    assert response["Location"] == PAGE + "?next=/admin/"


def test_log_out_everywhere_ends_all_sessions_of_that_user_only(browser, erin, morgan):
    elsewhere = Client()
    sign_in(browser=elsewhere)

    assert browser.post(reverse("sign_out_everywhere"))["Location"] == PAGE

    assert elsewhere.get("/admin/").status_code == 302
    assert morgan.get("/admin/").status_code == 200


def test_user_who_is_no_staff_any_more_is_signed_out(browser, erin):
    User.objects.filter(pk=erin.pk).update(is_staff=False)

    assert browser.get("/admin/")["Location"].startswith(PAGE)
    assert not Session.objects.exists()


# Who reaches the pages of the sign-in

OPEN = {
    "account_login",
    "account_logout",  # leads to the sign-in
    "admin_password_reset",
    "password_reset_done",
    "password_reset_confirm",
    "password_reset_complete",
    "mfa_login_webauthn",
    "openid_connect_login",
    "openid_connect_callback",
    "staff_invitation",
}


def list_routes(patterns, prefix="/admin/"):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from list_routes(pattern.url_patterns, route)
        else:
            yield pattern.name, route


@pytest.mark.parametrize(("name", "route"), sorted(list_routes(urlpatterns)))
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_reach_no_page_of_the_sign_in_but_the_open_ones(client, db, name, route, method):
    for part, value in {"<int:pk>": "1", "<uidb64>": "MQ", "<token>": "x", "<provider_id>": "clinic"}.items():
        route = route.replace(part, value)
    route = route.replace("^(?P<provider_id>[^/]+)/", "clinic/")

    response = getattr(client, method)(route)

    if name in OPEN:
        assert response.status_code in (200, 302, 404, 405)
    else:
        assert response.status_code in (302, 405)
        assert response.status_code == 405 or response["Location"].startswith((PAGE, "/admin/"))
    assert not SignInEvent.objects.filter(kind="signed_in").exists()


@pytest.mark.parametrize(
    "credential", ["", "x", "[]", "{}", '{"id": 1}', '{"rawId": "\\u0000", "response": {}}', "1e999"]
)
def test_malformed_passkey_is_refused(client, db, credential):
    response = client.post(FACTORS + "webauthn/login/", {"credential": credential})

    assert response["Location"] == PAGE


@pytest.mark.parametrize(
    "typed", [{"login": "x\0", "password": "y"}, {"login": "x" * 5000, "password": "y"}, {"login": "x"}]
)
def test_odd_text_in_the_sign_in_is_refused(client, db, typed):
    assert client.post(PAGE, typed).status_code == 200

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from booking.access.api_keys import InvalidKey, create_key, find_key, revoke_key
from booking.models import ApiKey
from tests.ledger import rows

LIST, ADD = "/admin/booking/apikey/", "/admin/booking/apikey/add/"
SITE = "https://www.clinic.example"
TYPED = {
    "name": "the practice",
    "kind": "secret",
    "scopes": ["read_patients", "read_availability"],
    "allowed_origins": "",
    "requests_per_minute": "600",
    "max_live_holds": "",
    "expires_at_0": "",
    "expires_at_1": "",
}


def log_in(client, group):
    """Log a member of the group in and return the user."""
    user = User.objects.create_user(group, is_staff=True, is_superuser=group == "superuser")
    if group != "superuser":
        user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    return user


@pytest.fixture
def manager(client, db):
    return log_in(client, "manager")


@pytest.fixture
def made(db):
    """A secret key, and its secret."""
    return create_key(name="the practice", kind="secret", scopes=["read_availability"])


def page(key, verb="change"):
    return reverse(f"admin:booking_apikey_{verb}", args=[key.pk])


def find_secrets(response):
    """Return the secrets that the page shows."""
    return re.findall("hf_(?:sec|pub)_[A-Za-z0-9_-]{43}", response.text)


# Creation


def test_key_is_shown_only_after_creation(client, manager):
    response = client.post(ADD, TYPED)
    [plain] = find_secrets(response)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    key = find_key(plain)
    assert (key.name, key.scopes) == ("the practice", ["read_patients", "read_availability"])
    assert not any(cookie.value.find(plain) >= 0 for cookie in client.cookies.values())
    for address in (LIST, page(key), page(key, "history"), page(key, "rotate")):
        response = client.get(address)
        assert response.status_code == 200
        assert find_secrets(response) == []
        assert bytes(key.key_hash).hex() not in response.text


def test_add_key_form_sent_twice_creates_one_key(client, manager):
    [new_id] = re.findall(r'name="new_id" value="([^"]+)"', client.get(ADD).text)
    wrong = client.post(ADD, TYPED | {"new_id": new_id, "name": ""})
    assert f'name="new_id" value="{new_id}"' in wrong.text

    first = client.post(ADD, TYPED | {"new_id": new_id})
    again = client.post(ADD, TYPED | {"new_id": new_id}, follow=True)

    key = ApiKey.objects.get()
    assert len(find_secrets(first)) == 1
    assert again.redirect_chain == [(page(key), 302)]
    assert "has been made already" in again.text
    assert find_secrets(again) == []


def test_key_form_lists_scopes_with_labels(client, manager):
    text = client.get(ADD).text
    for value, sentence in ApiKey.Scope.choices:
        assert f'type="checkbox" name="scopes" value="{value}"' in text
        assert sentence.capitalize() in text


def test_key_form_takes_one_origin_per_line(client, manager):
    sites = f"{SITE}\r\n\r\n  http://localhost:3000  \r\n"
    response = client.post(ADD, {**TYPED, "kind": "publishable", "scopes": ["write_holds"], "allowed_origins": sites})
    key = find_key(find_secrets(response)[0])
    assert key.allowed_origins == [SITE, "http://localhost:3000"]
    assert f"{SITE}\nhttp://localhost:3000</textarea>" in client.get(page(key)).text


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"scopes": []}, "This field is required."),
        (
            {"kind": "publishable", "scopes": ["read_appointments"], "allowed_origins": SITE},
            "A publishable key is seen by everyone",
        ),
        ({"kind": "publishable", "scopes": ["write_holds"]}, "A publishable key works only on the sites it lists."),
        (
            {"allowed_origins": "www.clinic.example"},
            "www.clinic.example: Write an origin such as https://www.clinic.example",
        ),
        (
            {"allowed_origins": f"{SITE}\nhttps://x.example/path"},
            "https://x.example/path: Write an origin such as https://www.clinic.example",
        ),
        ({"requests_per_minute": "0"}, "greater than or equal to 1"),
    ],
)
def test_add_key_with_invalid_field_shows_error_beside_it(client, manager, wrong, sentence):
    response = client.post(ADD, TYPED | wrong)
    assert response.status_code == 200
    assert sentence in response.text
    assert find_secrets(response) == []
    assert not ApiKey.objects.exists()


def test_secret_key_with_origins_warns(client, manager):
    response = client.post(ADD, TYPED | {"allowed_origins": SITE})
    assert "use a publishable key there" in response.text
    assert find_key(find_secrets(response)[0]).allowed_origins == [SITE]


# The list


def test_key_list_shows_state_and_last_use(client, manager, made):
    _, plain = made
    find_key(plain)
    create_key(name="old", kind="secret", scopes=["read_patients"], expires_at=timezone.now() - timedelta(days=1))
    revoke_key(create_key(name="lost", kind="secret", scopes=ApiKey.Scope.values)[0])

    def listed(**filters):
        table = client.get(LIST, query_params=filters).text
        names = re.findall(r'field-name"><a [^>]*>([^<]+)', table)
        states = re.findall('field-state">([a-z]+)', table)
        return dict(zip(names, states, strict=True))

    assert listed() == {"the practice": "live", "old": "expired", "lost": "revoked"}
    for state in ("live", "expired", "revoked"):
        assert set(listed(state=state).values()) == {state}
        assert len(listed(state=state)) == 1


# Rotation and revocation


@pytest.mark.parametrize("overlap, hours", [("0", 0), ("3600", 1), ("86400", 24), ("604800", 168)])
def test_rotate_key_keeps_old_one_for_overlap(client, manager, made, overlap, hours):
    key, old = made
    assert f'<option value="{overlap}"' in client.get(page(key, "rotate")).text
    response = client.post(page(key, "rotate"), {"overlap": overlap})
    [new] = find_secrets(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert find_key(new).holder == key.holder
    key.refresh_from_db()
    assert abs(key.expires_at - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)
    if hours:
        assert find_key(old) == key


def test_rotate_key_form_sent_twice_rotates_once(client, manager, made):
    key, _ = made
    [state] = re.findall(r'name="state" value="([^"]*)"', client.get(page(key, "rotate")).text)
    form = {"overlap": "3600", "state": state}
    assert len(find_secrets(client.post(page(key, "rotate"), form))) == 1

    again = client.post(page(key, "rotate"), form, follow=True)

    assert "It has been rotated or changed already." in again.text
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("overlap", ["", "1", "-3600", "all"])
def test_rotate_key_with_unknown_overlap_shows_form(client, manager, made, overlap):
    key, _ = made
    before = rows(ApiKey)
    response = client.post(page(key, "rotate"), {"overlap": overlap})
    assert find_secrets(response) == []
    assert "The old key ends" in response.text
    assert rows(ApiKey) == before


def test_rotate_revoked_key_is_refused(client, manager, made):
    key, _ = made
    revoke_key(key)
    response = client.post(page(key, "rotate"), {"overlap": "3600"}, follow=True)
    assert "does not work any more" in response.text
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("how", ["button", "action"])
def test_revoked_key_is_not_accepted(client, manager, made, how):
    key, plain = made
    if how == "button":
        response = client.post(page(key, "revoke"), follow=True)
    else:
        response = client.post(LIST, {"action": "revoke", "_selected_action": [key.pk]}, follow=True)
    assert "is revoked" in response.text
    with pytest.raises(InvalidKey):
        find_key(plain)


def test_revoke_key_with_get_changes_nothing(client, manager, made):
    key, plain = made
    text = client.get(page(key, "revoke")).text
    assert "whatever uses it stops working within a second" in text and "It has not been used yet." in text
    assert find_key(plain) == key


def test_change_key_keeps_secret_and_kind(client, manager, made):
    key, plain = made
    response = client.post(
        page(key), TYPED | {"name": "the surgery", "kind": "publishable", "allowed_origins": "", "key_hash": "00"}
    )
    assert response.status_code == 302
    changed = find_key(plain)
    assert (changed.name, changed.kind, changed.scopes) == ("the surgery", "secret", TYPED["scopes"])


# Permissions


def test_key_delete_is_refused(client, made):
    log_in(client, "superuser")
    key, _ = made
    assert client.post(page(key, "delete"), {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"})
    assert ApiKey.objects.get() == key


@pytest.mark.parametrize("group", ["reception", "clinician"])
def test_keys_are_for_managers_only(client, made, group):
    log_in(client, group)
    key, _ = made
    before = rows(ApiKey)
    assert "apikey" not in client.get("/admin/").text
    for address in (LIST, ADD, page(key), page(key, "rotate")):
        assert client.get(address).status_code == 403
    for address in (ADD, page(key), page(key, "rotate"), page(key, "revoke")):
        assert client.post(address, TYPED | {"overlap": "0"}).status_code == 403
    assert rows(ApiKey) == before


def test_unknown_key_is_404(client, manager):
    for verb in ("rotate", "revoke"):
        assert client.post(f"{LIST}7d1f6cf0-0000-4000-8000-000000000000/{verb}/").status_code == 404

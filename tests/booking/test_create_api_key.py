"""The command create_api_key."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from booking.access.api_keys import find_key
from booking.models import ApiKey


def run_command(*arguments):
    """Run create_api_key and return its output."""
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_create_api_key_prints_only_the_key(db):
    said = run_command("the practice", "--scopes", "read_availability,write_holds")
    key = find_key(said.removesuffix("\n"))
    assert (key.name, key.kind, key.scopes) == ("the practice", "secret", ["read_availability", "write_holds"])
    assert (key.allowed_origins, key.expires_at) == ([], None)


def test_create_api_key_with_all_scopes_grants_every_scope_of_its_kind(db):
    assert find_key(run_command("a server", "--scopes", "all").strip()).scopes == ApiKey.Scope.values
    site = run_command("a site", "--kind", "publishable", "--scopes", "all", "--origins", "https://www.clinic.example")
    assert find_key(site.strip()).scopes == ApiKey.PUBLIC_SCOPES


def test_create_api_key_with_origins_and_expiry_stores_both(db):
    origins = "https://www.clinic.example, http://localhost:3000"
    said = run_command(
        "a site", "--kind", "publishable", "--scopes", "all", "--origins", origins, "--expires-in-days", "30"
    )
    key = find_key(said.strip())
    assert key.allowed_origins == ["https://www.clinic.example", "http://localhost:3000"]
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--scopes", "read_everything"], "scopes: "),
        (["--scopes", ""], "scopes: "),
        (["--kind", "publishable", "--scopes", "read_appointments", "--origins", "https://a.example"], "scopes: "),
        (["--kind", "publishable", "--scopes", "all"], "allowed_origins: "),
        (["--scopes", "all", "--origins", "www.clinic.example"], "allowed_origins: "),
        (["--scopes", "all", "--expires-in-days", "0"], "--expires-in-days: "),
        (["--scopes", "all", "--expires-in-days", "-3"], "--expires-in-days: "),
        (["--scopes", "all", "--expires-in-days", "99999999999999"], "--expires-in-days: "),
        (["--kind", "private", "--scopes", "all"], "Error: argument --kind: "),
        ([], "Error: the following arguments are required: --scopes"),
    ],
)
def test_create_api_key_with_invalid_argument_names_it_and_creates_no_key(db, arguments, said):
    with pytest.raises(CommandError) as refusal:
        run_command("the practice", *arguments)
    assert str(refusal.value).startswith(said)
    assert not ApiKey.objects.exists()

"""docs/dialects.md lists what there is of other systems' APIs, and what there is not: held against the routes."""

import json
import os
import re
import subprocess
from collections import Counter

import pytest

from booking.access.access_tokens import find_key_of_token
from booking.access.api_keys import create_key
from booking.api.dialects.junction.urls import urlpatterns as junction_patterns
from booking.api.dialects.onsched.urls import urlpatterns as onsched_patterns
from booking.dev.servers import BASE_DIR
from booking.models import ApiKey

PAGE = (BASE_DIR / "docs" / "dialects.md").read_text()
DIALECTS = {"OnSched": onsched_patterns, "Junction": junction_patterns}
each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def list_rows(dialect, first_column):
    """Return the rows of a dialect's table, each as a list of its cells."""
    [section] = re.findall(rf"^## {dialect}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    tables = re.findall(rf"^\| {first_column} \|.*\n\|[-| :]+\|\n((?:\|.*\n)+)", section, re.MULTILINE)
    return [line.strip("|\n ").split(" | ") for table in tables for line in table.splitlines()]


def list_endpoints(cell):
    """Return (method, path) of each endpoint that a cell names; what a parameter is called does not matter."""
    found = re.findall(r"\b(GET|POST|PUT|PATCH|DELETE)`? +`?(?:/onsched|/junction)?(/[^\s`|,]+)", cell)
    assert found, cell
    return [(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path in found]


def read_documented(dialect):
    """Return [((method, path), scope)] of the table; what is below phlebotomy is below psc too, but for a request."""
    documented = []
    for cell, _, scope in list_rows(dialect, "there"):
        [scope] = [name for name in re.findall("`([a-z_]+)`", scope) if name in ApiKey.Scope.values] or [None]
        for method, path in list_endpoints(cell):
            documented.append(((method, path), scope))
            if "/phlebotomy/" in path and not path.endswith("/request"):
                documented.append(((method, path.replace("/phlebotomy/", "/psc/")), scope))
    return documented


def read_routes(dialect):
    """Return {(method, path): scope} of the dialect's routes, but for the one that answers any other address.

    Version 3 is the base address; what is of another version has that in its path.
    """
    routes = {}
    for pattern in DIALECTS[dialect][:-1]:
        path = re.sub("<[^>]*>", "{}", f"/{pattern.pattern}".removeprefix("/v3"))
        routes |= {(method, path): scope and str(scope) for method, scope in pattern.callback.cls.scopes.items()}
    return routes


@each_dialect
def test_page_has_one_row_for_each_route_of_a_dialect_with_its_scope(dialect):
    documented = read_documented(dialect)
    assert [endpoint for endpoint, times in Counter(endpoint for endpoint, _ in documented).items() if times > 1] == []
    assert dict(documented) == read_routes(dialect)


def test_page_lists_well_known_endpoints_that_are_not_there():
    missing = [endpoint for cell, _ in list_rows("OnSched", "not there") for endpoint in list_endpoints(cell)]
    assert len(missing) > 10
    assert set(missing) & set(read_routes("OnSched")) == set()


@each_dialect
def test_endpoints_that_a_dialect_has_not_are_none_of_its_routes(dialect):
    missing = {endpoint for cell, *_ in list_rows(dialect, "not there") for endpoint in list_endpoints(cell)}
    assert missing & set(read_routes(dialect)) == set()


def test_page_token_example_gets_a_token(transactional_db, live_server):
    key, plain = create_key(name="the reader", kind="secret", scopes=["read_availability"])
    [example] = [block for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S) if "/oauth/token" in block]

    run = subprocess.run(
        ["bash"],
        input=example,
        env={"PATH": os.environ["PATH"], "BASE": live_server.url, "KEY": plain},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert find_key_of_token(json.loads(run.stdout)["access_token"]) == key

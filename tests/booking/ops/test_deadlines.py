"""Each connection has deadlines: its role's, or else those of the process; behind a pooler its role's alone."""

from contextlib import closing

import pytest
from django.db import connection, connections
from django.db.backends.signals import connection_created

from booking.ops import deadlines

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def connect():
    """Connect anew, as the web server does, and return its deadlines: ``connect("-c statement_timeout=8s")``."""

    def connect(options=""):
        with closing(connections.create_connection("default")) as anew:
            anew.settings_dict = connection.settings_dict | {
                "OPTIONS": connection.settings_dict["OPTIONS"] | {"options": options}
            }
            with anew.cursor() as cursor:
                cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
                return cursor.fetchone()

    assert connect() == ("0", "0")
    deadlines.limit_waiting(deadlines.WEB)
    yield connect
    connection_created.disconnect(dispatch_uid="deadlines")


def test_connection_without_deadlines_gets_those_of_the_process(connect):
    assert connect() == ("2s", "5s")


def test_connection_keeps_deadlines_of_its_role(connect):
    assert connect("-c statement_timeout=8s") == ("2s", "8s")


def test_nothing_is_set_behind_a_pooler_and_missing_deadlines_are_logged_once(connect, settings, caplog):
    settings.DATABASE_POOLER = "transaction"
    assert connect("-c statement_timeout=8s -c lock_timeout=1s") == ("1s", "8s")
    assert caplog.messages == []
    assert connect("-c statement_timeout=8s") == ("0", "8s")
    assert connect() == ("0", "0")
    assert caplog.messages == [
        "Statements may wait for ever: the role in DATABASE_URL lacks lock_timeout or statement_timeout."
    ]

"""The roles of the web server and the workers book, and can neither change the schema nor what is written once."""

import os
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from booking.domain.appointments import cancel
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import release_hold
from booking.models import Event, OutboxMessage, PatientAccess
from booking.ops.database_roles import CannotMakeRoles, make_roles
from booking.outbox.queue import forget_old_messages

PREFIX = f"clinic_{os.getpid()}"  # roles belong to the whole server, which other test runs use too


@pytest.fixture
def roles(db):
    """The roles by their kind; they are gone with the test's transaction."""
    web, worker = make_roles(prefix=PREFIX)
    return {"web": web, "worker": worker}


@contextmanager
def acting_as(role):
    execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
    try:
        yield
    finally:
        execute("RESET SESSION AUTHORIZATION")


def execute(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def test_web_role_books_and_cancels(roles, book, hold_time, at):
    with acting_as(roles["web"]):
        appointment = book(at(9))
        cancel(appointment, actor="patient", reason="")
        release_hold(hold_time(at(10)), actor="patient")
    assert appointment.status == "cancelled"
    kinds = Event.objects.filter(subject_id=appointment.pk).order_by("sequence").values_list("kind", flat=True)
    assert list(kinds) == ["hold.placed", "hold.confirmed", "appointment.created", "appointment.cancelled"]


def test_worker_role_tidies_up(roles, hold_time, at):
    hold = hold_time(at(9))
    execute("UPDATE scheduling_slot SET expires_at = now() - interval '1 second'")
    execute("UPDATE booking_hold SET expires_at = now() - interval '1 second'")
    OutboxMessage.objects.update(status="done", done_at=timezone.now() - timedelta(days=40))
    with acting_as(roles["worker"]):
        expire_stale_holds()
        forget_old_messages()
    hold.refresh_from_db()
    assert hold.status == "expired"


def test_web_role_reaches_table_without_a_model(roles):
    with acting_as(roles["web"]):
        cache.set("guard", "used", 60)
        assert cache.get("guard") == "used"


WRITTEN_ONCE = ["booking_event", "booking_patientaccess", "booking_signinevent"]
FORBIDDEN = [
    *(f"UPDATE {table} SET actor = 'nobody'" for table in ("booking_event", "booking_patientaccess")),
    "UPDATE booking_signinevent SET account = 'nobody'",
    *(f"DELETE FROM {table}" for table in WRITTEN_ONCE),
    *(f"TRUNCATE {table} CASCADE" for table in (*WRITTEN_ONCE, "booking_hold")),
    *(f"ALTER TABLE {table} DISABLE TRIGGER {table}_stays" for table in WRITTEN_ONCE),
    *(f"DROP TRIGGER {table}_stays ON {table}" for table in WRITTEN_ONCE),
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION booking_event_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "ALTER TABLE scheduling_slot DROP CONSTRAINT slot_no_overlap",
    "DROP TABLE booking_event CASCADE",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "DELETE FROM django_migrations",
    "CREATE ROLE mine",
    "SET ROLE postgres",
    "COPY booking_event TO PROGRAM 'cat'",
]


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_role_cannot_change_schema_or_what_is_written_once(roles, hold_time, at, kind):
    hold_time(at(9))
    before = list(Event.objects.values())
    with acting_as(roles[kind]):
        for statement in FORBIDDEN:
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
                execute(statement)
    assert list(Event.objects.values()) == before != []


def test_owner_can_do_what_roles_cannot(roles):
    execute("ALTER TABLE booking_event DISABLE TRIGGER booking_event_stays")
    execute("DELETE FROM booking_event")


@pytest.mark.parametrize("table", ["booking_patientaccess", "booking_signinevent"])
def test_only_worker_role_purges_and_only_what_is_older_than_a_year(roles, table):
    with acting_as(roles["web"]), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        execute(f"SELECT {table}_purge()")
    with acting_as(roles["worker"]):
        assert execute(f"SELECT {table}_purge()") == [(0,)]
    if table == "booking_patientaccess":
        now = timezone.now()
        for days in (366, 367, 360):
            PatientAccess.objects.create(
                action="view",
                actor="staff:1",
                patient_ids=[],
                page="admin:patients_patient_change",
                created_at=now - timedelta(days=days),
            )
        with acting_as(roles["worker"]):
            assert execute(f"SELECT {table}_purge()") == [(2,)]
        assert PatientAccess.objects.get().created_at == now - timedelta(days=360)


def test_roles_have_deadlines(roles):
    settings = dict(execute("SELECT rolname, rolconfig FROM pg_roles WHERE rolname LIKE %s", [f"{PREFIX}%"]))
    assert settings == {
        roles["web"]: ["lock_timeout=2s", "statement_timeout=5s"],
        roles["worker"]: ["lock_timeout=10s", "statement_timeout=30s"],
    }


def test_make_roles_again_keeps_deadlines_and_password_that_a_role_has(roles):
    execute(f"ALTER ROLE {roles['web']} SET statement_timeout = '8s'")
    make_roles(prefix=PREFIX, passwords={"web": "correct horse"})
    secret = """SELECT rolconfig, pg_authid.rolpassword FROM pg_roles JOIN pg_authid USING (rolname)
                 WHERE rolname = %s"""
    before = execute(secret, [roles["web"]])
    make_roles(prefix=PREFIX)
    assert execute(secret, [roles["web"]]) == before
    [(limits, password)] = before
    assert limits == ["lock_timeout=2s", "statement_timeout=8s"]
    assert password.startswith("SCRAM-SHA-256$")


def test_tables_of_later_migrations_are_reachable_and_protected_once_make_roles_has_run(roles):
    execute("CREATE TABLE booking_later (id bigint GENERATED BY DEFAULT AS IDENTITY, at timestamptz)")
    with acting_as(roles["web"]):
        execute("INSERT INTO booking_later (at) VALUES (now())")
        execute("UPDATE booking_later SET at = now()")
    execute(
        "CREATE TRIGGER booking_later_stays BEFORE UPDATE OR DELETE ON booking_later "
        "FOR EACH ROW EXECUTE FUNCTION booking_event_stays()"
    )
    execute("REVOKE ALL ON booking_later FROM PUBLIC")
    make_roles(prefix=PREFIX)
    with acting_as(roles["web"]), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        execute("UPDATE booking_later SET at = now()")


@pytest.mark.parametrize(
    "grant, excess",
    [
        ("GRANT CREATE ON SCHEMA public TO {role}", "create tables in the schema public"),
        ("GRANT UPDATE ON booking_event TO PUBLIC", "change what is written once"),
        ("GRANT postgres TO {role}", "act as the owner of the tables"),
        ("ALTER ROLE {role} SUPERUSER", "administer the server"),
    ],
)
def test_make_roles_refuses_role_that_has_more_rights(roles, grant, excess):
    execute(grant.format(role=roles["web"]))
    with pytest.raises(CannotMakeRoles, match=excess), transaction.atomic():
        make_roles(prefix=PREFIX)


def test_role_of_the_web_server_cannot_make_roles(roles):
    with acting_as(roles["web"]), pytest.raises(CommandError, match="permission denied"), transaction.atomic():
        call_command("make_roles", prefix=f"{PREFIX}_own")


def test_make_roles_refuses_prefix_that_is_no_name(db):
    with pytest.raises(CannotMakeRoles, match="prefix"):
        make_roles(prefix="clinic; DROP TABLE booking_hold")

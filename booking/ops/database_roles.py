"""What the web server and the workers may do in the database, and what only its owner may.

Whoever breaks into a process of ours has its role's rights: it reads and writes what bookings need, but cannot change
the schema, nor what is written once: events, and the logs of who looked and who signed in.
"""

import re

from django.db import ProgrammingError, connection, transaction

from booking.ops import deadlines

DEADLINES = {"web": deadlines.WEB, "worker": deadlines.WORKER}

FIND_OWNER = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'booking_event'::regclass"
# All of the owner's, also those that no model describes.
LIST_TABLES = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relowner = %s::regrole ORDER BY relname
"""
# Tables that a trigger of this name protects are only ever read and added to.
LIST_APPEND_ONLY = r"""
    SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
     WHERE relnamespace = 'public'::regnamespace AND tgname = relname || '_stays' ORDER BY relname
"""
# What is too old there goes by these functions, with their owner's rights.
LIST_PURGES = r"""
    SELECT proname FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace AND prosecdef AND proname LIKE '%%\_purge' ORDER BY proname
"""
HAS_SETTING = """
    SELECT EXISTS (SELECT FROM pg_db_role_setting
                    WHERE setrole = %s::regrole
                      AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                      AND EXISTS (SELECT FROM unnest(setconfig) AS line WHERE line LIKE %s || '=%%'))
"""
FIND_EXCESS = """
    SELECT right_to FROM pg_roles, LATERAL (VALUES
           (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls, 'administer the server'),
           (pg_has_role(rolname, %s::regrole, 'MEMBER'), 'act as the owner of the tables'),
           (has_schema_privilege(rolname, 'public', 'CREATE'), 'create tables in the schema public'),
           (EXISTS (SELECT FROM unnest(%s::text[]) AS name
                     WHERE has_table_privilege(rolname, name, 'UPDATE, DELETE, TRUNCATE, TRIGGER')),
            'change what is written once')) AS excess (is_granted, right_to)
     WHERE rolname = %s AND is_granted
"""


class CannotMakeRoles(Exception):
    """The role that asks for it may not, or another one has rights that it must not have."""


@transaction.atomic
def make_roles(*, prefix: str = "holdfast", passwords: dict[str, str] | None = None) -> list[str]:
    """Make ``<prefix>_web`` and ``<prefix>_worker``, give them their rights and deadlines, and return their names.

    Idempotent: deadlines that a role has already stay, and without a password in ``passwords`` ("web", "worker") its
    password does. Raises CannotMakeRoles.
    """
    if not re.fullmatch("[a-z][a-z0-9_]{0,50}", prefix):
        raise CannotMakeRoles("The prefix must consist of small letters, digits and underscores.")
    roles = {kind: f"{prefix}_{kind}" for kind in DEADLINES}
    try:
        for kind, role in roles.items():
            _make_role(role, DEADLINES[kind], (passwords or {}).get(kind))
        [owner] = _list(FIND_OWNER)
        _grant(roles, owner)
    except ProgrammingError as error:
        raise CannotMakeRoles(str(error).partition("\n")[0]) from error
    for role in roles.values():
        if excess := _list(FIND_EXCESS, [owner, _list(LIST_APPEND_ONLY), role]):
            raise CannotMakeRoles(f"{role} may still {' and '.join(excess)}: a superuser must take that away.")
    return list(roles.values())


def _make_role(role, limits, password):
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        if not cursor.rowcount:
            cursor.execute(f"CREATE ROLE {role} LOGIN")
        for name, value in limits._asdict().items():
            if _list(HAS_SETTING, [role, name]) == [False]:
                cursor.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
        if password:
            # Only what PostgreSQL checks it by is sent: a statement may end up in the server's log.
            pgconn = cursor.connection.pgconn  # pyright: ignore[reportAttributeAccessIssue]
            verifier = pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            cursor.execute(f"ALTER ROLE {role} PASSWORD '{verifier}'")


def _grant(roles, owner):
    quote = connection.ops.quote_name
    tables = ", ".join(map(quote, _list(LIST_TABLES, [owner])))
    append_only = ", ".join(map(quote, _list(LIST_APPEND_ONLY)))
    database = quote(connection.settings_dict["NAME"])
    everybody = ", ".join(roles.values())
    later = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
    statements = [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {everybody}",
        f"GRANT USAGE ON SCHEMA public TO {everybody}",
        f"REVOKE ALL ON {tables} FROM {everybody}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {everybody}",
        f"REVOKE UPDATE, DELETE ON {append_only} FROM {everybody}",
        f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {everybody}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {everybody}",
        # What later migrations make, until this is run again after them.
        f"{later} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {everybody}",
        f"{later} GRANT USAGE ON SEQUENCES TO {everybody}",
    ]
    for purge in map(quote, _list(LIST_PURGES)):
        statements.append(f"GRANT EXECUTE ON FUNCTION {purge}() TO {roles['worker']}")
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _list(query, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or [])
        return [value for [value] in cursor.fetchall()]

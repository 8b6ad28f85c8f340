"""A database of an earlier release is restored, migrated to the present, and booked in."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from booking.dev.servers import BASE_DIR
from tests.upgrade.make_dump import BINARIES

DUMPS = sorted(Path(__file__).parent.glob("*.sql.gz"), key=lambda path: path.name.partition(".")[0])

# Who was seen first, and what it cost, as each dump has it.
OLDEST = {
    "2026-11-28.sql.gz": {"patient": "Callum Copperfield", "price": "72.00 GBP"},
    "2026-11-29.sql.gz": {"patient": "Callum Copperfield", "price": "72.00 GBP"},
    "2026-11-29-hours-and-names.sql.gz": {"patient": "Callum Copperfield", "price": "72.00 GBP"},
    "2026-11-29-protection.sql.gz": {"patient": "Callum Copperfield", "price": "72.00 GBP"},
    "2026-11-29-visits.sql.gz": {"patient": "Callum Copperfield", "price": "72.00 GBP"},
    "2026-11-29-waiting-room.sql.gz": {"patient": "Callum Copperfield", "price": "72.00 GBP"},
}

# How often it was marked before it was completed: arrived, and later also seen.
MARKS = dict.fromkeys(OLDEST, 1) | {"2026-11-29-waiting-room.sql.gz": 2}

# Later ones have no name that is folded otherwise.
FOLDED_OTHERWISE = {"2026-11-28.sql.gz", "2026-11-29.sql.gz"}

# One person under two names, as the releases of the dumps folded them, and one with a name of two words.
FOLDED_AS_BEFORE = """
    INSERT INTO patients_patient (id, first_name, last_name, date_of_birth, email, phone, nhs_number, created_at,
                                  updated_at, normalized_name, name_words, name_spellings)
    VALUES (gen_random_uuid(), 'Łukasz', 'Nowak', '1985-04-12', 'nowak@example.org', '', '', '2020-01-01', '2020-01-01',
            'łukasz nowak', ' nowak łukasz', '{łukasz,nowak}'),
           (gen_random_uuid(), 'Lukasz', 'Nowak', '1985-04-12', 'nowak@example.org', '', '', '2021-01-01', '2021-01-01',
            'lukasz nowak', ' nowak lukasz', '{lukasz,nowak}'),
           (gen_random_uuid(), 'Mary Ann', 'Nowak', '1990-01-01', '', '', '', '2022-01-01', '2022-01-01',
            'mary ann nowak', ' nowak mary ann', '{mary,ann,nowak}')
"""
FOLDED = """
    SELECT first_name, normalized_name, name_words, 'ukasz' = ANY(name_spellings), updated_at = created_at
      FROM patients_patient WHERE last_name = 'Nowak' ORDER BY created_at
"""
PAIRS = """
    SELECT pair.reason FROM patients_possibleduplicate AS pair
      JOIN patients_patient AS one ON one.id = pair.patient_id
      JOIN patients_patient AS other ON other.id = pair.other_id
     WHERE one.last_name = 'Nowak' AND other.last_name = 'Nowak'
"""

# A hold that lasts until its start, as those releases told it from others.
RESERVED_AS_BEFORE = """
    UPDATE booking_hold SET expires_at = starts_at
     WHERE id = (SELECT id FROM booking_hold WHERE status = 'active' ORDER BY id LIMIT 1)
"""
LIFETIMES = """
    SELECT expires_at = starts_at, lifetime = '0' FROM booking_hold WHERE status = 'active' GROUP BY 1, 2 ORDER BY 1, 2
"""

# What the rows of a dump have in columns that their release did not know.
DEFAULTS = {
    ("booking_patientdraft", "phone_extension"): "",
    ("patients_patient", "phone_extension"): "",
    ("scheduling_calendar", "location_id"): None,
    ("scheduling_clinician", "weight"): 1,
    ("scheduling_service", "is_once_a_day"): False,
    ("scheduling_workinghours", "every_weeks"): 1,
    ("scheduling_workinghours", "valid_from"): None,
    ("scheduling_workinghours", "valid_until"): None,
}

# What a database is made of, whatever the order in which it came to it.
SCHEMA = {
    "columns": """SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,
                         is_nullable, column_default, collation_name
                    FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
                        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
}


# What docs/upgrading.md tells the owner to do.
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("make_roles", prefix=%r)
"""


@pytest.fixture
def restore(db):
    """Restore a dump into a database of its own, whose owner is no superuser, and return its URL: ``restore(path)``."""
    server = connection.get_connection_params()
    host, user = server["host"], server["user"]
    maintenance = psycopg.connect(dbname="postgres", host=host, user=user, autocommit=True)
    name = f"upgrade_{os.getpid()}"
    owner = sql.Identifier(name)

    def restore(path):
        maintenance.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(owner))
        maintenance.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(owner, owner))
        url = f"postgresql://{name}@/{name}?host={host}"
        command = [BINARIES / "psql", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--dbname", url]
        subprocess.run(command, input=gzip.decompress(path.read_bytes()), check=True, stdout=subprocess.DEVNULL)
        return url

    yield restore
    maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(owner))
    for role in (f"{name}_web", f"{name}_worker", name):
        maintenance.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
    maintenance.close()


def run(url, *command, **settings):
    result = subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env=os.environ | {"DATABASE_URL": url} | settings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def read_schema(cursor):
    rows = [(name, *row) for name, statement in SCHEMA.items() for row in cursor.execute(statement).fetchall()]
    # A restored ANY(ARRAY[...]) has its casts and brackets elsewhere.
    return {re.sub(r"::[a-z ]+(\[\])?|[()]", "", " ".join(map(str, row))) for row in rows}


def list_columns(database):
    """Return the columns by their tables' names: ``{table: {column: whether an INSERT may leave it out}}``."""
    columns = {}
    rows = database.execute(
        """SELECT table_name, column_name, is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'
             FROM information_schema.columns WHERE table_schema = 'public'"""
    )
    for table, column, may_be_left_out in rows:
        columns.setdefault(table, {})[column] = may_be_left_out
    return columns


def list_values(database, table, column):
    statement = sql.SQL("SELECT DISTINCT {} FROM {}").format(sql.Identifier(column), sql.Identifier(table))
    return [value for [value] in database.execute(statement)]


# The first and the last for every change, those between before a release.
BETWEEN = [pytest.param(dump, marks=pytest.mark.proof) for dump in DUMPS[1:-1]]


@pytest.mark.parametrize("dump", [DUMPS[0], *BETWEEN, DUMPS[-1]], ids=lambda path: path.name.partition(".")[0])
def test_database_of_an_earlier_release_is_migrated_and_booked_in(dump, restore):
    url = restore(dump)
    with psycopg.connect(url) as restored:
        before = list_columns(restored)
        if dump.name in FOLDED_OTHERWISE:
            restored.execute(FOLDED_AS_BEFORE)
            restored.execute(RESERVED_AS_BEFORE)

    prefix = f"upgrade_{os.getpid()}"
    run(url, "-c", MIGRATE % prefix)

    with psycopg.connect(url) as migrated, connection.cursor() as fresh:
        # The code of the release before goes on serving, and knows no new column.
        after = list_columns(migrated)
        new = [(table, name) for table in before for name in after[table].keys() - before[table].keys()]
        assert [(table, name) for table, name in new if not after[table][name]] == []
        defaults = {column: [value] for column, value in DEFAULTS.items() if column in new}
        assert {column: list_values(migrated, *column) for column in defaults} == defaults
        assert read_schema(migrated) ^ read_schema(fresh.cursor) == set()
        if dump.name in FOLDED_OTHERWISE:
            assert migrated.execute(LIFETIMES).fetchall() == [(False, False), (True, True)]
            assert migrated.execute(FOLDED).fetchall() == [
                ("Łukasz", "lukasz nowak", " nowak lukasz", True, True),
                ("Lukasz", "lukasz nowak", " nowak lukasz", False, True),  # it was right already
                ("Mary Ann", "mary ann nowak", " nowak mary ann maryann", False, True),
            ]
            assert migrated.execute(PAIRS).fetchall() == [("same name and birth date and e-mail",)]
    web = url.replace(f"://{prefix}@", f"://{prefix}_web@")
    assert json.loads(run(web, "-m", "tests.upgrade.book")) == {
        "new": {
            "status": "confirmed",
            "patient": "Alice Archer",
            "price": "72.00 GBP",
            "events": ["hold.placed", "hold.confirmed", "appointment.created"],
        },
        "old": {
            "status": "completed",
            **OLDEST[dump.name],
            "events": [
                "hold.placed",
                "hold.confirmed",
                "appointment.created",
                *["appointment.updated"] * MARKS[dump.name],
                "appointment.completed",
            ],
        },
        "merged records": 1,
        "secrets": ["whsec_"],
    }


def test_upgrade_dump_exists():
    assert DUMPS

"""Statements that travel together: the same results as one by one, in fewer round trips."""

import os
import signal
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from django.db import DataError, IntegrityError, InternalError, connection, transaction

from scheduling.lib.pipelined_postgresql import (
    execute_after_commit,
    execute_later,
    execute_unsent,
    write_later,
    write_row_later,
)
from scheduling.models import ServiceCategory
from tests.round_trips import list_round_trips

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "INSERT INTO scheduling_servicecategory (id, name, position) VALUES (gen_random_uuid(), %s, %s)"
RENAME = "UPDATE scheduling_servicecategory SET name = %s WHERE position = %s"
COUNT = "SELECT count(*) FROM scheduling_servicecategory"


def list_names():
    return list(ServiceCategory.objects.order_by("name").values_list("name", flat=True))


def test_begin_and_last_statements_of_transaction_cost_no_round_trip_of_their_own():
    with list_round_trips() as trips, transaction.atomic():
        assert not ServiceCategory.objects.filter(position=1).exists()
        execute_later(ADD, ["Eyes", 1])
        execute_later(ADD, ["Teeth", 2])

    assert trips == [["BEGIN", "SELECT 0"], ["INSERT 0 1", "INSERT 0 1", "COMMIT"]]
    assert list_names() == ["Eyes", "Teeth"]


def test_transaction_of_later_statements_alone_is_one_round_trip():
    with list_round_trips() as trips, transaction.atomic():
        execute_later(ADD, ["Eyes", 1])

    assert trips == [["BEGIN", "INSERT 0 1", "COMMIT"]]
    assert list_names() == ["Eyes"]


def test_transaction_without_statements_is_no_round_trip():
    with list_round_trips() as trips, transaction.atomic():
        pass

    assert trips == []


def test_later_statement_is_executed_before_the_next_and_has_its_results_then():
    with transaction.atomic():
        added = execute_later(ADD, ["Eyes", 1])
        assert ServiceCategory.objects.update(name="Sight") == 1
        assert added.rowcount == 1
        counted = execute_later(COUNT)
        ServiceCategory.objects.create(name="Teeth")
        assert counted.fetchall() == [(1,)]

    assert list_names() == ["Sight", "Teeth"]


def test_statements_together_are_one_round_trip_each_seeing_those_before_it():
    with list_round_trips() as trips, transaction.atomic():
        added, renamed = execute_later(ADD, ["Eyes", 1]), execute_later(RENAME, ["Sight", 1])
        none, counted = execute_later(RENAME, ["Sight", 9]), execute_later(COUNT)
        assert (added.rowcount, renamed.rowcount, none.rowcount, counted.fetchall()) == (1, 1, 0, [(1,)])

    assert trips == [["BEGIN", "INSERT 0 1", "UPDATE 1", "UPDATE 0", "SELECT 1"], ["COMMIT"]]


def test_outside_transaction_later_statement_is_executed_at_once():
    added = execute_later(ADD, ["Eyes", 1])

    assert added.rowcount == 1
    assert list_names() == ["Eyes"]


def test_error_in_later_statement_is_raised_at_commit_and_undoes_all():
    with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
        ServiceCategory.objects.create(name="Eyes")
        execute_later(ADD, ["Eyes", 1])
        execute_later(ADD, ["Teeth", 2])

    assert list_names() == []


def test_error_in_one_of_several_undoes_its_savepoint_alone():
    with transaction.atomic():
        ServiceCategory.objects.create(name="Eyes")
        with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
            for name, position in (("Teeth", 2), ("Eyes", 1), ("Ears", 3)):
                execute_later(ADD, [name, position])
            execute_unsent()
        assert list_names() == ["Eyes"]
        with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
            execute_later(ADD, ["Eyes", 1])
        execute_later(ADD, ["Ears", 3])

    assert list_names() == ["Ears", "Eyes"]


def test_later_statement_is_dropped_with_its_savepoint_and_with_its_transaction():
    with transaction.atomic():
        execute_later(ADD, ["Eyes", 1])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            execute_later(ADD, ["Teeth", 2])
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        execute_later(ADD, ["Ears", 3])
        raise ZeroDivisionError
    with transaction.atomic():
        execute_later(ADD, ["Skin", 4])

    assert list_names() == ["Eyes", "Skin"]


def test_later_statement_in_nested_transaction_is_kept_until_the_outer_commits():
    with list_round_trips() as trips, transaction.atomic():
        with transaction.atomic(savepoint=False):
            execute_later(ADD, ["Eyes", 1])
        execute_later(ADD, ["Teeth", 2])

    assert trips == [["BEGIN", "INSERT 0 1", "INSERT 0 1", "COMMIT"]]
    assert list_names() == ["Eyes", "Teeth"]


def test_statement_that_psycopg_refuses_leaves_connection_usable():
    with pytest.raises(DataError), transaction.atomic():
        execute_later(ADD, ["Eyes", 1])
        execute_later(ADD, ["a text with \0", 2])
        execute_unsent()

    assert list_names() == []


def test_statement_after_commit_travels_with_it_and_sees_what_was_written():
    with list_round_trips() as trips:
        counted = execute_after_commit(COUNT)
        with transaction.atomic():
            assert not ServiceCategory.objects.exists()
            execute_later(ADD, ["Eyes", 1])
        assert counted.fetchall() == [(1,)]

    assert trips == [["BEGIN", "SELECT 0"], ["INSERT 0 1", "COMMIT", "SELECT 1"]]


def test_statement_after_commit_that_is_read_before_is_executed_then():
    with transaction.atomic():
        counted = execute_after_commit(COUNT)
        execute_later(ADD, ["Eyes", 1])
        assert counted.fetchall() == [(1,)]
        execute_later(ADD, ["Teeth", 2])

    assert list_names() == ["Eyes", "Teeth"]


def test_statement_after_commit_is_dropped_with_its_transaction():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        execute_after_commit(COUNT)
        raise ZeroDivisionError

    with list_round_trips() as trips, transaction.atomic():
        execute_later(ADD, ["Eyes", 1])
    assert trips == [["BEGIN", "INSERT 0 1", "COMMIT"]]


def test_statement_after_commit_that_fails_undoes_nothing_and_is_executed_again_where_it_is_read():
    with transaction.atomic():
        execute_later(ADD, ["Eyes", 1])
        divided = execute_after_commit("SELECT 1 / (position - %s) FROM scheduling_servicecategory", [1])
        counted = execute_after_commit(COUNT)

    assert list_names() == ["Eyes"]
    ServiceCategory.objects.create(name="Teeth")
    assert counted.fetchone() == (2,)
    with pytest.raises(DataError, match="division by zero"):
        divided.fetchone()


def test_statement_that_is_written_again_and_again_writes_a_row_each_time():
    with list_round_trips() as trips, transaction.atomic():
        write_later(ADD, ["Eyes", 1])
        write_later(ADD, ["Teeth", 2])
        write_later(RENAME, ["Sight", 1])
    with suppress(IntegrityError), transaction.atomic():
        write_later(ADD, ["Teeth", 2])
    write_later(ADD, ["Ears", 3])

    assert trips == [["BEGIN", "INSERT 0 1", "INSERT 0 1", "UPDATE 1", "COMMIT"]]
    assert list_names() == ["Ears", "Sight", "Teeth"]


ADD_ROWS = """
    INSERT INTO scheduling_servicecategory (id, name, position)
    SELECT gen_random_uuid(), name, position FROM jsonb_to_recordset(%(rows)s) AS new (name text, position int)
"""


def test_rows_that_wait_are_written_by_one_statement():
    write_row_later(ADD_ROWS, {"name": "Feet", "position": 5})
    with list_round_trips() as trips, transaction.atomic():
        write_row_later(ADD_ROWS, {"name": "Eyes", "position": 1})
        write_later(RENAME, ["Sight", 1])
        write_row_later(ADD_ROWS, {"name": "Teeth", "position": 2})
        assert list_names() == ["Feet", "Sight", "Teeth"]
        write_row_later(ADD_ROWS, {"name": "Ears", "position": 3})

    assert trips == [["BEGIN", "INSERT 0 2", "UPDATE 1"], ["SELECT 3"], ["INSERT 0 1", "COMMIT"]]
    assert list_names() == ["Ears", "Feet", "Sight", "Teeth"]


def test_rows_that_wait_are_dropped_with_what_is_undone():
    with transaction.atomic():
        write_row_later(ADD_ROWS, {"name": "Ears", "position": 3})
        with pytest.raises(LookupError), transaction.atomic():
            write_row_later(ADD_ROWS, {"name": "Eyes", "position": 1})
            raise LookupError
        write_row_later(ADD_ROWS, {"name": "Teeth", "position": 2})
    with pytest.raises(LookupError), transaction.atomic():
        write_row_later(ADD_ROWS, {"name": "Eyes", "position": 1})
        raise LookupError
    write_row_later(ADD_ROWS, {"name": "Feet", "position": 4})

    assert list_names() == ["Ears", "Feet", "Teeth"]


def test_times_are_read_in_utc():
    read = "SELECT '1850-01-02 03:04:05.000006+05:53:28'::timestamptz, '9999-12-31 23:59:59.999999+00'::timestamptz"

    [found] = execute_later(read).fetchall()
    with connection.cursor() as cursor:
        cursor.execute(read)
        assert cursor.fetchall() == [found]

    assert found == (datetime(1850, 1, 1, 21, 10, 37, 6, UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC))
    assert [time.tzinfo for time in found] == [UTC, UTC]


def test_copy_begins_the_transaction_and_finds_what_was_to_be_executed_later():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with connection.cursor() as cursor, cursor.copy(f"COPY ({COUNT}) TO STDOUT") as rows:
            assert [bytes(row) for row in rows] == [b"0\n"]
        execute_later(ADD, ["Eyes", 1])
        with connection.cursor() as cursor, cursor.copy(f"COPY ({COUNT}) TO STDOUT") as rows:
            assert [bytes(row) for row in rows] == [b"1\n"]
        raise ZeroDivisionError

    assert list_names() == []


def test_server_side_cursor_reads_what_was_to_be_executed_later():
    with transaction.atomic():
        execute_later(ADD, ["Eyes", 1])
        assert [category.name for category in ServiceCategory.objects.iterator()] == ["Eyes"]


def test_statements_of_each_transaction_stay_in_it_with_autocommit_off():
    connection.set_autocommit(False)
    try:
        execute_later(ADD, ["Eyes", 1])
        connection.commit()
        execute_later(ADD, ["Teeth", 2])
        assert list_names() == ["Eyes", "Teeth"]
        connection.rollback()
        assert list_names() == ["Eyes"]
        connection.rollback()
    finally:
        connection.set_autocommit(True)

    assert list_names() == ["Eyes"]


def test_rollback_to_savepoint_keeps_what_the_connection_has_prepared():
    for _ in range(5):
        assert not ServiceCategory.objects.filter(position=1).exists()
    prepared = count_prepared()
    with transaction.atomic():
        ServiceCategory.objects.create(name="Eyes")
        with pytest.raises(LookupError), transaction.atomic():
            ServiceCategory.objects.create(name="Teeth")
            raise LookupError
        with pytest.raises(IntegrityError), transaction.atomic():
            ServiceCategory.objects.create(name="Eyes")
        ServiceCategory.objects.create(name="Ears")

    assert count_prepared() >= prepared > 0
    assert list_names() == ["Ears", "Eyes"]


def test_rollback_keeps_what_the_connection_has_prepared():
    for _ in range(5):
        assert not ServiceCategory.objects.filter(position=1).exists()
    prepared = count_prepared()
    with pytest.raises(LookupError), transaction.atomic():
        ServiceCategory.objects.create(name="Eyes")
        raise LookupError

    assert count_prepared() == prepared > 0
    assert list_names() == []


@pytest.mark.parametrize("is_behind_commit", [False, True])
def test_statement_that_was_never_prepared_behind_one_that_failed_is_prepared_later(is_behind_commit):
    ask_later = execute_after_commit if is_behind_commit else execute_later
    for _ in range(connection.connection.prepare_threshold if connection.connection else 3):
        execute_later(COUNT + " WHERE position = %s", [1])
    ServiceCategory.objects.create(name="Eyes")
    with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
        execute_later(ADD, ["Eyes", 1])
        ask_later(COUNT + " WHERE position = %s", [1])

    for _ in range(2):
        assert execute_later(COUNT + " WHERE position = %s", [1]).fetchone() == (0,)


def test_commit_of_transaction_whose_error_was_caught_is_refused():
    with pytest.raises(InternalError, match="without a savepoint"), transaction.atomic():
        ServiceCategory.objects.create(name="Eyes")
        execute_later("SELECT 1 / 0")
        with suppress(DataError):
            execute_unsent()

    assert list_names() == []


def count_prepared():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%servicecategory%'")
        return cursor.fetchone()[0]


def test_connection_that_the_server_has_closed_is_not_usable():
    ServiceCategory.objects.count()
    assert connection.is_usable()
    os.kill(connection.connection.info.backend_pid, signal.SIGTERM)

    while connection.is_usable():  # until the server has heard of it
        pass
    assert connection.is_usable() is False
    connection.close()
    assert ServiceCategory.objects.count() == 0

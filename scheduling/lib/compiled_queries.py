"""Read and change single rows without building a query each time: for the hot path of every booking only.

Each statement is built once and cached. The ORM builds it anew every time, which takes several times as long as
PostgreSQL needs to answer. Returns and takes model instances, but sends no signals and knows no null conditions.
A model's RARELY_READ columns are deferred, as the ORM's ``defer`` does: no booking needs them, and a date takes longer
to read than a text.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import DateField, Field, JSONField, Model
from django.db.models.base import ModelState

from scheduling.lib.pipelined_postgresql import execute_later, write_later
from scheduling.lib.reading import get_read_connection

M = TypeVar("M", bound=Model)
WRITTEN_AS_THEY_ARE = {NoneType, bool, int, str, Decimal, date, datetime, timedelta, UUID}


def get_or_none(model: type[M], *related: str, **values: Any) -> M | None:
    """Return the row whose columns have these values, or None. ``related`` names foreign keys to read along.

    Name columns, not fields: ``service_id``, not ``service``. The foreign keys in ``related`` must not be null.
    """
    statement = _select(model, related, tuple(values))
    row = execute_later(statement, list(values.values()), connection=get_read_connection()).fetchone()
    if row is None:
        return None
    found, row = _split_row(model, row)
    for name in related:
        other, row = _split_row(model._meta.get_field(name).related_model, row)
        setattr(found, name, other)
    return found


def get_each(*wanted: tuple[type[Model], Any]) -> list[Any]:
    """Return the rows with these ids, each of a model of its own, in one statement; None for one that is not there."""
    models, ids = zip(*wanted, strict=True)
    row = execute_later(_select_each(models), ids).fetchone()
    found = []
    for model in models:
        instance, row = _split_row(model, row)
        found.append(instance)
    return found


def refresh_later(instance: Model) -> Callable[[], None]:
    """Have an instance's row read with the next statement; return a function that takes over its fields.

    A related object stays loaded as long as its foreign key is the same. The function raises DoesNotExist.
    """
    model = type(instance)
    cursor = execute_later(_select(model, (), ("id",)), [instance.pk])

    def reload():
        row = cursor.fetchone()
        if row is None:
            raise model.DoesNotExist
        for name, value in _name_columns(model, row).items():
            setattr(instance, name, value)

    return reload


def read_rows(model: type[M], cursor: CursorWrapper) -> list[M]:
    """Return the instances of a model in the rows of an execute_later that selects list_columns."""
    return [_make_saved(model, _name_columns(model, row)) for row in cursor.fetchall()]


def list_columns(model: type[Model]) -> str:
    """Return the columns of a model's fields, for a statement that read_rows reads."""
    return ", ".join(f'"{field.column}"' for field in _list_fields(model))


def insert(instance: Model) -> None:
    """Insert a row of whose columns none is left to the database, together with the next statement or with COMMIT."""
    model, primary_key = type(instance), cast("Any", instance._meta.pk)
    if instance.pk is None:  # as save() does
        instance.pk = primary_key.get_pk_value_on_save(instance)
    values = [read(instance) for read in _list_readers(model)]
    write_later(_insert(model), values)
    instance._state.adding, instance._state.db = False, connection.alias


def update_if(instance: Model, given: Mapping[str, Any], **values: Any) -> bool:
    """Update the row of ``instance`` if its columns still equal ``given``; return whether they did.

    The instance itself does not change.
    """
    return execute_later(*_describe_update(instance, given, values)).rowcount == 1


def update_later(instance: Model, **values: Any) -> None:
    """Update the row of ``instance`` together with the next statement. The instance itself does not change."""
    write_later(*_describe_update(instance, {}, values))


def _describe_update(instance, given, values):
    fields = [instance._meta.get_field(name) for name in values]
    prepared = [field.get_db_prep_save(values[field.attname], connection) for field in fields]
    return _update(type(instance), tuple(values), tuple(given)), [*prepared, instance.pk, *given.values()]


def _split_row(model, row):
    """Return the instance in the first columns of ``row``, and the remaining columns."""
    width = len(_columns(model)[0])
    values = _name_columns(model, row[:width])
    if values[model._meta.pk.attname] is None:
        return None, row[width:]
    return _make_saved(model, values), row[width:]


def _name_columns(model, row):
    """Return {field: value} of a row of a model's columns."""
    names, converters = _columns(model)
    values = dict(zip(names, row, strict=True))
    for name, convert in converters:
        values[name] = convert(values[name], None, connection)
    return values


def _make_saved(model, values):
    """Return what ``model.from_db`` does. A model's constructor takes longer than PostgreSQL to find the row."""
    instance = model.__new__(model)
    instance.__dict__ |= values
    instance._state = ModelState()
    instance._state.adding, instance._state.db = False, connection.alias
    return instance


def _list_fields(model):
    rarely_read = getattr(model, "RARELY_READ", ())
    return [field for field in model._meta.concrete_fields if field.attname not in rarely_read]


@cache
def _columns(model):
    fields = _list_fields(model)
    converters = [(field.attname, field.from_db_value) for field in fields if hasattr(field, "from_db_value")]
    return [field.attname for field in fields], converters


@cache
def _select(model, related, names):
    table = model._meta.db_table
    columns = [f'"{table}"."{field.column}"' for field in _list_fields(model)]
    joins = ""
    for name in related:
        other = model._meta.get_field(name).related_model
        columns += [f'"{name}"."{field.column}"' for field in _list_fields(other)]
        joins += (
            f' JOIN "{other._meta.db_table}" AS "{name}" ON "{name}"."{other._meta.pk.column}" = "{table}"."{name}_id"'
        )
    conditions = " AND ".join(f'"{table}"."{name}" = %s' for name in names)
    return f'SELECT {", ".join(columns)} FROM "{table}"{joins} WHERE {conditions}'  # noqa: S608 (only names from our models)


@cache
def _select_each(models):
    columns, joins = [], ""
    for model in models:
        table, pk = model._meta.db_table, model._meta.pk.column
        columns += [f'"{table}"."{field.column}"' for field in _list_fields(model)]
        joins += f' LEFT JOIN "{table}" ON "{table}"."{pk}" = %s'
    return f"SELECT {', '.join(columns)} FROM (VALUES (0)) AS one{joins}"  # noqa: S608 (only names from our models)


@cache
def _list_readers(model):
    """Return for each of a model's columns the function that reads from an instance what is to be inserted."""
    return [_make_reader(field) for field in model._meta.concrete_fields]


def _make_reader(field):
    # What psycopg writes as it is spares the field's own preparation, which takes longer than the rest of the insert.
    # An enum's member is a text by another name, and a document in JSON may be a text too.
    name, is_document = field.attname, isinstance(field, JSONField)
    has_own_value = isinstance(field, DateField) and not (field.auto_now or field.auto_now_add)
    has_own_value |= type(field).pre_save is Field.pre_save

    def read(instance):
        value = getattr(instance, name) if has_own_value else field.pre_save(instance, add=True)
        if type(value) in WRITTEN_AS_THEY_ARE and not is_document:
            return value
        return field.get_db_prep_save(value, connection)

    return read


@cache
def _insert(model):
    names = [f'"{field.column}"' for field in model._meta.concrete_fields]
    values = ", ".join(["%s"] * len(names))
    return f'INSERT INTO "{model._meta.db_table}" ({", ".join(names)}) VALUES ({values})'  # noqa: S608 (only names from our models)


@cache
def _update(model, changed, given):
    changes = ", ".join(f'"{name}" = %s' for name in changed)
    conditions = " AND ".join(f'"{name}" = %s' for name in ("id", *given))
    return f'UPDATE "{model._meta.db_table}" SET {changes} WHERE {conditions}'  # noqa: S608 (only names from our models)

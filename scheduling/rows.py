"""Reading and writing single rows, for what every booking does.

Each statement is built once. The ORM builds it anew every time, and takes several times as long for that as
PostgreSQL for the answer. It gives and takes the ORM's own objects, but knows no signals and no null conditions.
"""

from functools import cache

from django.db import connection


def find(model, *related, **values):
    """Return the object whose fields have these values, or None; ``related`` names foreign keys to read with it.

    Fields are called as their columns: ``service_id``, not ``service``. A related row must be there.
    """
    with connection.cursor() as cursor:
        cursor.execute(_select(model, related, tuple(values)), list(values.values()))
        row = cursor.fetchone()
    if row is None:
        return None
    found, row = _take(model, row)
    for name in related:
        other, row = _take(model._meta.get_field(name).related_model, row)
        setattr(found, name, other)
    return found


def insert(thing):
    """Write a new object, whose primary key is its own, as ``save(force_insert=True)`` does."""
    fields = thing._meta.concrete_fields
    with connection.cursor() as cursor:
        cursor.execute(
            _insert(type(thing)),
            [field.get_db_prep_save(field.pre_save(thing, add=True), connection) for field in fields],
        )
    thing._state.adding, thing._state.db = False, connection.alias


def reread(thing):
    """Bring all fields of an object up to date. Related objects stay loaded, unless it is others now."""
    model = type(thing)
    fresh = find(model, id=thing.pk)
    if fresh is None:
        raise model.DoesNotExist
    for name in _shape(model)[0]:
        setattr(thing, name, getattr(fresh, name))


def change(thing, given, **values):
    """Write values to an object's row if the fields in ``given``, a dict, are still so; return whether they were.

    The object itself stays as it is.
    """
    fields = [thing._meta.get_field(name) for name in values]
    prepared = [field.get_db_prep_save(values[field.attname], connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            _change(type(thing), tuple(values), ("id", *given)), [*prepared, thing.pk, *given.values()]
        )
        return cursor.rowcount == 1


def _take(model, row):
    """Return the object that a row begins with, and the rest of the row."""
    names, converted = _shape(model)
    own = list(row[: len(names)])
    for at, convert in converted:
        own[at] = convert(own[at], None, connection)
    return model.from_db(connection.alias, names, own), row[len(names) :]


@cache
def _shape(model):
    fields = model._meta.concrete_fields
    converted = [(at, field.from_db_value) for at, field in enumerate(fields) if hasattr(field, "from_db_value")]
    return [field.attname for field in fields], converted


@cache
def _select(model, related, names):
    table, joins = model._meta.db_table, ""
    columns = _columns(model, table)
    for name in related:
        other = model._meta.get_field(name).related_model._meta
        joins += f' JOIN "{other.db_table}" AS "{name}" ON "{name}"."{other.pk.column}" = "{table}"."{name}_id"'
        columns += _columns(other.model, name)
    conditions = " AND ".join(f'"{table}"."{name}" = %s' for name in names)
    return f'SELECT {", ".join(columns)} FROM "{table}"{joins} WHERE {conditions}'  # noqa: S608 names of our own


def _columns(model, table):
    return [f'"{table}"."{field.column}"' for field in model._meta.concrete_fields]


@cache
def _insert(model):
    fields = model._meta.concrete_fields
    columns, values = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({values})'  # noqa: S608


@cache
def _change(model, changed, given):
    changes = ", ".join(f'"{name}" = %s' for name in changed)
    conditions = " AND ".join(f'"{name}" = %s' for name in given)
    return f'UPDATE "{model._meta.db_table}" SET {changes} WHERE {conditions}'  # noqa: S608

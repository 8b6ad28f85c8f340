"""Reading and changing single rows, for what every booking does.

Each statement is built once. The ORM builds it anew every time, and takes several times as long for that as
PostgreSQL for the answer. It gives and takes the ORM's own objects, but knows no signals and no null conditions.
"""

from functools import cache

from django.db import connection


def get_or_none(model, *related, **values):
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


def refresh(thing):
    """Bring all fields of an object up to date. Related objects stay loaded, unless it is others now."""
    model = type(thing)
    fresh = get_or_none(model, id=thing.pk)
    if fresh is None:
        raise model.DoesNotExist
    for name in _shape(model)[0]:
        setattr(thing, name, getattr(fresh, name))


def update_if(thing, given, **values):
    """Write values to an object's row if the fields in ``given``, a dict, are still so; return whether they were.

    The object itself stays as it is.
    """
    fields = [thing._meta.get_field(name) for name in values]
    prepared = [field.get_db_prep_save(values[field.attname], connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_update(type(thing), tuple(values), tuple(given)), [*prepared, thing.pk, *given.values()])
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
    table = model._meta.db_table
    columns = [f'"{table}"."{field.column}"' for field in model._meta.concrete_fields]
    joins = ""
    for name in related:
        other = model._meta.get_field(name).related_model._meta
        columns += [f'"{name}"."{field.column}"' for field in other.concrete_fields]
        joins += f' JOIN "{other.db_table}" AS "{name}" ON "{name}"."{other.pk.column}" = "{table}"."{name}_id"'
    conditions = " AND ".join(f'"{table}"."{name}" = %s' for name in names)
    return f'SELECT {", ".join(columns)} FROM "{table}"{joins} WHERE {conditions}'  # noqa: S608 names of our own


@cache
def _update(model, changed, given):
    changes = ", ".join(f'"{name}" = %s' for name in changed)
    conditions = " AND ".join(f'"{name}" = %s' for name in ("id", *given))
    return f'UPDATE "{model._meta.db_table}" SET {changes} WHERE {conditions}'  # noqa: S608 names of our own

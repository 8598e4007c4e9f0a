"""The numbers that a database has given to rows: one of a row that is gone is given to no other.

The history knows rows by their numbers. So a backup holds the last of each table, which may be higher than any row's.
"""

from collections.abc import Iterable, Mapping

from django.db import connection
from django.db.models import Model


def last_numbers(models: Iterable[type[Model]]) -> dict[str, int]:
    """By table, the last number that was given; none for tables whose rows get theirs otherwise."""
    numbered = [model for model in models if model._meta.auto_field is not None]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
            known = dict(cursor.fetchall())
            return {model._meta.db_table: known.get(model._meta.db_table, 0) for model in numbered}
        found = {}
        for model in numbered:
            sequence = _sequence(cursor, model)
            cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
            found[model._meta.db_table] = cursor.fetchone()[0]
        return found


def go_on_after(models: Iterable[type[Model]], numbers: Mapping[str, int]) -> None:
    """Have the next row of each table get a number above these, and above every row's."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for model in models:
            if model._meta.auto_field is None:
                continue
            table, column = model._meta.db_table, str(model._meta.auto_field.column)
            cursor.execute(f"SELECT COALESCE(MAX({quote(column)}), 0) FROM {quote(table)}")  # noqa: S608
            last = max(int(numbers.get(table, 0)), cursor.fetchone()[0])
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])
            else:
                cursor.execute("SELECT setval(%s, %s, %s)", [_sequence(cursor, model), max(last, 1), last > 0])


def _sequence(cursor: object, model: type[Model]) -> str:
    """The name of a table's sequence, quoted where that is needed."""
    assert model._meta.auto_field is not None
    quoted = connection.ops.quote_name(model._meta.db_table)
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [quoted, model._meta.auto_field.column])  # type: ignore[attr-defined]
    return str(cursor.fetchone()[0])  # type: ignore[attr-defined]

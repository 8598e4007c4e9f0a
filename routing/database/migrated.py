"""Whether the database has the migrations of this release, without importing any."""

from pathlib import Path

from django.db import connection

_FOLDER = Path(__file__).resolve().parent.parent / "migrations"


def missing_migrations() -> list[str]:
    """The names of the facade's own migrations that the database lacks, in order. Raises django.db.Error.

    One that stands for many is none of them: the database knows those that it replaces.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = %s", ["routing"])
        applied = {name for (name,) in cursor.fetchall()}
    ours = {path.stem for path in _FOLDER.glob("[0-9]*.py") if "_squashed_" not in path.stem}
    return sorted(ours - applied)

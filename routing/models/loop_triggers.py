"""No mapping leads to a hostname that this facade itself serves: the database refuses what would go round in a circle.

The condition spans three tables, so it takes triggers where a CHECK can't reach. They are made after every migration
and dropped before the next: SQLite rebuilds a table that a migration alters, loses its triggers with it, and refuses to
rename a table while another's triggers refer to one that is gone.

The same rule as in `services.targets` and `services.hostnames`, which say it in words.
"""

from typing import Any

from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

from routing.database.postgresql import is_standby

TABLES = ("routing_hostname", "routing_registry", "routing_mapping")

# The names at which a facade would be met instead of the registry: the origin's host, and the wildcard above it.
_SQLITE_REST = "substr({origin}, instr({origin}, '://') + 3)"
_SQLITE_HOST = (
    f"CASE WHEN {_SQLITE_REST} LIKE '[%' THEN substr({_SQLITE_REST}, 1, instr({_SQLITE_REST}, ']')) "
    f"ELSE substr({_SQLITE_REST}, 1, instr({_SQLITE_REST} || ':', ':') - 1) END"
)
_SQLITE_NAMES = f"({_SQLITE_HOST}, '*' || substr({_SQLITE_HOST}, instr({_SQLITE_HOST}, '.')))"
_POSTGRESQL_HOST = r"substring({origin} from '://(\[[^]]*\]|[^:]*)')"
_POSTGRESQL_NAMES = rf"({_POSTGRESQL_HOST}, '*' || substring({_POSTGRESQL_HOST} from '\..*'))"

# Table → what a row in it must not meet, and what has to change for it to be asked again.
_RULES = {
    "routing_registry": (
        "SELECT 1 FROM routing_hostname h WHERE h.name IN {new_names}",
        "NEW.origin <> OLD.origin",
    ),
    "routing_hostname": (
        # Another tenant's registry must not keep a name from its owner.
        "SELECT 1 FROM routing_registry r WHERE NEW.name IN {names} "
        "AND (r.tenant_id IS NULL OR r.tenant_id = NEW.tenant_id)",
        "NEW.name <> OLD.name OR NEW.tenant_id <> OLD.tenant_id",
    ),
    "routing_mapping": (
        "SELECT 1 FROM routing_registry r JOIN routing_hostname h ON h.name IN {names} WHERE r.id = NEW.registry_id",
        "NEW.registry_id <> OLD.registry_id",
    ),
}


def _statements(vendor: str) -> list[str]:
    names = _POSTGRESQL_NAMES if vendor == "postgresql" else _SQLITE_NAMES
    made = []
    for table, (meets, changed) in _RULES.items():
        condition = meets.format(names=names.format(origin="r.origin"), new_names=names.format(origin="NEW.origin"))
        name = _name(table)
        if vendor == "postgresql":
            made.append(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF EXISTS ({condition}) THEN RAISE EXCEPTION '{name}' USING ERRCODE = 'check_violation'; END IF; "
                "RETURN NEW; END $$"
            )
        for event, when in (("insert", ""), ("update", changed)):
            head = f"CREATE TRIGGER {name}_{event} BEFORE {event.upper()} ON {table} FOR EACH ROW"
            if vendor == "postgresql":
                made.append(f"{head} {f'WHEN ({when})' if when else ''} EXECUTE FUNCTION {name}()")
            else:
                both = f"({when}) AND EXISTS ({condition})" if when else f"EXISTS ({condition})"
                made.append(f"{head} WHEN {both} BEGIN SELECT RAISE(ABORT, '{name}'); END")
    return made


def _name(table: str) -> str:
    return f"{table}_leads_round"


def _drop(using: str) -> None:
    connection = connections[using]
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
        for table in present.intersection(TABLES):
            for event in ("insert", "update"):
                where = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(table)}_{event}{where}")


def drop_triggers(using: str, **_: Any) -> None:
    """Take the triggers away while tables change."""
    if not is_standby():
        _drop(using)


def make_triggers(using: str, **_: Any) -> None:
    """Make the triggers anew, where all three tables are there. A standby has those of the server that it follows."""
    if is_standby():
        return
    _drop(using)
    connection = connections[using]
    with connection.cursor() as cursor:
        if set(TABLES).issubset(connection.introspection.table_names(cursor)):
            for statement in _statements(connection.vendor):
                cursor.execute(statement)


def keep_triggers(app: Any) -> None:
    """Have the triggers made whenever the app's tables were migrated."""
    pre_migrate.connect(drop_triggers, sender=app, dispatch_uid="routing.loops")
    post_migrate.connect(make_triggers, sender=app, dispatch_uid="routing.loops")

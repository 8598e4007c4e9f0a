"""Which migrations a database has, the models as they were then, and which tables a backup holds.

A migration that stands for many (Django's `replaces`) is not spoken of here: a backup of a new database and one of a
database that came from an older release name the same migrations.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from routing.services.base.errors import ServiceError

Node = tuple[str, str]

#: Tables that no backup holds, and why.
LEFT_OUT = {
    "sessions.session": "whoever has the key of a session is signed in: people sign in anew",
    "routing.change": "the change log begins anew, so that every worker loads the whole table",
    "routing.confirmation": "it tells of generations of another database",
    "routing.generation": "the file's first line has it",
    "routing.restoration": "it tells of another database",
    "routing.lease": "what processes of the former servers hold",
    "routing.rate": "counts of the last minutes",
    "routing.round": "when the former servers did the regular work",
    "routing.server": "what the former servers served",
    "routing.tablecheck": "what the former servers found",
}
#: Columns that a backup holds empty unless somebody chose otherwise: accounts at other people's registries.
ACCOUNTS = {"routing.registry": ("account_sealed",), "routing.mapping": ("account_sealed",)}
#: Tables in which migrations themselves write rows.
FILLED_BY_MIGRATIONS = ("contenttypes.contenttype", "auth.permission", "routing.registry")


class Schema(NamedTuple):
    """The models as they were after some migrations: those that a backup holds, by table, and all of them."""

    models: Mapping[str, type[Model]]
    apps: Any

    def model(self, name: str) -> Any:
        """One of the facade's; None where there was none then."""
        try:
            return self.apps.get_model("routing", name)
        except LookupError:
            return None


def applied() -> set[Node]:
    """The migrations that the database has, of the apps that this release has; none in a new one.

    Raises ServiceError where it has some that this release doesn't know, django.db.Error.
    """
    loader = one_by_one(connection)
    found = {node for node in loader.applied_migrations if node[0] in loader.migrated_apps}
    known = set(loader.graph.nodes)
    replacements = {node for node in known if loader.disk_migrations[node].replaces}
    if unknown := sorted(found - known):
        raise ServiceError(f"the database was migrated by a newer release ({'.'.join(unknown[-1])}): use that one")
    return found - replacements


def last_of(nodes: set[Node]) -> dict[str, str]:
    """By app, the one of these migrations after which none of the others comes."""
    graph = _loader().graph
    # In its own app: what another app's migration needs may have successors.
    followed = {parent.key for node in nodes for parent in graph.node_map[node].parents if parent.key[0] == node[0]}
    return dict(sorted(nodes - followed))


def newest() -> dict[str, str]:
    """By app, this release's last migration."""
    loader = _loader()
    return dict(sorted(node for node in loader.graph.leaf_nodes() if not loader.disk_migrations[node].replaces))


def up_to(migrations: Mapping[str, str]) -> set[Node]:
    """These migrations and all before them. Raises KeyError where this release doesn't know one."""
    graph = _loader().graph
    nodes = [graph.node_map[node].key for node in migrations.items()]
    return {each for node in nodes for each in graph.forwards_plan(node)}


@cache
def schema_at(migrations: tuple[Node, ...]) -> Schema:
    """The models as they were after these migrations."""
    apps = _loader().project_state(list(migrations)).apps
    found = _kept(apps.get_models(include_auto_created=True))
    return Schema({model._meta.db_table: model for model in found}, apps)


def _kept(models: Any) -> Iterator[type[Model]]:
    for model in models:
        options = model._meta
        if options.managed and not options.proxy and not options.swapped and options.label_lower not in LEFT_OUT:
            yield model


def one_by_one(connection: BaseDatabaseWrapper | None) -> MigrationLoader:
    """What migrations there are, each for itself, beside those that replace them. None: without a database."""
    return MigrationLoader(connection, replace_migrations=False)


@cache
def _loader() -> MigrationLoader:
    return one_by_one(None)

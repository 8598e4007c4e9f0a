"""What every test may ask for: two tenants with their people and hostnames, and the table that a worker would have.

The people are those of an isolation test: the owner and a teammate act for one tenant, the outsider for another.

Tests stand alone, so every run has a random order. pytest prints its seed; `FACADE_TEST_SEED` repeats it.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from pytest_django import DjangoDbBlocker, Settings

from routing import management
from routing.core.table.routing_table import Table
from routing.database.outage import outage
from routing.dataplane.live.live_table import live_table
from routing.models import Generation, Hostname, Membership, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import add_hostname
from routing.services.people.tenants import add_tenant
from tests.dns.name_server import NameServer
from tests.e2e.matrix_report import print_matrix
from tests.examples import register_profiles

register_profiles()
# Django loads a command when it is first called. If a test has replaced something of a module just then, the command
# would keep that for all tests that come later on this worker.
for module in pkgutil.walk_packages(management.__path__, f"{management.__name__}."):
    import_module(module.name)
ROOT = Path(__file__).resolve().parent.parent
#: A module that has one of these starts programs: itself, or by what it imports.
STARTS_PROGRAMS = ("sys.executable", "tests.moving.databases", "tests.dataplane.following", "tests.e2e.postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["only", "without"],
        help="the tests alone that touch a database, to which another one makes a difference; or the others",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts programs, which `make test-fast` leaves out, and say what stays together.

    Where the run is by groups, as the end-to-end part is: keep those on one worker that share what starts slowly.

    No test needs that. It saves time: the servers and browsers that a module shares start once and not on each worker.
    The long ones come first, or else all workers would wait for one at the end. Before xdist, which reads the groups.
    """
    for item in items:
        if starts_programs(item.path):
            item.add_marker(pytest.mark.programs)
        if item.get_closest_marker("xdist_group") is None and shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    if config.getoption("loadgroup", False):
        items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if wanted := config.getoption("--database"):
        groups: dict[bool, list[pytest.Item]] = {True: [], False: []}
        for item in items:
            groups[_touches_database(item)].append(item)
        items[:], left_out = groups[wanted == "only"], groups[wanted != "only"]
        config.hook.pytest_deselected(items=left_out)


@cache
def starts_programs(path: Path) -> bool:
    """Whether the tests of a module start `manage.py`, servers or the like, each of which takes a second or more."""
    text = path.read_text()
    return any(word in text for word in STARTS_PROGRAMS)


def shares_a_fixture(item: pytest.Item) -> bool:
    """Whether it asks for something that is made once for several tests. The database is made once a worker anyway."""
    asked_for = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(
        definitions[-1].scope != "function" and definitions[-1].func.__module__.startswith("tests.")
        for name, definitions in asked_for.items()
        if not name.startswith("django_db_")
    )


def _touches_database(item: pytest.Item) -> bool:
    """Whether pytest-django lets it: by its mark, or by a fixture that asks for the database."""
    asked_for = {"db", "transactional_db", "django_db_setup"} & set(getattr(item, "fixturenames", ()))
    return bool(asked_for) or item.get_closest_marker("django_db") is not None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes = [terminalreporter.stats.get(outcome, []) for outcome in ("passed", "failed")]
    reports = [report for reports in outcomes for report in reports if isinstance(report, pytest.TestReport)]
    print_matrix([report for report in reports if report.when == "call"], terminalreporter)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep SQLite's test database in a file, as in production: in memory its threads would share other locks.

    The file is what the migrations made in an earlier run: making it takes longer than some hundred tests.
    """
    if connection.vendor == "sqlite":
        path: Path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(path)
        if migrated_database().exists():
            shutil.copyfile(migrated_database(), path)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool, django_db_modify_db_settings: None) -> bool:
    """Whether there is a database to begin with. Django then runs what migrations it lacks."""
    name = settings.DATABASES["default"].get("TEST", {}).get("NAME")
    return django_db_keepdb or (connection.vendor == "sqlite" and Path(name).exists())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Keep for later runs what the migrations have made in this one."""
    if connection.vendor == "sqlite" and not migrated_database().exists():
        migrated_database().parent.mkdir(parents=True, exist_ok=True)
        fresh = migrated_database().with_suffix(f".{os.getpid()}")
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(fresh)])
        # In one step: another worker may be about to copy it.
        fresh.rename(migrated_database())


@cache
def migrated_database() -> Path:
    """Where the database is kept that these very migrations make, with these very packages."""
    made_by = [*sorted((ROOT / "routing" / "migrations").glob("*.py")), ROOT / "routing/models/loop_triggers.py"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [*made_by, ROOT / "requirements.txt"]))
    return ROOT / ".pytest_cache" / "databases" / f"{digest.hexdigest()[:32]}.sqlite3"


@pytest.fixture(autouse=True)
def _database_answers() -> Iterator[None]:
    """No test leaves to the next one that the database is gone: a process remembers that for some seconds."""
    outage.end()
    yield
    outage.end()


@receiver(post_migrate)
def _keep_the_generation(sender: AppConfig, **_: object) -> None:
    """Emptying the tables after a test takes what migrations have put there, which no database is without."""
    if sender.label == "routing" and Generation._meta.db_table in connection.introspection.table_names():
        Generation.objects.get_or_create(pk=1)


@dataclass(frozen=True)
class Person:
    """Somebody who signs in, and the tenant for which they act."""

    user: User
    actor: Actor
    tenant: Tenant
    hostname: Hostname


def _person(name: str, role: Role, tenant: Tenant, hostname: Hostname) -> Person:
    user = get_user_model().objects.create_user(username=name, email=f"{name}@{hostname.name}")
    Membership.objects.create(tenant=tenant, user=user, role=role)
    return Person(user, Actor.person(user), tenant, hostname)


def _tenant_with_hostname(slug: str) -> tuple[Tenant, Hostname]:
    set_up = Actor.program("test set-up")
    tenant = add_tenant(set_up, "", slug=slug, name=slug.title())
    return tenant, add_hostname(set_up, "", tenant_id=tenant.pk, name=f"docker.{slug}.com")


@pytest.fixture
def platform() -> Actor:
    """An operator of the platform, who may do everything."""
    return Actor("olga", is_operator=True)


@pytest.fixture
def owner(db: None) -> Person:
    """Alice, an owner of the tenant acme, whose hostname is docker.acme.com."""
    return make_owner("alice", "acme")


@pytest.fixture
def teammate(owner: Person) -> Person:
    """Bob, an operator of the owner's tenant."""
    return _person("bob", Role.OPERATOR, owner.tenant, owner.hostname)


@pytest.fixture
def outsider(db: None) -> Person:
    """Charles, an owner of the tenant globex, whose hostname is docker.globex.com."""
    return make_owner("charles", "globex")


def make_owner(username: str, tenant: str) -> Person:
    """An owner of a new tenant, with its hostname."""
    return _person(username, Role.OWNER, *_tenant_with_hostname(tenant))


@pytest.fixture
def name_server(settings: Settings) -> Iterator[NameServer]:
    """A name server on loopback, the one that is asked for the proof of hostnames. It knows no name yet."""
    server = NameServer()
    settings.FACADE_DNS_SERVERS = [server.at]
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _no_table_left_over() -> Iterator[None]:
    """No test sees the table of another."""
    yield
    live_table.table, live_table.confirmed_at = None, None


@pytest.fixture
def table() -> Callable[[], Table]:
    """Brings this process's live table up to date with the database, as a worker's thread does, and gives it."""

    def refreshed() -> Table:
        live_table.refresh()
        assert live_table.table is not None
        return live_table.table

    return refreshed

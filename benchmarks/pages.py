"""Pages of a large facade: server time of the first page and of every list. Run in a process of its own.

`python -m benchmarks.pages HOSTNAMES` fills the empty database that DATABASE_URL names: hostnames with mappings by
benchmarks.fill, a year of pulls by itself. Then it asks for each page as Django's test client does, and prints one
line `MILLISECONDS QUERIES PAGE` each.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import django

from benchmarks import fill
from benchmarks.databases import empty_database
from benchmarks.servers import ROOT, SERVER_CORE, TARGET

MOST_MILLISECONDS = 300
_MAPPINGS_EACH = 10
_DAYS, _HOURS = 365, 168
# So many hostnames are pulled from each day, and so many rows does each have of it.
_PULLED, _ROWS_EACH = 500, 6
_TIMES = 5


def pages(options: argparse.Namespace) -> list[str]:
    """Measure on both databases. Raises SystemExit where a page takes longer than was promised."""
    found = {}
    for kind in ("SQLite", "PostgreSQL"):
        with empty_database(kind) as url, tempfile.TemporaryDirectory() as folder:
            found[kind] = _measured(url or f"sqlite:///{folder}/facade.sqlite3", folder, options.hostnames)
    rows = [
        f"| {page} | {' | '.join(f'{found[kind][page][0]:.0f} ms | {found[kind][page][1]}' for kind in found)} |"
        for page in found["SQLite"]
    ]
    held = [page for page in found["SQLite"] if page == "first page" or (page.startswith("list: ") and "," not in page)]
    slow = {(kind, page) for kind in found for page in held if found[kind][page][0] > MOST_MILLISECONDS}
    if slow:
        print("\n".join(rows))
        raise SystemExit(f"over {MOST_MILLISECONDS} ms: {sorted(slow)}")
    return [
        "## Pages of a large facade",
        "",
        f"{options.hostnames * _MAPPINGS_EACH:,} mappings on {options.hostnames:,} hostnames of one tenant, and "
        f"{_DAYS * _PULLED * _ROWS_EACH + _HOURS * _PULLED * _ROWS_EACH:,} rows of a year of pulls. Server time of a "
        f"page for an administrator, without a cache of pages; medians of {_TIMES}.",
        "",
        "| page | SQLite | queries | PostgreSQL | queries |",
        "|---|---:|---:|---:|---:|",
        *rows,
    ]


def _measured(url: str, folder: str, hostnames: int) -> dict[str, tuple[float, int]]:
    environment = os.environ | {
        "DATABASE_URL": url,
        "FACADE_STATE_DIR": folder,
        "FACADE_CONTROL_HOSTS": "localhost",
        "SECRET_KEY": "only-for-a-benchmark",
    }
    command = ["taskset", "-c", SERVER_CORE, sys.executable, "-m", "benchmarks.pages", str(hostnames)]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        print(line, flush=True)
        milliseconds, queries, page = line.split(maxsplit=2)
        found[page] = float(milliseconds), int(queries)
    return found


# ---------------------------------------------------------------- in the process of its own
def main(hostnames: int) -> None:
    """Fill the database, and ask for each page."""
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", verbosity=0)
    fill.main(hostnames, _MAPPINGS_EACH, TARGET, "none")
    _fill_pulls()
    if connection.vendor == "postgresql":
        # What it does by itself within minutes.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    for page, address in _addresses().items():
        _measure(page, address)


def _fill_pulls() -> None:
    """A year of pulls by day, and a week of them by hour, as workers would have counted them."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for ago in range(_DAYS):
        _add("day", now.replace(hour=0) - timedelta(days=ago))
    for ago in range(_HOURS):
        _add("hour", now - timedelta(hours=ago))


def _add(grain: str, at: datetime) -> None:
    from django.db import connection, transaction

    moment = connection.ops.adapt_datetimefield_value(at)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO routing_pullcount (grain, at, key, tenant_id, hostname, mapping, repository, client, major, "
            "platform, target, tags, digests, looks, redirected, remembered, relayed, refused, failed) "
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
            "SELECT %s, %s, h.id || '-' || n.i, h.tenant_id, h.name, 'acme' || n.i, 'acme' || n.i || '/app', "
            "'docker', '28', 'linux/amd64', 'registry.example.com', 1 + h.id %% 7, 0, 0, 1 + h.id %% 7, 0, 0, 0, 0 "
            "FROM (SELECT id, name, tenant_id FROM routing_hostname ORDER BY id LIMIT %s) h CROSS JOIN n",
            [_ROWS_EACH - 1, grain, moment, _PULLED],
        )
        if grain != "day":
            return
        cursor.execute(
            "INSERT INTO routing_referencecount (grain, at, key, tenant_id, hostname, repository, reference, requests) "
            "SELECT %s, %s, h.id || '-0', h.tenant_id, h.name, 'acme0/app', '1.0', 3 "
            "FROM (SELECT id, name, tenant_id FROM routing_hostname ORDER BY id LIMIT %s) h",
            [grain, moment, _PULLED],
        )
        cursor.execute(
            "INSERT INTO routing_orphancount (grain, at, key, tenant_id, hostname, repository, requests) "
            "SELECT %s, %s, h.id || '-0', h.tenant_id, h.name, 'amce/app', 3 "
            "FROM (SELECT id, name, tenant_id FROM routing_hostname ORDER BY id LIMIT %s) h",
            [grain, moment, _PULLED],
        )


def _addresses() -> dict[str, str]:
    """Every list, with a search, with its last rows, and the pages of one row that has the most below it."""
    from django.contrib import admin
    from django.urls import reverse

    from routing.models import Hostname, Mapping, Registry, Tenant

    found = {"first page": reverse("admin:index"), "pulls": reverse("admin:pulls"), "history": reverse("admin:history")}
    found["pulls of a year"] = found["pulls"] + "?since=365d"
    found["search"] = reverse("admin:search") + "?q=docker777"
    for model in admin.site._registry:
        noun = model._meta.model_name
        if model._meta.app_label == "routing":
            found[f"list: {model._meta.verbose_name_plural}"] = reverse(f"admin:routing_{noun}_changelist")
    mappings, hostnames = (reverse(f"admin:routing_{noun}_changelist") for noun in ("mapping", "hostname"))
    found |= {
        "list: mappings, searched": mappings + "?q=docker777.example.com",
        "list: mappings, of an image": mappings + "?q=docker777.example.com/acme3/app:1.0",
        "list: mappings, a part of a name": mappings + "?q=acme3",
        "list: mappings, page 5,000": mappings + "?p=5000",
        "list: hostnames, searched": hostnames + "?q=docker777",
        "list: hostnames, page 500": hostnames + "?p=500",
    }
    rows: list[Any] = [
        Tenant.objects.get(slug="bench"),
        Registry.objects.get(tenant__slug="bench", name="r"),
        Hostname.objects.order_by("pk")[0],
        Mapping.objects.order_by("pk")[0],
    ]
    for row in rows:
        noun = row._meta.model_name
        found[f"a {noun}"] = reverse(f"admin:routing_{noun}_change", args=[row.pk])
    return found


def _measure(page: str, address: str) -> None:
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    person, _ = get_user_model().objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(person)

    def ask() -> None:
        answer = client.get(address)
        if answer.status_code != 200:
            raise SystemExit(f"{page} ({address}) answers {answer.status_code}")

    ask()
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    with connection.execute_wrapper(counter := _Counter()):
        ask()
    print(f"{statistics.median(took) * 1000:.1f} {counter.queries} {page}", flush=True)


class _Counter:
    """Counts queries, also across the requests at whose beginning Django forgets its own list of them."""

    queries = 0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        self.queries += 1
        return execute(*arguments)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    main(int(sys.argv[1]))

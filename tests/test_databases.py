"""A database's URL with which nothing could ever work is refused at the start, in one line without its values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from facade_site.databases import database, listen_options

ROOT = Path(__file__).resolve().parent.parent
BASE = "postgres://facade:hunter2@localhost:5432/facade"
ABSOLUTE = "the file of SQLite's database is an absolute path, after four slashes"

UNUSABLE = [
    ("postgres://facade:hunter2@localhost", "it names no database; expected is postgres://"),
    ("postgres://facade:hunter2@localhost/", "it names no database; expected is postgres://"),
    # Passwords that a ? cuts.
    ("postgres://facade:12/x?hunter2@localhost/facade", "something in its query has no value"),
    ("postgres://facade:12/x?hunter2%3F=@localhost/facade", "something in its query is no option"),
    ("postgres://facade:12?hunter2@localhost/facade", "it names no database; expected is postgres://"),
    (f"postgres://facade@localhost/{'hunter2' * 10}", "the name of its database is longer than 63 characters"),
    (f"{BASE}?sslmod=hunter2", "sslmod in its query is no option"),
    # A parameter of psycopg's that no text can be.
    (f"{BASE}?row_factory=hunter2", "row_factory in its query is no option"),
    (f"{BASE}?sslmode=", "sslmode in its query has no value"),
    (f"{BASE}?sslmode=hunter2", "PostgreSQL's client refuses what it says for sslmode"),
    (f"{BASE}?target_session_attrs=hunter2", "PostgreSQL's client refuses what it says for target_session_attrs"),
    (f"{BASE}?service=hunter2", "PostgreSQL's client refuses what it says for service"),
    (f"{BASE}?tcp_user_timeout=hunter2", "tcp_user_timeout in its query is a whole number"),
    (f"{BASE}?keepalives_idle=5s", "keepalives_idle in its query is a whole number"),
    (f"{BASE}?keepalives=99999999999", "keepalives in its query is a whole number"),
    (f"{BASE}?prepare_threshold=hunter2", "prepare_threshold in its query is a whole number"),
    (f"{BASE}?isolation_level=hunter2", "isolation_level in its query is a number from 1 to 4"),
    ("postgres://facade@/facade?host=/run/hunter2&port=hunter2", "port is a whole number from 1 to 65535"),
    ("postgres://facade@/facade?host=a,b&port=1,70000", "port is a whole number from 1 to 65535"),
    ("postgres://facade@/facade?host=a,b&port=1,2,3", "PostgreSQL's client refuses what it says for port"),
    (f"{BASE}?conn_max_age=60", "the facade sets CONN_MAX_AGE itself"),
    (f"{BASE}?atomic_requests=True&autocommit=False", "the facade sets ATOMIC_REQUESTS, AUTOCOMMIT itself"),
    ("sqlite:////var/lib/facade.sqlite3?conn_max_age=60", "the facade sets CONN_MAX_AGE itself"),
    ("sqlite://", ABSOLUTE),
    ("sqlite:///:memory:", ABSOLUTE),
    ("sqlite:///hunter2.sqlite3", ABSOLUTE),
    # Two slashes: its first folder would be taken for a host.
    ("sqlite://var/lib/hunter2.sqlite3", ABSOLUTE),
]


@pytest.mark.parametrize(("url", "why"), UNUSABLE, ids=[row[0] for row in UNUSABLE])
@pytest.mark.filterwarnings("ignore:SQLite URL contains host component")
def test_a_url_that_never_works_is_refused(url: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        database(url, tmp_path, 10.0)

    line = str(refused.value)
    assert line.startswith(f"DATABASE_URL can't be used: {why}")
    assert "hunter2" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        "postgres://facade@/facade?host=/var/run/postgresql",
        "postgres://facade@/facade?host=a,b&port=5432,5433&target_session_attrs=read-write",
        f"{BASE}?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem&application_name=x&options=-c%20search_path=facade",
        # Each of the two would be refused without the other, or not.
        f"{BASE}?sslnegotiation=direct&sslmode=require",
        f"{BASE}?tcp_user_timeout=5000&keepalives_idle=5&conn_max_age=0&disable_server_side_cursors=True",
        f"{BASE}?isolation_level=2&assume_role=facade&prepare_threshold=5",
    ],
)
def test_a_url_that_may_work_is_taken(url: str, tmp_path: Path) -> None:
    assert database(url, tmp_path, 10.0)["NAME"] == "facade"


def test_a_service_names_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "services").write_text("[facade]\ndbname=facade\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))

    assert database("postgres:///?service=facade", tmp_path, 10.0)["OPTIONS"]["service"] == "facade"


def test_what_the_process_tells_libpq_is_not_blamed_on_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "nonsense")

    assert database(BASE, tmp_path, 10.0)["NAME"] == "facade"


def test_without_a_url_the_state_folder_holds_the_database_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a%20b?c#d"

    assert database("", folder, 10.0)["NAME"] == str(folder / "facade.sqlite3")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("tcp_user_timeout=hunter2", "tcp_user_timeout in its query is a whole number"),
        ("sslmode=hunter2", "PostgreSQL's client refuses what it says for sslmode"),
    ],
)
def test_so_is_the_url_of_the_server_behind_a_pooler(query: str, why: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        listen_options(f"{BASE}?{query}")

    assert str(refused.value) == f"FACADE_LISTEN_DATABASE_URL can't be used: {why}"


def test_the_server_behind_a_pooler_is_named_as_libpq_names_it() -> None:
    assert listen_options(BASE)["dbname"] == "facade"


@pytest.mark.parametrize(
    "argv",
    [
        [sys.executable, "manage.py", "list_mappings"],
        [str(Path(sys.executable).parent / "gunicorn"), "--config", "facade_site/gunicorn_config.py"],
    ],
    ids=["manage.py", "gunicorn"],
)
@pytest.mark.parametrize("query", ["sslmod=hunter2", "conn_max_age=60"])
def test_a_program_tells_it_in_one_line(argv: list[str], query: str, tmp_path: Path) -> None:
    given = {"FACADE_STATE_DIR": str(tmp_path), "DATABASE_URL": f"{BASE}?{query}"}
    environment = os.environ | given | {"DJANGO_SETTINGS_MODULE": "facade_site.settings"}

    ended = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("DATABASE_URL can't be used: ")
    assert ended.stderr.count("\n") == 1

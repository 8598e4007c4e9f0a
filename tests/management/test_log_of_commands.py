"""What a command writes beside its own words: at a terminal nothing, for programs its events as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """That of a process whose database is the test's."""
    name = connection.settings_dict["NAME"]
    server = os.environ.get("TEST_DATABASE_URL", "")
    database = urlsplit(server)._replace(path=f"/{name}").geturl() if server else f"sqlite:///{name}"
    return os.environ | {"DJANGO_SETTINGS_MODULE": "facade_site.settings_test", "TEST_DATABASE_URL": database}


def manage(*arguments: str, **given: str) -> tuple[str, str]:
    """What manage.py, as a process, prints on standard output and on standard error."""
    argv = [sys.executable, str(ROOT / "manage.py"), *arguments]
    done = subprocess.run(argv, env=environment() | given, capture_output=True, check=True, timeout=120)
    return done.stdout.decode(), done.stderr.decode()


COMMANDS = [
    (["add_mapping", "docker.acme.com", "acme", "ghcr.io/acme", "--tenant", "acme"], "Added mapping", "mapping.added"),
    (["create_first_admin"], "The first administrator", "account.first_admin_created"),
]


@pytest.mark.parametrize(("arguments", "says", "_event"), COMMANDS, ids=[row[2] for row in COMMANDS])
def test_people_get_the_sentence_alone(arguments: list[str], says: str, _event: str) -> None:
    out, err = manage(*arguments)

    assert says in out
    assert err == ""


@pytest.mark.parametrize(("arguments", "says", "event"), COMMANDS, ids=[row[2] for row in COMMANDS])
def test_programs_get_the_event_as_well(arguments: list[str], says: str, event: str) -> None:
    out, err = manage(*arguments, FACADE_LOG_FORMAT="json")

    assert says in out
    records = [json.loads(line) for line in err.splitlines()]
    assert event in [record["event"] for record in records]
    assert {record["actor"].partition(":")[0] for record in records} == {"command line"}

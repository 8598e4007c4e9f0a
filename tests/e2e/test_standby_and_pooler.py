"""A server on a standby that is promoted, and one behind PgBouncer in transaction mode; no error in any log."""

from __future__ import annotations

import json
import re
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import psycopg
import pytest

from tests.e2e.facade import PASSWORD, USERNAME, Answer, Facade
from tests.e2e.lab.process import LabError, wait_until
from tests.e2e.postgresql import OutagePostgresql
from tests.e2e.replication import PgBouncer, Standby

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
# What PostgreSQL and PgBouncer begin the lines with that are no good news.
BAD_NEWS = re.compile(r".*\b(?:ERROR|FATAL|PANIC|WARNING)\b.*|.*unsupported startup.*")


@pytest.fixture(scope="module")
def primary(server: OutagePostgresql) -> OutagePostgresql:
    return server


class OnMade(Facade):
    """A facade on a database that was made by another way than it goes."""

    made_by: str

    def _make_database(self) -> None:
        own = self.env["DATABASE_URL"]
        self.env["DATABASE_URL"] = self.made_by
        with psycopg.connect(self.made_by) as connection:
            is_new = connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,)
        if is_new:
            super()._make_database()
            self.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        self.env["DATABASE_URL"] = own


def facade_on(url: str, made_by: str, **settings: str) -> Facade:
    """One worker, which probes nothing."""
    made = type("Made", (OnMade,), {"made_by": made_by})
    return made(database_url=url, workers=1, FACADE_PROBE_ON_SAVE="false", **settings)  # type: ignore[no-any-return]


def follows(facade: Facade, target: str) -> None:
    facade.wait_for(PATH, 307, host=HOST, location=f"https://{target}{PATH}")


def listeners(url: str) -> int:
    """How many connections listen."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '% listen'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def word(facade: Facade) -> str:
    return str(facade.request("GET", "/readyz").json()["database"])


def bad_news(log: str) -> list[str]:
    return [line for line in log.splitlines() if BAD_NEWS.fullmatch(line)]


def token_by(facade: Facade, url: str) -> dict[str, str]:
    """A header with a new API token."""
    # Tests share the account.
    said = facade.manage("create_api_token", USERNAME, secrets.token_hex(4), extra={"DATABASE_URL": url})
    found = re.search(r"facade_\S+", said)
    assert found is not None
    return {"Authorization": f"Bearer {found[0]}", "Content-Type": "application/json"}


def add(facade: Facade, token: dict[str, str], prefix: str) -> Answer:
    mapping = {
        "hostname": HOST,
        "prefix": prefix,
        "target": f"quay.io/{prefix}",
        "delivery": "redirect-only",
        "create_hostname": True,
    }
    return facade.request("POST", "/api/v1/mappings", headers=token, body=json.dumps(mapping).encode())


def test_a_server_on_a_standby_follows_and_is_writable_once_that_is_promoted(primary: OutagePostgresql) -> None:
    with Standby(primary) as standby, facade_on(standby.url, primary.url) as facade:
        token = token_by(facade, primary.url)
        target = "ghcr.io"
        for target in ("quay.io", "ghcr.io"):
            facade.manage(
                "repoint", HOST, "acme", f"{target}/acme", "--reason", "test", extra={"DATABASE_URL": primary.url}
            )
            follows(facade, target)
        wait_until(lambda: word(facade) == "read-only", "readyz says so")
        assert facade.request("GET", "/api/v1/mappings", headers=token).status == 200
        assert facade.request("GET", "/accounts/login/").status == 200
        refused = add(facade, token, "while-standby")
        assert (refused.status, "read-only" in refused.json()["message"]) == (503, True)
        facade.manage("migrate", "--verbosity", "0")
        facade.manage("prepare_database")
        facade.manage("maintain", "--once")
        with pytest.raises(LabError, match="read-only here, as a standby is"):
            facade.manage("repoint", HOST, "acme", "docker.io/acme", "--reason", "test")
        assert bad_news(standby.log()) == []
        assert "Traceback" not in facade.log()

        standby.promote()
        wait_until(lambda: word(facade) == "ok", "the server has noticed")
        assert add(facade, token, "promoted").status == 201
        facade.wait_for("/v2/promoted/app/manifests/1.0", 307, host=HOST)
        wait_until(lambda: listeners(standby.url) > 0, "the worker listens by itself")
        wait_until(lambda: facade.request("GET", "/readyz").json()["maintenance"] == "ok", "the regular work begins")
        # What the standby followed with ends, by its own word, when it is promoted.
        assert [line for line in bad_news(standby.log()) if "walreceiver" not in line] == []


def sign_in(facade: Facade) -> str:
    """The cookies of somebody who has signed in."""
    page = facade.request("GET", "/accounts/login/")
    cookie = page.headers["set-cookie"].partition(";")[0]
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())
    assert found is not None
    form = urlencode({"login": USERNAME, "password": PASSWORD, "csrfmiddlewaretoken": found[1]})
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    answer = facade.request("POST", "/accounts/login/", headers=headers, body=form.encode())
    assert answer.status == 302, answer.body
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("listens", [False, True], ids=["by polling", "by a connection of its own"])
def test_a_server_behind_a_pooler_in_transaction_mode_follows(primary: OutagePostgresql, listens: bool) -> None:
    direct = {"FACADE_LISTEN_DATABASE_URL": primary.url} if listens else {}
    with PgBouncer(primary) as bouncer, facade_on(bouncer.url, primary.url, **direct) as facade:
        seen = len(primary.log())
        token = token_by(facade, bouncer.url)
        for target in ("quay.io", "ghcr.io"):
            facade.manage("repoint", HOST, "acme", f"{target}/acme", "--reason", "test")
            follows(facade, target)
        assert add(facade, token, f"pooled-{listens}".lower()).status == 201
        session = {"Cookie": sign_in(facade)}
        for page in ("/admin/", "/admin/routing/mapping/", "/admin/routing/mapping/add/", "/admin/routing/hostname/"):
            assert facade.request("GET", page, headers=session).status == 200
        facade.manage("check_table", "--wait", "100")
        facade.manage("migrate", "--verbosity", "0")
        wait_until(lambda: (listeners(primary.url) > 0) == listens, "who should listens")
        with psycopg.connect(bouncer.url, prepare_threshold=None) as connection:
            left = connection.execute("SHOW lock_timeout").fetchone()
            prepared = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        log = primary.log()[seen:]

        assert left == ("0",)
        assert prepared == (0,)
        assert bad_news(log) == bad_news(bouncer.log()) == []
        assert bad_news(facade.log()) == []


def test_a_database_that_falls_silent_behind_a_pooler_is_told_and_followed_again(primary: OutagePostgresql) -> None:
    """The pooler goes on taking what is sent, and answers nothing."""
    with PgBouncer(primary) as bouncer, facade_on(bouncer.url, primary.url) as facade:
        token = token_by(facade, bouncer.url)
        for _ in range(2):
            with primary.silent():
                wait_until(lambda: facade.request("GET", "/readyz").json()["status"] == "stale", "readyz says so")
                wait_until(lambda: word(facade) == "unreachable", "a look was given up")
                with ThreadPoolExecutor(12) as people:
                    asked = people.map(lambda _: facade.request("GET", "/api/v1/mappings", headers=token), range(12))
                    assert {answer.status for answer in asked} == {503}
            wait_until(lambda: word(facade) == "ok", "all is well again")

        facade.manage("repoint", HOST, "acme", "docker.io/acme", "--reason", "test")
        facade.wait_for(PATH, 307, host=HOST, location=f"https://registry-1.docker.io{PATH}")


def test_a_server_to_listen_to_that_keeps_silent_holds_nothing_up(primary: OutagePostgresql) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        PgBouncer(primary) as bouncer,
        facade_on(
            bouncer.url,
            primary.url,
            FACADE_LISTEN_DATABASE_URL=f"postgres://facade@127.0.0.1:{silent.getsockname()[1]}/facade",
        ) as facade,
    ):
        wait_until(lambda: "FACADE_LISTEN_DATABASE_URL can't be listened to" in facade.log(), "it was tried")
        facade.manage("repoint", HOST, "acme", "quay.io/acme", "--reason", "test")
        follows(facade, "quay.io")
        facade.manage("repoint", HOST, "acme", "ghcr.io/acme", "--reason", "test")
        follows(facade, "ghcr.io")
        assert word(facade) == "ok"

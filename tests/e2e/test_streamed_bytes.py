"""What is streamed for a tenant in a month, on real workers: it is limited, and counted whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.e2e.doors import Door, Doors, Plan, Way
from tests.e2e.facade import Answer as Told
from tests.e2e.facade import Facade
from tests.e2e.lab import addresses
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.origin import Answer, Origin, Request
from tests.e2e.lab.process import wait_until
from tests.e2e.postgresql import fresh_database, postgresql_server

MIB = 1024 * 1024
DIGEST = f"sha256:{'b' * 64}"
BLOB = f"/v2/team/app/blobs/{DIGEST}"
_LIMIT = """
import os
from routing.models import StreamedBytes, Tenant
from routing.services.base.actor import Actor
from routing.services.people.tenants import save_tenant
tenant = Tenant.objects.get(slug="door-" + os.environ["HOST"].replace(".", "-"))
if os.environ["LIMIT"] != "as it is":
    tenant.max_streamed_bytes = int(os.environ["LIMIT"])
    save_tenant(Actor.program("tests"), "", tenant)
print(sum(StreamedBytes.objects.filter(tenant=tenant).values_list("streamed_bytes", flat=True)))
"""


class Inline(Origin):
    """A registry with one blob of a MiB, which it serves itself to whoever has a password."""

    def answer(self, request: Request) -> Answer:
        if request.header("Authorization") is None:
            return Answer(401, [("WWW-Authenticate", 'Basic realm="inline"')])
        return Answer(200, [], b"{}" if request.path == "/v2/" else bytes(MIB))


@pytest.fixture
def inline() -> Iterator[Inline]:
    with Inline(addresses.SPARE[-2]) as origin:
        yield origin


def door_to(doors: Doors, inline: Inline) -> Door:
    (door,) = doors.open([Plan([Way("team", inline.url, "acme")], streams=True)])
    return door


def token(facade: Facade, door: Door) -> dict[str, str]:
    """The header with a token for the door's repository."""
    scope = "repository:team/app:pull"
    answer = facade.request("GET", f"/token?scope={scope}", host=door.netloc, headers={"Authorization": ALICE.basic})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def streamed(facade: Facade, door: Door, limit: str = "as it is") -> int:
    """The bytes that have been counted for the door's tenant; sets its limit."""
    extra = {"HOST": door.hostname, "LIMIT": limit}
    return int(facade.manage("shell", "--no-imports", "-c", _LIMIT, extra=extra).splitlines()[-1])


def pull(facade: Facade, door: Door, headers: dict[str, str]) -> Told:
    return facade.request("GET", BLOB, host=door.netloc, headers=headers)


def test_a_month_that_is_used_up_ends_streams_on_every_worker(doors: Doors, inline: Inline) -> None:
    facade = doors.facade
    door, other = door_to(doors, inline), door_to(doors, inline)
    headers, others = token(facade, door), token(facade, other)
    assert streamed(facade, door, str(3 * MIB)) == 0

    for _ in range(3):
        whole = pull(facade, door, headers)
        assert (whole.status, len(whole.body)) == (200, MIB)
    facade.wait_for(BLOB, 403, host=door.netloc, headers=headers)

    (only,) = pull(facade, door, headers).json()["errors"]
    assert only["code"] == "DENIED"
    assert "used up until the next one begins" in only["message"]
    assert pull(facade, other, others).status == 200

    assert streamed(facade, door, str(100 * MIB)) >= 3 * MIB
    facade.wait_for(BLOB, 200, host=door.netloc, headers=headers)


def test_a_server_that_is_stopped_has_counted_everything(inline: Inline) -> None:
    with Facade(workers=2, FACADE_PROBE_ON_SAVE="false") as facade, Doors(facade) as doors:
        door = door_to(doors, inline)
        headers = token(facade, door)
        for _ in range(4):
            assert pull(facade, door, headers).status == 200

        facade.kill()

        assert streamed(facade, door) == 4 * MIB
        facade.start()


@contextmanager
def _gone(server: str, database: str) -> Iterator[None]:
    """The server ends every connection to the database and lets nobody in."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
        yield
        connection.execute(f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS true")


@pytest.mark.parametrize("begun", [True, False], ids=["while it streams", "before its first stream"])
def test_with_the_database_gone_streams_go_on_and_are_counted_later(inline: Inline, begun: bool) -> None:
    with (
        postgresql_server() as server,
        fresh_database(server) as url,
        Facade(workers=1, database_url=url, FACADE_PROBE_ON_SAVE="false") as facade,
        Doors(facade) as doors,
    ):
        door = door_to(doors, inline)
        headers = token(facade, door)
        count = 0
        if begun:
            assert pull(facade, door, headers).status == 200
            count += 1

        with _gone(server, urlsplit(url).path.strip("/")):
            while "streamed bytes are counted later" not in facade.log():
                assert pull(facade, door, headers).status == 200
                count += 1
                assert count < 100_000

        wait_until(lambda: streamed(facade, door) == count * MIB, "everything is counted")

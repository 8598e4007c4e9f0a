"""What is streamed for a tenant in a month, on real workers: it is limited, and counted whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
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


def address_of(address_book: AddressBook, inline: Inline) -> Address:
    (address,) = address_book.open([AddressSpec((MappingSpec("team", inline.url, "acme"),), streams=True)])
    return address


def token(facade: Facade, address: Address) -> dict[str, str]:
    """The header with a token for the address's repository."""
    scope = "repository:team/app:pull"
    answer = facade.request("GET", f"/token?scope={scope}", host=address.netloc, headers={"Authorization": ALICE.basic})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def streamed(facade: Facade, address: Address) -> int:
    """The bytes that have been counted for the address's tenant."""
    return int(facade.seed("streamed-bytes", address.tenant))


def limit(facade: Facade, address: Address, limit_bytes: int) -> None:
    """Set how much may be streamed for the address's tenant in a month."""
    facade.seed("limit-streams", address.tenant, str(limit_bytes))


def pull(facade: Facade, address: Address, headers: dict[str, str]) -> Told:
    return facade.request("GET", BLOB, host=address.netloc, headers=headers)


def test_a_month_that_is_used_up_ends_streams_on_every_worker(address_book: AddressBook, inline: Inline) -> None:
    facade = address_book.facade
    address, other = address_of(address_book, inline), address_of(address_book, inline)
    headers, others = token(facade, address), token(facade, other)
    assert streamed(facade, address) == 0
    limit(facade, address, 3 * MIB)

    for _ in range(3):
        whole = pull(facade, address, headers)
        assert (whole.status, len(whole.body)) == (200, MIB)
    facade.wait_for(BLOB, 403, host=address.netloc, headers=headers)

    (only,) = pull(facade, address, headers).json()["errors"]
    assert only["code"] == "DENIED"
    assert "used up until the next one begins" in only["message"]
    assert pull(facade, other, others).status == 200

    assert streamed(facade, address) >= 3 * MIB
    limit(facade, address, 100 * MIB)
    facade.wait_for(BLOB, 200, host=address.netloc, headers=headers)


def test_a_server_that_is_stopped_has_counted_everything(inline: Inline) -> None:
    with Facade(workers=2, FACADE_PROBE_ON_SAVE="false") as facade, AddressBook(facade) as address_book:
        address = address_of(address_book, inline)
        headers = token(facade, address)
        for _ in range(4):
            assert pull(facade, address, headers).status == 200

        facade.kill()

        assert streamed(facade, address) == 4 * MIB
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
        AddressBook(facade) as address_book,
    ):
        address = address_of(address_book, inline)
        headers = token(facade, address)
        count = 0
        if begun:
            assert pull(facade, address, headers).status == 200
            count += 1

        with _gone(server, urlsplit(url).path.strip("/")):
            while "streamed bytes are counted later" not in facade.log():
                assert pull(facade, address, headers).status == 200
                count += 1
                assert count < 100_000

        wait_until(lambda: streamed(facade, address) == count * MIB, "everything is counted")

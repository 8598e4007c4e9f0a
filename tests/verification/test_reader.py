"""What is asked of one registry, and what its answers say about being asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from routing.registries.auth.scopes import repository_scope
from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.exceptions import BadResponse
from routing.registries.guard import GuardPolicy
from routing.verification.reader import (
    MAX_PAUSE_SECONDS,
    NotReadable,
    RateLimited,
    RegistryReader,
    Tally,
    retry_after_seconds,
)
from routing.verification.work import Wish, parse_wish
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry

APP = "acme/app"


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    started = FaultyServer()
    yield started
    started.stop()


def ask(server: FaultyServer, question: Callable[[RegistryReader], object]) -> object:
    async def within() -> object:
        policy = GuardPolicy(allow_insecure=True, allow_private=True)
        async with RegistryClient(policy, ClientLimits(connect_seconds=20, total_seconds=30)) as client:
            return await question(RegistryReader(client, server.url, Tally()))  # type: ignore[misc]

    return asyncio.run(within())


def test_one_anonymous_token_serves_all_questions_about_a_repository(server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")

    async def questions(reader: RegistryReader) -> list[object]:
        return list(await asyncio.gather(*(reader.head(APP, "1.0") for _ in range(8))))

    found = ask(server, questions)

    assert isinstance(found, list)
    assert len({head.digest for head in found}) == 1
    assert sum(path.startswith("/token") for path in server.paths()) == 1


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_what_takes_credentials_is_not_readable(server: FaultyServer, auth: str) -> None:
    SmallRegistry(server, auth=auth).public = False

    with pytest.raises(NotReadable):
        ask(server, lambda reader: reader.head(APP, "1.0"))


def test_bytes_that_are_not_those_of_the_digest_are_refused(server: FaultyServer) -> None:
    digest = f"sha256:{'0' * 64}"
    server.answers(f"/v2/{APP}/manifests/{digest}", 200, {}, b"{}")

    with pytest.raises(BadResponse, match="other bytes than these"):
        ask(server, lambda reader: reader.manifest(APP, digest))


def test_a_list_goes_on_at_the_registry_alone(server: FaultyServer) -> None:
    path = f"/v2/{APP}/tags/list"
    for link, wanted in [
        (f'<{path}?last=b>; rel="next"', f"{path}?last=b"),
        (f'<{server.url}{path}?last=b>; rel="next"', f"{path}?last=b"),
        (f'<https://elsewhere.example{path}>; rel="next"', ""),
        ('</admin/secret>; rel="next"', ""),
        ("nonsense", ""),
    ]:
        server.answers_json(path, {"tags": ["a"]}, {"Link": link})

        page = ask(server, lambda reader: reader.page(repository_scope(APP), path))

        assert page == ({"tags": ["a"]}, wanted)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (429, {}, 60),
        (503, {"Retry-After": "2"}, 2),
        (429, {"Retry-After": "999999"}, 3600),
    ],
)
def test_a_registry_that_is_asked_too_often_says_when_to_come_back(
    server: FaultyServer, status: int, headers: dict[str, str], seconds: int
) -> None:
    server.answers(f"/v2/{APP}/manifests/1.0", status, headers)

    with pytest.raises(RateLimited) as limited:
        ask(server, lambda reader: reader.head(APP, "1.0"))

    assert limited.value.seconds == seconds


def test_a_date_in_retry_after_is_read(server: FaultyServer) -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)

    assert 80 <= retry_after_seconds(format_datetime(later, usegmt=True)) <= 91
    assert retry_after_seconds("soon") == 60
    # Python calls it a digit, and can't read it as a number.
    assert retry_after_seconds("²") == 60
    assert retry_after_seconds(" 7 ") == 7
    assert retry_after_seconds("9" * 500) == MAX_PAUSE_SECONDS
    assert retry_after_seconds("9" * 50_000) == 60
    assert retry_after_seconds(format_datetime(later + timedelta(days=9), usegmt=True)) == MAX_PAUSE_SECONDS


@pytest.mark.parametrize(("told", "is_left_alone"), [("9;w=3", True), ("10;w=3", False), ("", False), ("many", False)])
def test_it_is_left_alone_before_its_limit_is_used_up(server: FaultyServer, told: str, is_left_alone: bool) -> None:
    headers = {"Docker-Content-Digest": f"sha256:{'0' * 64}", "RateLimit-Remaining": told}
    server.answers(f"/v2/{APP}/manifests/1.0", 200, headers)

    async def twice(reader: RegistryReader) -> int:
        await reader.head(APP, "1.0")
        try:
            await reader.head(APP, "1.0")
        except RateLimited as limited:
            return limited.seconds
        return 0

    assert ask(server, twice) == (3 if is_left_alone else 0)
    assert len(server.requests) == (1 if is_left_alone else 2)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("1.0", Wish(None, "1.0")),
        (f"sha256:{'a' * 64}", Wish(None, f"sha256:{'a' * 64}")),
        ("app:1.0", Wish("app", "1.0")),
        ("app:latest", Wish("app", "latest")),
        ("a/b:1.0", Wish("a/b", "1.0")),
        (f"app@sha256:{'a' * 64}", Wish("app", f"sha256:{'a' * 64}")),
        (":1.0", Wish("", "1.0")),
    ],
)
def test_what_somebody_adds_is_read(text: str, wish: Wish) -> None:
    assert parse_wish(text) == wish


@pytest.mark.parametrize("text", ["", "a b", "APP:1.0", "app@1.0", "../x:1", "app:", f"app@sha256:{'a' * 63}"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no tag, digest, or repository:tag"):
        parse_wish(text)

"""After a repoint: what is missing at the new registry is asked for at the former one (request-handling.md, R20)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator

import pytest

from routing.core.table.former_target import FormerTarget
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.routing_table import Auth, Change, RegistryEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.telemetry.counters import counters, former_target_key
from routing.dataplane.upstream import former_target
from routing.dataplane.upstream.credentials import bind
from tests.dataplane.facade_client import BASIC, DOCKERD, HOST, MANIFEST, PODMAN, TOKEN, FacadeClient
from tests.registries.behaviours import redirects
from tests.registries.faulty_server import FaultyServer

BODY = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}'
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
TYPE = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
BY_DIGEST = f"/v2/team/app/manifests/{DIGEST}"
BLOB = f"/v2/team/app/blobs/{DIGEST}"
HERE = {path: path.replace("/team/", "/acme/") for path in (BY_DIGEST, BLOB, MANIFEST)}
THERE = {path: path.replace("/team/", "/old/") for path in (BY_DIGEST, BLOB)}
CDN = "https://cdn.example/store/ab?X-Signature=0a"
PULL = "repository:team/app:pull"


@pytest.fixture
def former() -> Iterator[FaultyServer]:
    """The registry that the mapping led to before."""
    started = FaultyServer()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    former_target.forget()
    yield
    former_target.forget()


def entry_of(server: FaultyServer, auth: str) -> RegistryEntry:
    if auth != Auth.BEARER:
        return RegistryEntry(server.url, server.url, auth=auth)
    server.answers_json("/realm", {"token": f"everybodys.at{server.url[-5:].replace(':', '')}"})
    return RegistryEntry(server.url, server.url, auth=auth, realm=f"{server.url}/realm", service="s")


def repoint(
    facade_client: FacadeClient,
    new: RegistryEntry,
    old: RegistryEntry,
    *,
    seconds: float = 600,
    flags: int = 0,
    private: bool = False,
) -> None:
    """The mapping of `team` leads to `acme` at the one now, and led to `old` at the other a moment ago."""
    facade_client.map({"team": (new, "acme", flags), "elsewhere": (old, "elsewhere", 0)})
    packed = FormerTarget(int(time.time() + seconds), "1", "old", private).packed()
    entry = MappingEntry("0", "acme", Flag.ENABLED | flags, "", packed)
    assert live_table.table is not None
    live_table.table = live_table.table.apply([Change(2, "mapping", f"{HOST}/team", entry._asdict())])


def asked(server: FaultyServer) -> list[tuple[str, str, str]]:
    """Method, path and credentials of the requests for content."""
    return [
        (request.method, request.path, request.headers.get("Authorization", ""))
        for request in server.requests
        if request.path.startswith("/v2/")
    ]


@pytest.mark.parametrize("path", [BY_DIGEST, BLOB])
async def test_r20_3_a_redirect_leads_to_the_former_registry_where_only_that_has_it(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer, path: str
) -> None:
    repoint(facade_client, entry_of(server, Auth.NONE), entry_of(former, Auth.NONE))
    former.answers(THERE[path], 200, TYPE, BODY)
    before = counters.totals[former_target_key("redirected")]

    answer = await facade_client.request(f"{path}?ns=x", headers=[], agent=DOCKERD)

    assert (answer.status, answer.headers["location"]) == (307, f"{former.url}{THERE[path]}?ns=x")
    assert answer.headers["cache-control"] == "no-store"
    assert (asked(server), asked(former)) == ([("HEAD", HERE[path], "")], [("HEAD", THERE[path], "")])
    assert counters.totals[former_target_key("redirected")] == before + 1


async def test_r20_3_what_the_new_registry_has_is_had_there(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer
) -> None:
    repoint(facade_client, entry_of(server, Auth.NONE), entry_of(former, Auth.NONE))
    server.on(HERE[BLOB], redirects(CDN))
    former.answers(THERE[BLOB], 200)

    answer = await facade_client.request(BLOB, headers=[], agent=DOCKERD)

    assert answer.headers["location"] == f"{server.url}{HERE[BLOB]}"
    assert asked(former) == []


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_r20_3_where_nobody_tells_the_redirect_is_what_it_always_is(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer, status: int
) -> None:
    repoint(facade_client, entry_of(server, Auth.NONE), entry_of(former, Auth.NONE))
    server.answers(HERE[BLOB], status)
    former.answers(THERE[BLOB], 200)
    told = await facade_client.request(BLOB, headers=[], agent=DOCKERD)
    former_target.forget()
    server.answers(HERE[BLOB], 404)
    former.answers(THERE[BLOB], status)

    missing = await facade_client.request(BLOB, headers=[], agent=DOCKERD)

    for answer in (told, missing):
        assert (answer.status, answer.headers["location"]) == (307, f"{server.url}{HERE[BLOB]}")


async def test_r20_3_one_asks_for_all_who_wait_and_the_answer_is_good_for_a_while(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer
) -> None:
    repoint(facade_client, entry_of(server, Auth.NONE), entry_of(former, Auth.NONE))
    former.answers(THERE[BLOB], 200)

    answers = await asyncio.gather(*(facade_client.request(BLOB, headers=[], agent=DOCKERD) for _ in range(5)))
    answers.append(await facade_client.request(BLOB, headers=[], agent=PODMAN))

    assert {answer.headers["location"] for answer in answers} == {f"{former.url}{THERE[BLOB]}"}
    assert (len(asked(server)), len(asked(former))) == (1, 1)


async def test_r20_3_both_are_asked_with_the_token_that_everybody_gets(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer
) -> None:
    new, old = entry_of(server, Auth.BEARER), entry_of(former, Auth.BEARER)
    repoint(facade_client, new, old, flags=Flag.REDIRECT_ONLY)
    former.answers(THERE[BLOB], 200)

    answer = await facade_client.request(BLOB, headers=[], agent=DOCKERD)

    assert answer.headers["location"] == f"{former.url}{THERE[BLOB]}"
    for each, path in ((server, HERE[BLOB]), (former, THERE[BLOB])):
        assert asked(each) == [("HEAD", path, f"Bearer everybodys.at{each.url[-5:].replace(':', '')}")]


async def test_r20_3_who_cannot_be_sent_to_the_former_registry_is_relayed(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer
) -> None:
    old = entry_of(former, Auth.BEARER)
    repoint(facade_client, entry_of(server, Auth.NONE), old)
    former.answers(THERE[BY_DIGEST], 200, TYPE, BODY)
    former.on(THERE[BLOB], redirects(CDN))
    token = ("authorization", f"Bearer {bind('of.the-former', old)}")

    manifest = await facade_client.request(BY_DIGEST, headers=[token])
    blob = await facade_client.request(BLOB, headers=[token])

    assert (manifest.status, manifest.body) == (200, BODY)
    assert (blob.status, blob.headers["location"]) == (307, CDN)
    assert {one[2] for one in asked(former)} == {"Bearer of.the-former"}
    assert {one[2] for one in asked(server)} == {""}


async def test_r20_4_what_the_new_registry_lacks_is_relayed_from_the_former_as_nobody(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer
) -> None:
    new, old = entry_of(server, Auth.BEARER), entry_of(former, Auth.BEARER)
    repoint(facade_client, new, old)
    former.answers(THERE[BY_DIGEST], 200, TYPE, BODY)
    former.on(THERE[BLOB], redirects(CDN))
    of_the_new = ("authorization", f"Bearer {bind('of.the-new', new)}")

    manifest = await facade_client.request(BY_DIGEST, headers=[of_the_new])
    blob = await facade_client.request(BLOB, headers=[of_the_new])

    assert (manifest.status, manifest.body) == (200, BODY)
    assert (blob.status, blob.headers["location"]) == (307, CDN)
    assert {one[2] for one in asked(server)} == {"Bearer of.the-new"}
    assert {one[2] for one in asked(former)} == {f"Bearer everybodys.at{former.url[-5:].replace(':', '')}"}


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_r20_4_where_neither_has_it_the_new_registry_says_so(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer, status: int
) -> None:
    repoint(facade_client, entry_of(server, Auth.BEARER), entry_of(former, Auth.BEARER))
    words = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"the new one has no such thing"}]}'
    server.answers(HERE[BY_DIGEST], 404, {"Content-Type": "application/json"}, words)
    former.answers(THERE[BY_DIGEST], status)

    answer = await facade_client.request(BY_DIGEST)

    assert answer.error == (404, "MANIFEST_UNKNOWN", "the new one has no such thing")


async def test_r20_4_a_refusal_of_the_new_registry_is_no_reason_to_ask_the_former(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer
) -> None:
    repoint(facade_client, entry_of(server, Auth.BEARER), entry_of(former, Auth.BEARER))
    server.answers(HERE[BY_DIGEST], 403)
    former.answers(THERE[BY_DIGEST], 200, TYPE, BODY)

    assert (await facade_client.request(BY_DIGEST)).status == 403
    assert former.requests == []


async def token_of(facade_client: FacadeClient) -> tuple[str, str]:
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[("authorization", f"Basic {BASIC}")])
    assert answer.status == 200
    return ("authorization", f"Bearer {answer.json()['token']}")


@pytest.mark.parametrize("auth", [Auth.BEARER, Auth.BASIC])
async def test_r20_5_a_caller_of_the_former_registry_goes_on_there_with_its_own_token(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer, auth: str
) -> None:
    old = entry_of(former, auth)
    former.answers("/v2/", 200)
    facade_client.map({"team": (old, "old", Flag.PRIVATE)})
    token = await token_of(facade_client)
    former.requests.clear()
    repoint(facade_client, entry_of(server, Auth.BEARER), old, flags=Flag.PRIVATE, private=True)
    former.answers(THERE[BY_DIGEST], 200, TYPE, BODY)

    answer = await facade_client.request(BY_DIGEST, headers=[token])

    given = f"everybodys.at{former.url[-5:].replace(':', '')}"
    assert (answer.status, answer.body) == (200, BODY)
    theirs = f"Basic {BASIC}" if auth == Auth.BASIC else f"Bearer {given}"
    assert asked(former) == [("GET", THERE[BY_DIGEST], theirs)]
    assert server.requests == []


@pytest.mark.parametrize("path", [MANIFEST, BY_DIGEST])
async def test_r20_5_the_new_registry_never_gets_the_formers_token(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer, path: str
) -> None:
    old = entry_of(former, Auth.BEARER)
    facade_client.map({"team": (old, "old", 0)})
    token = await token_of(facade_client)
    repoint(facade_client, entry_of(server, Auth.BEARER), old)
    server.answers(HERE[path], 200, TYPE, BODY)

    answer = await facade_client.request(path, headers=[token])

    assert answer.status == 401
    assert f'scope="{PULL}"' in answer.headers["www-authenticate"]
    assert server.requests == []


@pytest.mark.parametrize("token", [True, False])
async def test_r20_6_once_its_time_is_over_there_is_no_former_target(
    facade_client: FacadeClient, server: FaultyServer, former: FaultyServer, token: bool
) -> None:
    new, old = entry_of(server, Auth.BEARER if token else Auth.NONE), entry_of(former, Auth.NONE)
    repoint(facade_client, new, old, seconds=-1)
    former.answers(THERE[BLOB], 200)

    answer = await facade_client.request(BLOB, headers=[TOKEN] if token else [], agent=PODMAN)

    assert former.requests == []
    if token:
        assert answer.status == 404
    else:
        assert (answer.status, answer.headers["location"]) == (307, f"{server.url}{HERE[BLOB]}")
        assert server.requests == []

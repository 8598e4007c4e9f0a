"""The codes that the facade makes up in a registry's stead: clients go by them (R14.11, R14.12)."""

from __future__ import annotations

import json

import pytest

from tests.dataplane.facade_client import BLOB, MANIFEST, REFERRERS, TAGS, UPSTREAM, FacadeClient
from tests.registries.behaviours import artifactory_referrers, no_such_route, sign_in_page
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer

INDEX = "application/vnd.oci.image.index.v1+json"


def says(status: int, code: str = "") -> Behaviour:
    """Answer with a status, in the words of the OCI format where there is a code."""
    words = json.dumps({"errors": [{"code": code, "message": "theirs", "detail": None}]}).encode()

    def behave(exchange: Exchange) -> None:
        if code:
            exchange.answer(status, {"Content-Type": "application/json; charset=utf-8"}, words)
        else:
            exchange.answer(status, {"Content-Type": "text/html"}, b"<html>no")

    return behave


def not_an_index(exchange: Exchange) -> None:
    exchange.answer(200, {"Content-Type": "application/json"}, b'{"repositories":[]}')


@pytest.mark.parametrize(
    "behaviour",
    [
        no_such_route,
        artifactory_referrers,
        sign_in_page,
        not_an_index,
        *(says(status) for status in (400, 404, 405, 406, 410, 415, 501)),
        says(404, "UNSUPPORTED"),
        says(405, "UNSUPPORTED"),
        says(406, "MANIFEST_INVALID"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r14_11_a_registry_without_referrers(
    facade_client: FacadeClient, server: FaultyServer, behaviour: Behaviour, method: str
) -> None:
    server.on(UPSTREAM[REFERRERS], behaviour)
    answer = await facade_client.request(REFERRERS, method=method)
    assert answer.status == 404
    if method == "GET":
        assert answer.error[1] == "UNSUPPORTED"
        assert "look under the referrers tag" in answer.error[2]


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "NAME_UNKNOWN"), (404, "MANIFEST_UNKNOWN"), (400, "DIGEST_INVALID"), (403, "DENIED")],
)
async def test_r14_11_what_it_says_of_the_request_itself_is_its_own_to_say(
    facade_client: FacadeClient, server: FaultyServer, status: int, code: str
) -> None:
    server.on(UPSTREAM[REFERRERS], says(status, code))
    assert (await facade_client.request(REFERRERS)).error == (status, code, "theirs")


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_r14_11_what_may_go_by_or_be_granted_is_not_the_lack_of_it(
    facade_client: FacadeClient, server: FaultyServer, status: int
) -> None:
    server.on(UPSTREAM[REFERRERS], says(status))
    assert (await facade_client.request(REFERRERS)).status == (502 if status == 500 else status)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (MANIFEST, 404, "MANIFEST_UNKNOWN"),
        (MANIFEST, 410, "MANIFEST_UNKNOWN"),
        (BLOB, 404, "BLOB_UNKNOWN"),
        (BLOB, 410, "BLOB_UNKNOWN"),
        (TAGS, 404, "NAME_UNKNOWN"),
        *(
            (path, status, code)
            for path in (MANIFEST, BLOB, TAGS)
            for status, code in (
                (402, "DENIED"),
                (403, "DENIED"),
                (405, "UNSUPPORTED"),
                (406, "UNSUPPORTED"),
                (414, "SIZE_INVALID"),
                (429, "TOOMANYREQUESTS"),
                (431, "SIZE_INVALID"),
                (451, "DENIED"),
                (503, "UNAVAILABLE"),
                (418, "UNKNOWN"),
            )
        ),
    ],
)
async def test_r14_12_the_code_fits_the_status(
    facade_client: FacadeClient, server: FaultyServer, path: str, status: int, code: str
) -> None:
    server.on(UPSTREAM[path], says(status))
    answer = await facade_client.request(path)
    assert answer.error[:2] == (status, code)
    assert answer.error[2].startswith(("the registry ", "the rate limit of the registry"))
    assert ("allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize("path", [MANIFEST, BLOB, TAGS])
@pytest.mark.parametrize("status", [201, 202, 204, 205, 300, 305])
async def test_r14_12_what_is_no_answer_to_a_read_is_the_registrys_fault(
    facade_client: FacadeClient, server: FaultyServer, path: str, status: int
) -> None:
    server.answers(UPSTREAM[path], status, {"Content-Type": "application/json"}, b"")
    answer = await facade_client.request(path)
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert f"status {status}" in answer.error[2]


async def test_r14_12_a_ping_that_is_not_there(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.on("/v2/", no_such_route)
    assert (await facade_client.request("/v2/")).error[:2] == (404, "UNSUPPORTED")


@pytest.mark.parametrize("path", [MANIFEST, BLOB])
async def test_r14_12_nothing_new_is_no_refusal(facade_client: FacadeClient, server: FaultyServer, path: str) -> None:
    server.answers(UPSTREAM[path], 304, {"ETag": '"e"'})
    answer = await facade_client.request(path, headers=[("authorization", "Bearer x"), ("if-none-match", '"e"')])
    assert (answer.status, answer.headers["etag"], answer.body) == (304, '"e"', b"")

"""Whatever bytes a registry sends, its answer becomes a well-formed one of the facade's (R7.2)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.serving.body_guard import Message, Receive, Scope, Send
from routing.dataplane.telemetry.counters import counters
from routing.dataplane.upstream import client_pool, rewrite
from routing.dataplane.upstream.links import UnreadableLink, next_target
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.dataplane.upstream.rewrite import oci_error, rewrite_tag_list
from tests.cpu_time import at_most
from tests.dataplane.facade_client import BLOB, MANIFEST, REFERRERS, TAGS, UPSTREAM, FacadeClient, Response
from tests.fast_lane.lanes import facade
from tests.registries.faulty_server import Exchange, FaultyServer

DEEP = b"[" * 50_000 + b"]" * 50_000
TOKEN_PATH = "/token?scope=repository:team/app:pull"
PATHS = [MANIFEST, TAGS, REFERRERS, BLOB, "/v2/", TOKEN_PATH]
AT_REGISTRY = {**UPSTREAM, "/v2/": "/v2/", TOKEN_PATH: "/realm"}
UNFORESEEN = ("registry_errors", "Unforeseen")
# What the facade answers by itself where a registry has no usable answer, and what it hands on.
GATEWAY = (502, 503, 504)


def error(code: bytes = b'"X"', message: bytes = b'"y"', detail: bytes = b"null") -> bytes:
    return b'{"errors":[{"code":%b,"message":%b,"detail":%b}]}' % (code, message, detail)


def answer(status: int, *fields: bytes, body: bytes = b"") -> bytes:
    head = b"\r\n".join([b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(body), *fields])
    return head + b"\r\n\r\n" + body


JSON = b"Content-Type: application/json"
INSTANCES = {
    "a Link to half an IPv6 address": answer(200, b"Link: <http://[foo/>; rel=next", JSON, body=b"{}"),
    "a Link with an impossible port": answer(200, b"Link: <http://h:99999999/>", JSON, body=b"{}"),
    "a Link in full-width digits": answer(200, "Link: <http://h:\uff18\uff10/>".encode(), JSON, body=b"{}"),
    "a Link of blanks": answer(200, b"Link: " + b" " * 50_000 + b"x", JSON, body=b"{}"),
    "a Link of commas": answer(200, b"Link: " + b"<>," * 15_000, JSON, body=b"{}"),
    "tags nested deep": answer(200, JSON, body=DEEP),
    "tags nested deep behind a name": answer(200, JSON, body=b'{"tags":%b,"name":"x","more":1}' % DEEP),
    "an error nested deep": answer(404, JSON, body=error(detail=b"[" * 20_000 + b"]" * 20_000)),
    "an error nested nearly too deep": answer(404, JSON, body=error(detail=b"[" * 900 + b"]" * 900)),
    "a code nested deep": answer(404, JSON, body=error(code=b"[" * 900 + b"]" * 900)),
    "NaN in tags": answer(200, JSON, body=b'{"tags":[NaN],"more":-Infinity}'),
    "NaN in an error": answer(404, JSON, body=error(detail=b"NaN")),
    "a number beyond all numbers": answer(404, JSON, body=error(detail=b"1e999")),
    "a number of many digits": answer(404, JSON, body=error(detail=b"9" * 6_000)),
    "half a surrogate": answer(404, JSON, body=error(message=b'"\\ud800"', detail=b'"\\udfff"')),
    "errors that are no list": answer(404, JSON, body=b'{"errors":{"0":1}}'),
    "errors that are a number": answer(404, JSON, body=b'{"errors":7}'),
    "an error that is no object": answer(404, JSON, body=b'{"errors":["x"]}'),
    "JSON in UTF-16": answer(404, JSON, body=error().decode().encode("utf-16")),
    "JSON that is no UTF-8": answer(200, JSON, body=b'{"name":"\xff\xfe"}'),
    "UTF-8 in a header value": answer(200, "Content-Type: application/ü☃".encode(), b"OCI-X: \xe2\x98\x83", body=b"{}"),
    "a header value of all bytes": answer(
        200, b"OCI-X: " + bytes(byte for byte in range(33, 256) if byte != 127), body=b"{}"
    ),
    "a 304 with a length": b"HTTP/1.1 304 Not\r\nContent-Length: 10\r\nETag: x\r\n\r\n",
    "a 204 with a length": b"HTTP/1.1 204 No\r\nContent-Length: 10\r\n\r\n",
    "a status beyond all statuses": answer(999, body=b"x"),
    "a Location to half an IPv6 address": answer(307, b"Location: http://[foo/"),
    "a Location that goes up": answer(307, b"Location: //[::1", body=b"x"),
    "a Location in UTF-8": answer(307, "Location: https://h/ü".encode()),
    "a Location that is long": answer(307, b"Location: https://h/" + b"x" * 30_000),
    "a challenge without end": answer(401, b'WWW-Authenticate: Bearer a="' + b"\\" * 40_000),
    "many challenges": answer(401, b"WWW-Authenticate: " + b"a ," * 20_000),
    "a challenge in UTF-8": answer(401, 'WWW-Authenticate: Bearer error="ü"'.encode()),
    "a token that is no token": answer(200, JSON, body=b'{"token":"a\\r\\nb"}'),
    "a token nested deep": answer(200, JSON, body=b'{"token":%b}' % DEEP),
    "a Retry-After of many lines": answer(429, b"Retry-After: 1", b"Retry-After: 2", JSON, body=error()),
    "an empty digest": answer(200, b"Docker-Content-Digest:", JSON, body=b"{}"),
    "a digest that is long": answer(200, b"Docker-Content-Digest: " + b"x" * 5_000, JSON, body=b"{}"),
    "two digests": answer(200, b"Docker-Content-Digest: x", b"Docker-Content-Digest: y", JSON, body=b"{}"),
    "nothing": b"",
}


@pytest_asyncio.fixture(params=["middleware", "application"])
async def facade_client(
    server: FaultyServer, trusting: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[FacadeClient]:
    yield asking(server, with_application=request.param == "application")
    await client_pool.close()


def asking(server: FaultyServer, *, with_application: bool) -> FacadeClient:
    registry = RegistryEntry(server.url, "the registry", auth="bearer", realm=f"{server.url}/realm", service="s")
    return FacadeClient(server, registry, facade() if with_application else None)


def answers_with(server: FaultyServer, data: bytes) -> None:
    """Whatever it is asked, it sends these bytes and closes."""

    def send(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.close()

    for path in AT_REGISTRY.values():
        server.on(path, send)


def check(told: Response) -> None:
    """It is an answer as the facade's are: none of its own faults, and every byte of it can be sent and read."""
    assert 200 <= told.status < 500 or told.status in GATEWAY
    for name, value in told.headers.items():
        assert name.isascii()
        assert not set(value) & set("\r\n\0")
        value.encode("latin-1")
    # Links lead to the facade, and to the repository that was asked for.
    assert told.headers.get("link", "</v2/team/app/").startswith("</v2/team/app/")
    if told.status >= 400:
        (only,) = json.loads(told.body, parse_constant=pytest.fail)["errors"]
        assert only.keys() == {"code", "message", "detail"}
    assert relay_limits.under_way == 0


@pytest.mark.parametrize("name", INSTANCES)
async def test_what_broke_it_once_gets_an_answer(facade_client: FacadeClient, server: FaultyServer, name: str) -> None:
    answers_with(server, INSTANCES[name])
    before = counters.totals[UNFORESEEN]
    for path in PATHS:
        # Nobody else has a turn while one answer is read.
        with at_most(1):
            told = await facade_client.request(path)
            check(told)
    assert counters.totals[UNFORESEEN] == before


_STATUSES = st.sampled_from([200, 200, 204, 206, 301, 304, 307, 400, 401, 403, 404, 429, 500, 503])
_NAMES = st.sampled_from(
    b"Link Location Content-Type WWW-Authenticate ETag OCI-Subject Warning Retry-After Docker-Content-Digest "
    b"Content-Length Transfer-Encoding RateLimit-Limit Connection".split()
)
_TEXTS = st.sampled_from(
    [
        *b"< > http:// [ ] : ; , = % .. // @ # ? chunked 1 rel Bearer realm application/json".split(),
        b" ",
        b"\t",
        b"\\",
        b'"',
        b"\xc3\xbc",
        b"/v2/acme/app/tags/list?n=1",
    ]
)
_VALUES = st.one_of(st.lists(_TEXTS, max_size=12).map(b"".join), st.binary(max_size=40))
_DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.dictionaries(st.sampled_from(["errors", "code", "message", "detail", "name", "tags", "token"]), inside),
    ),
    max_leaves=8,
)
_BODIES = st.one_of(st.binary(max_size=60), _DOCUMENTS.map(lambda document: json.dumps(document).encode()))


@st.composite
def raw_answers(draw: st.DrawFn) -> bytes:
    """Mostly an answer in HTTP with strange fields and bodies; now and then with some bytes off."""
    body = draw(_BODIES)
    fields = [name + b": " + draw(_VALUES) for name in draw(st.lists(_NAMES, max_size=4))]
    data = answer(draw(_STATUSES), *draw(st.sampled_from([[], [JSON]])), *fields, body=body)
    if draw(st.integers(0, 5)) == 0:
        position = draw(st.integers(0, len(data)))
        data = data[:position] + draw(st.binary(max_size=4)) + data[position + draw(st.integers(0, 8)) :]
    return data


@pytest.fixture
def quiet(server: FaultyServer, trusting: Settings) -> FacadeClient:
    return asking(server, with_application=True)


@given(data=raw_answers(), path=st.sampled_from(PATHS), method=st.sampled_from(["GET", "HEAD"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_it(quiet: FacadeClient, data: bytes, path: str, method: str) -> None:
    answers_with(quiet.server, data)
    before = counters.totals[UNFORESEEN]

    async def once() -> Response:
        try:
            return await quiet.request(path, method=method)
        finally:
            await client_pool.close()

    told = asyncio.run(once())
    check(told._replace(body=b'{"errors":[{"code":0,"message":0,"detail":0}]}') if method == "HEAD" else told)
    assert counters.totals[UNFORESEEN] == before


@settings(deadline=None)
@given(st.one_of(_VALUES.map(lambda value: value.decode("latin-1")), st.text(max_size=50)))
def test_reading_a_link_gives_a_target_that_stands_there_or_says_that_it_cannot(value: str) -> None:
    try:
        target = next_target([value])
    except UnreadableLink:
        target = None
    assert target is None or f"<{target}>" in value


@settings(deadline=None)
@given(_BODIES)
def test_reading_tags_and_errors_raises_nothing(body: bytes) -> None:
    rewrite_tag_list(body, "team/app")
    found = oci_error(body, {"content-type": "application/json"})
    assert found is None or json.loads(json.dumps(found, allow_nan=False))


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ({"digest": "sha256:ab", "tags": [{"name": "x"}]}, True),
        ("x" * 5_000, False),
        (json.loads("[" * 40 + "]" * 40), False),
        (json.loads('{"a":' * 40 + "1" + "}" * 40), False),
    ],
)
def test_an_errors_detail_is_handed_on_where_it_is_short_and_flat(detail: object, kept: bool) -> None:
    body = json.dumps({"errors": [{"code": "X", "message": "y", "detail": detail}]}).encode()
    assert oci_error(body, {"content-type": "application/json"}) == ("X", "y", detail if kept else None)


@pytest.mark.parametrize(
    ("body", "own"),
    [
        (b'{"name":"acme/app","tags":["a"]}', b'{"name":"team/app","tags":["a"]}'),
        (b' {\n "name" : "acme/app" , "tags":[]}', b' {\n "name" : "team/app" , "tags":[]}'),
        (b'{"tags":["a"],"name":"acme/app"}\n', b'{"tags":["a"],"name":"team/app"}\n'),
        (b'{"tags":["name"],"name":"acme/app","more":1}', b'{"tags": ["name"], "name": "team/app", "more": 1}'),
        (b'{"tags":[",\\"name\\":\\"x\\"}"]}', b'{"tags": [",\\"name\\":\\"x\\"}"], "name": "team/app"}'),
        (b'["name"]', b'["name"]'),
        (b"no JSON", b"no JSON"),
    ],
)
def test_tags_have_the_facades_name_wherever_the_registrys_stands(body: bytes, own: bytes) -> None:
    assert rewrite_tag_list(body, "team/app") == own


async def test_a_layer_that_breaks_off_is_counted_and_has_no_end(server: FaultyServer, trusting: Settings) -> None:
    def break_off(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": "10"})
        exchange.send(b"hello")
        exchange.close()

    sent: list[Message] = []

    async def with_an_end(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            sent.append(message)
            await send(message)

        await facade()(scope, receive, note)
        await send({"type": "http.response.body", "body": b""})

    server.on(UPSTREAM[BLOB], break_off)
    registry = RegistryEntry(server.url, "the registry", auth="bearer", stream_blobs=True)
    before = counters.totals["registry_errors", "BadResponse"]
    assert (await FacadeClient(server, registry, with_an_end).request(BLOB)).body == b"hello"
    await client_pool.close()
    assert sent[-1]["more_body"]
    assert counters.totals["registry_errors", "BadResponse"] == before + 1
    assert relay_limits.under_way == 0


async def test_what_nobody_foresaw_is_a_502_that_is_logged_and_counted(
    facade_client: FacadeClient, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> object:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(rewrite, "forwarded_headers", fail)
    server.answers(UPSTREAM[MANIFEST], 200, {}, b"{}")
    before = counters.totals[UNFORESEEN]
    with caplog.at_level(logging.ERROR, logger="routing.dataplane.upstream.dispatch"):
        told = await facade_client.request(MANIFEST)
    assert told.error[:2] == (502, "UNAVAILABLE")
    assert counters.totals[UNFORESEEN] == before + 1
    (line,) = [record.getMessage() for record in caplog.records if record.name == "routing.dataplane.upstream.dispatch"]
    assert "RuntimeError at test_foreign_bytes.py" in line
    assert "s3cret" not in caplog.text + told.body.decode()
    assert relay_limits.under_way == 0

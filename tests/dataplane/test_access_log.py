"""The access log's form: a line or an object for each request, whatever the request holds."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest
from pytest_django import Settings

from facade_site.log_formats import JsonFormatter, LineFormatter
from routing.dataplane.serving import access_log
from routing.dataplane.serving.access_log import AccessLog, log_redirect
from routing.dataplane.serving.body_guard import Message, Receive, Scope, Send
from routing.request_id import current_request_id

PLAIN = (
    b"GET /v2/acme/app/manifests/1.0 HTTP/1.1\r\nHost: docker.acme.com\r\nUser-Agent: docker/28.0.1 go/go1.23\r\n\r\n"
)
PROXY, STRANGER = "10.0.0.1", "192.0.2.1"


@pytest.fixture(params=[LineFormatter, JsonFormatter], ids=["line", "json"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What has been written, in one form."""
    return _written(request.param(), monkeypatch)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    return _written(LineFormatter(), monkeypatch)


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    return _written(JsonFormatter(), monkeypatch)


def _written(formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    monkeypatch.setattr(access_log.logger, "handlers", [handler])
    access_log.logger.setLevel(logging.INFO)
    return stream


def scope_of(path: bytes, *fields: tuple[bytes, bytes], query: bytes = b"", peer: str = STRANGER) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "raw_path": path,
        "query_string": query,
        "headers": list(fields),
        "client": (peer, 40000),
    }


async def receive() -> Message:
    return {"type": "http.disconnect"}


async def send(_: Message) -> None:
    pass


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": current_request_id().encode()})


def test_a_line_for_people(lines: io.StringIO) -> None:
    log_redirect(PLAIN, STRANGER, 0.0001234)

    time, rest = lines.getvalue()[:23], lines.getvalue()[23:]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", time)
    said, _, this = rest.rpartition(" request_id=")
    assert said == (
        " INFO routing.access: GET /v2/acme/app/manifests/1.0 307 decision=redirect duration_ms=0.123 "
        'host=docker.acme.com client=192.0.2.1 user_agent="docker/28.0.1 go/go1.23"'
    )
    assert re.fullmatch(r"[0-9a-f]{32}\n", this)


def test_an_object_for_programs(objects: io.StringIO) -> None:
    log_redirect(PLAIN, STRANGER, 0.0001234)

    told = json.loads(objects.getvalue())
    assert told.pop("time")
    assert len(told.pop("request_id")) == 32
    assert told == {
        "level": "INFO",
        "logger": "routing.access",
        "message": "GET /v2/acme/app/manifests/1.0 307",
        "method": "GET",
        "target": "/v2/acme/app/manifests/1.0",
        "status": 307,
        "decision": "redirect",
        "duration_ms": 0.123,
        "host": "docker.acme.com",
        "client": STRANGER,
        "user_agent": "docker/28.0.1 go/go1.23",
    }


async def test_no_secret_is_written(written: io.StringIO) -> None:
    token = "facade_" + "a" * 43
    path = f"/accounts/invitation/{token}/".encode()
    await AccessLog(answer)(scope_of(path, (b"user-agent", token.encode()), query=b"code=hidden1"), receive, send)
    log_redirect(PLAIN.replace(b"1.0 ", b"1.0?token=hidden2 "), STRANGER, 0.1)

    assert written.getvalue().count("\n") == 2
    assert token not in written.getvalue()
    assert "hidden1" not in written.getvalue()
    assert "hidden2" not in written.getvalue()


@pytest.mark.parametrize("hostile", [b"a\x1b[31mb", b"a\x9b31mb", b"a\r\nb", b"a\x85b", b"a\x00b", b"a\xe2\x80\xaeb"])
async def test_nothing_that_a_request_says_is_obeyed_by_a_terminal(written: io.StringIO, hostile: bytes) -> None:
    fields = ((b"host", hostile), (b"user-agent", hostile), (b"x-forwarded-for", hostile))
    await AccessLog(answer)(scope_of(b"/v2/" + hostile, *fields, query=hostile), receive, send)

    (line,) = written.getvalue().splitlines()
    assert line.isprintable()


async def test_a_trusted_proxy_chooses_the_id_and_all_that_belongs_to_the_request_has_it(
    objects: io.StringIO, settings: Settings
) -> None:
    settings.FACADE_TRUSTED_PROXIES = [PROXY]
    given = (b"x-request-id", b"of-the-proxy")
    sent: list[bytes] = []

    async def keep(message: Message) -> None:
        sent.append(message.get("body", b""))

    for peer in (PROXY, STRANGER):
        await AccessLog(answer)(scope_of(b"/", given, peer=peer), receive, keep)

    ids = [json.loads(line)["request_id"].encode() for line in objects.getvalue().splitlines()]
    assert ids[0] == b"of-the-proxy"
    assert ids[1] != b"of-the-proxy"
    assert [body for body in sent if body] == ids


async def test_a_client_that_leaves_is_told_as_gone(objects: io.StringIO) -> None:
    async def leaves(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    await AccessLog(leaves)(scope_of(b"/v2/"), receive, send)

    assert json.loads(objects.getvalue())["status"] == "gone"


async def test_an_answer_that_fails_is_logged_and_fails(objects: io.StringIO) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await AccessLog(fails)(scope_of(b"/v2/"), receive, send)

    assert json.loads(objects.getvalue())["target"] == "/v2/"

"""What a registry says is fit for a terminal, a page and a log, wherever it is said (R14.16)."""

from __future__ import annotations

import json
import logging

import pytest

from facade_site.log_formats import JsonFormatter, LineFormatter
from routing.registries.exceptions import BadResponse
from tests.dataplane.facade_client import BLOB, MANIFEST, REFERRERS, TAGS, UPSTREAM, FacadeClient
from tests.registries.faulty_server import FaultyServer

EVIL = "\x1b[31mred\x1b]0;title\x07\u202eevil\u2066\x9b2J\r\nfake"
JSON = {"Content-Type": "application/json"}
TOKEN_PATH = "/token?scope=repository:team/app:pull"


def strings(value: object) -> list[str]:
    """All texts in a document."""
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in strings(each))]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("path", [MANIFEST, BLOB, TAGS, REFERRERS, TOKEN_PATH])
async def test_r14_16_an_error_of_a_registry(facade_client: FacadeClient, server: FaultyServer, path: str) -> None:
    detail = {EVIL: [EVIL, {"x": EVIL}, 7, None]}
    words = json.dumps({"errors": [{"code": f"C{EVIL}", "message": f"no: {EVIL}", "detail": detail}]}).encode()
    server.answers(UPSTREAM.get(path, "/realm"), 400, JSON, words)

    answer = await facade_client.request(path)

    said = strings(answer.json())
    assert all(text.isprintable() for text in said)
    assert answer.json()["errors"][0]["message"] == "no: red]0;titleevil  fake"
    assert answer.json()["errors"][0]["detail"] == {
        "red]0;titleevil  fake": ["red]0;titleevil  fake"] * 1 + [{"x": "red]0;titleevil  fake"}, 7, None]
    }


async def test_r14_16_a_warning_that_clients_print(facade_client: FacadeClient, server: FaultyServer) -> None:
    """OCI distribution spec, "Warnings": clients show them to their users."""
    warning = '299 - "\u202ego\x9b31m away"'.encode().decode("latin-1")
    server.answers(UPSTREAM[MANIFEST], 200, {**JSON, "Warning": warning, "OCI-X": "\x9b31m"}, b"{}")

    answer = await facade_client.request(MANIFEST)

    assert answer.headers["warning"] == '299 - "go away"'
    assert "\x9b" not in answer.headers["oci-x"]


@pytest.mark.parametrize(
    "told",
    [
        {"Location": f"http://h/{'x'}\x9b31m"},
        {"Content-Encoding": "zstd\x9b"},
    ],
)
async def test_r14_16_what_the_facade_says_of_an_answer(
    facade_client: FacadeClient, server: FaultyServer, told: dict[str, str]
) -> None:
    server.answers(UPSTREAM[MANIFEST], 307 if "Location" in told else 200, {**JSON, **told}, b"{}")

    answer = await facade_client.request(MANIFEST)

    assert all(text.isprintable() for text in strings(answer.json()))


def test_what_is_said_of_a_registry_in_the_first_place() -> None:
    """Relays, probes, commands and pages say what this says."""
    assert str(BadResponse("h", f"h answered with {EVIL}")) == "h answered with red]0;titleevil  fake"


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()], ids=["line", "json"])
def test_a_line_of_the_log_is_one_line(formatter: logging.Formatter) -> None:
    """Names from providers, header fields, answers of name servers: whatever is logged."""
    record = logging.makeLogRecord({"msg": "said: %s", "args": (EVIL,), "levelname": "INFO", "name": "x"})
    record.agent, record.names = EVIL, [EVIL]

    written = formatter.format(record)

    assert written.isprintable()
    assert "said: red]0;titleevil  fake" in written


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()], ids=["line", "json"])
def test_a_traceback_keeps_its_lines_and_no_more(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(EVIL.replace("\n", ""))
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "x", "exc_info": (ValueError, error, error.__traceback__)})

    written = formatter.format(record)

    assert "Traceback" in written
    assert all(line.isprintable() for line in written.split("\n"))

"""Cloudflare's Worker, run by Node: the contract of request handling, and what it hands to the app."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from routing.core.decide import Request
from routing.publish.cloudflare import cloudflare
from routing.publish.documents import Surroundings
from routing.publish.rules import Rules, rules_of
from tests.core.contract import Challenged, Outcome, PingOk, RedirectsTo, Refused, build_table
from tests.core.contract_rows import ROWS
from tests.e2e.test_exports import KINDS, TEXTS, hostile_table
from tests.publish.reference import answer

ROOT = Path(__file__).resolve().parents[2]
AROUND = Surroundings(":443", "127.0.0.1:8000", "http")


def asked(folder: Path, rules: Rules, requests: list[Request]) -> list[dict[str, Any] | None]:
    (file,) = cloudflare(rules, AROUND).files
    module = folder / "worker.mjs"
    module.write_text(file.text)
    lines = [
        (
            each.method,
            f"{each.path}?{each.query}" if each.query else each.path,
            each.host,
            each.user_agent,
            each.authorized,
        )
        for each in requests
    ]
    program = ["node", str(ROOT / "tests" / "publish" / "worker_answers.mjs"), str(module)]
    done = subprocess.run(program, input=json.dumps(lines), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any] | None] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("wanted", KINDS, ids=str)
def test_the_contract(tmp_path: Path, wanted: tuple[tuple[str, ...], str]) -> None:
    rows = [row for row in ROWS if (row.clients, row.catch_all) == wanted]
    rules = rules_of(build_table(*wanted))

    said = asked(tmp_path, rules, [row.request for row in rows])

    for row, found in zip(rows, said, strict=True):
        expected = answer(rules, row.request)
        assert (found is None) == (expected is None), row.title
        if found is not None:
            assert in_words(found, row.request) == row_in_words(expected, row.request), row.title
            assert found["headers"]["docker-distribution-api-version"] == "registry/2.0"


def in_words(found: dict[str, Any], request: Request) -> tuple[Any, ...]:
    headers = found["headers"]
    if found["status"] == 307:
        return 307, headers["location"], headers["cache-control"]
    assert headers["x-content-type-options"] == "nosniff"
    if found["status"] == 200:
        return 200, found["body"]
    (error,) = json.loads(found["body"])["errors"]
    scope = headers.get("www-authenticate", "").partition("scope=")[2].strip('"')
    return found["status"], error["code"], error["message"][:20], scope


def row_in_words(outcome: Outcome | None, request: Request) -> tuple[Any, ...]:
    match outcome:
        case RedirectsTo(location):
            return 307, location, "no-store"
        case PingOk():
            return 200, "{}"
        case Challenged(scope):
            return 401, "UNAUTHORIZED", "authentication required"[:20], scope
        case Refused(status, code, says):
            return status, code, says[:20], ""
    raise AssertionError(outcome)


def test_no_text_of_a_tenant_is_anything_but_text(tmp_path: Path) -> None:
    requests = [Request("GET", f"h{number}.example", "/v2/") for number in range(len(TEXTS))]

    said = asked(tmp_path, rules_of(hostile_table()), requests)

    assert [json.loads(each["body"])["errors"][0]["message"] for each in said if each] == list(TEXTS)

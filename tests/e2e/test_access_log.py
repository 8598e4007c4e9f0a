"""The access log of a real server: off unless it is asked for, and of one form for both lanes and the pages."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until

HOST = "docker.acme.test"
MANIFEST = "/v2/acme/app/manifests/1.0"


def lines_of(facade: Facade) -> list[dict[str, Any]]:
    """The access log's records, where the log is JSON."""
    records = [json.loads(line) for line in facade.log().splitlines() if line.startswith("{")]
    return [record for record in records if record["logger"] == "routing.access"]


def test_each_request_has_a_line_whoever_answers_it() -> None:
    with Facade(workers=1, FACADE_ACCESS_LOG="true", FACADE_LOG_FORMAT="json") as facade:
        facade.manage("add_mapping", HOST, "acme", "https://ghcr.io/acme", "--redirect-only")
        facade.wait_for(MANIFEST, 307, host=HOST)
        wait_until(lambda: bool(lines_of(facade)), "a line")

        facade.request("GET", MANIFEST, host=HOST)
        # Expect is for the parser, so the application answers.
        facade.request("GET", f"{MANIFEST}?ns=x", host=HOST, headers={"Expect": "100-continue"})
        facade.request("GET", "/v2/none/app/manifests/1.0", host=HOST)
        page = facade.request("GET", "/accounts/login/?token=secret")

        wait_until(lambda: "/login/" in lines_of(facade)[-1]["target"], "the last of four lines")
        # Before them stand those of the waiting.
        told = lines_of(facade)[-4:]
    assert [(line["target"], line["status"], line["decision"]) for line in told] == [
        (MANIFEST, 307, "redirect"),
        (f"{MANIFEST}?ns=x", 307, "redirect"),
        ("/v2/none/app/manifests/1.0", 404, "refuse"),
        ("/accounts/login/?token=[hidden]", 200, "control"),
    ]
    assert [line["host"] for line in told[:3]] == [HOST] * 3
    assert all(line["duration_ms"] > 0 and line["time"] and line["client"] == "127.0.0.1" for line in told)
    assert told[3]["request_id"] == page.headers["x-request-id"]


@pytest.mark.parametrize("asked", [{}, {"GUNICORN_CMD_ARGS": "--access-logfile -"}], ids=["off", "gunicorn's own word"])
def test_it_is_off_unless_it_is_asked_for(asked: dict[str, Any]) -> None:
    with Facade(workers=1, **asked) as facade:
        facade.request("GET", "/livez")
        facade.kill()
        said = [line for line in facade.log().splitlines() if "routing.access" in line]

    assert bool(said) == bool(asked)
    pattern = (
        r"\S+ \S+ INFO routing\.access: GET /\S+ \d+ decision=\w+ duration_ms=[\d.]+ host=\S+ client=127\.0\.0\.1 .*"
    )
    assert all(re.fullmatch(pattern, line) for line in said)

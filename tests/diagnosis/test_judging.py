"""What the doctor says of certificates, of what the facade saw, and of those who answer in its place."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from routing.dataplane.itself.echo import NotThisFacade, Seen, _read
from routing.diagnosis.asking import Place, error_of
from routing.diagnosis.echo import judge_client, judge_clock, judge_scheme
from routing.diagnosis.outside import judge_certificate
from routing.diagnosis.report import Mark, Report, Step, Taking
from routing.registries.client import RegistryResponse
from routing.registries.first_contact import Presented
from routing.registries.http.headers import Headers

HOST = "docker.acme.com"
PLACE = Place("https", HOST, 443)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SEEN = Seen("https", HOST, "10.0.0.2", True, "192.0.2.9", ("x-forwarded-for", "x-forwarded-proto"), 0, "1.1", 0.0)


def certificate(days: float, of: float = 90, **facts: object) -> Presented:
    until = NOW + timedelta(days=days)
    return Presented((HOST,), "CN=R3", until - timedelta(days=of), until, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "mark", "said"),
    [
        (certificate(60), Mark.GOOD, "60 days left"),
        (certificate(10), Mark.WARNING, "10 days left"),
        # One of Caddy's internal authority, which lasts half a day.
        (certificate(0.4, of=0.5), Mark.GOOD, "10 hours left"),
        (certificate(-3, problem="certificate has expired", verify_code=10), Mark.BAD, "expired on 28 April 2026"),
        (certificate(60, problem="Hostname mismatch", verify_code=62), Mark.BAD, f"for {HOST}, not for"),
        (certificate(100, problem="not yet valid", verify_code=9), Mark.BAD, "is valid from 11 May 2026"),
        (certificate(60, problem="self-signed certificate", verify_code=18), Mark.BAD, "issued by CN=R3"),
    ],
)
def test_a_certificate(found: Presented, mark: Mark, said: str) -> None:
    taking = Taking()

    judge_certificate(taking, found, HOST, NOW)

    assert (taking.mark, said in taking.came) == (mark, True)
    assert bool(taking.advice) == (mark is not Mark.GOOD)


@pytest.mark.parametrize(
    ("seen", "advice"),
    [
        (SEEN, ""),
        (SEEN._replace(scheme="http", is_peer_trusted=False), "Add 10.0.0.2 to FACADE_TRUSTED_PROXIES."),
        (
            SEEN._replace(scheme="http", is_peer_trusted=False, forwarded=()),
            "Let the proxy send X-Forwarded-Proto, and",
        ),
        (SEEN._replace(scheme="http", forwarded=()), "Let the proxy send X-Forwarded-Proto: https"),
    ],
)
def test_the_scheme(seen: Seen, advice: str) -> None:
    taking = Taking()

    judge_scheme(taking, seen, PLACE)

    assert taking.advice.startswith(advice)
    assert taking.is_bad == bool(advice)


@pytest.mark.parametrize(
    ("seen", "mark"),
    [
        (SEEN, Mark.GOOD),
        (SEEN._replace(client="10.0.0.2", forwarded=()), Mark.WARNING),
        (SEEN._replace(client="192.0.2.9", peer="192.0.2.9", is_peer_trusted=False, forwarded=()), Mark.GOOD),
    ],
)
def test_the_client(seen: Seen, mark: Mark) -> None:
    taking = Taking()

    judge_client(taking, seen)

    assert taking.mark is mark


def test_the_clock() -> None:
    for off, mark in ((0, Mark.GOOD), (-100, Mark.WARNING), (100, Mark.WARNING)):
        taking = Taking()
        judge_clock(taking, SEEN._replace(clock=time.time() + off))
        assert taking.mark is mark


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "another server (x/1) answers"),
        (200, json.dumps({"seen": "{}", "proof": "p" * 43}).encode(), "another server"),
        (200, json.dumps({"seen": "{}", "proof": ""}).encode(), "another server"),
        (404, b"this question is signed by the facade's key; yours is not", "with another key"),
        (404, b"nothing here", "another server (x/1) answers, with status 404"),
        (502, b"", "it can't reach the facade"),
        (503, b"", "starting"),
        (301, b"", "it redirects"),
    ],
)
def test_who_answers_in_its_place(status: int, body: bytes, said: str) -> None:
    answer = RegistryResponse(status, Headers([(b"Server", b"x/1")]), body, PLACE.url)

    with pytest.raises(NotThisFacade, match=said.replace("(", r"\(").replace(")", r"\)")) as raised:
        _read(answer, "00" * 16)
    assert raised.value.advice


def test_what_others_write_upsets_no_terminal() -> None:
    report = Report()

    report.add(Step("DNS", Mark.BAD, "a\x1b[31mb", "c\nd\u202e", "e\x07" + "x" * 1000))

    (step,) = report.steps
    assert (step.asked, step.came) == ("ab", "c d")
    assert step.advice.isprintable()
    assert len(step.advice) == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no"}]}', "403 DENIED: no"),
        (b'{"errors":[{"code":"DENIED"}]}', "403 DENIED: "),
        (b'{"errors":[]}', "status 403"),
        (b'{"errors":[1]}', "status 403"),
        (b"[1]", "status 403"),
        (b"\xff", "status 403"),
    ],
)
def test_what_a_registry_says_is_wrong(body: bytes, said: str) -> None:
    assert error_of(RegistryResponse(403, Headers([]), body, PLACE.url)) == said

"""Asks the gate of a running facade, as the edge does."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from tests.e2e.facade import ADDRESS, Facade

_SECONDS = 30.0


def ask(port: int, names: Iterable[str]) -> Counter[str]:
    """What the gate answers of each name, on one connection: X-Facade-Answer, counted; 200 goes with yes alone."""
    answers: Counter[str] = Counter()
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=_SECONDS)
    try:
        for name in names:
            connection.request("GET", f"/?domain={quote(name)}")
            answer = connection.getresponse()
            answer.read()
            said = answer.headers["X-Facade-Answer"]
            assert (answer.status == 200) == (said == "yes")
            answers[said] += 1
    finally:
        connection.close()
    return answers


def answer_of(port: int, name: str) -> str:
    """What it answers of one name; "" where nobody answers."""
    try:
        return next(iter(ask(port, [name])))
    except (OSError, http.client.HTTPException):
        return ""


def told(facade: Facade) -> dict[str, float]:
    """What `/metrics` tells of the gate's answers."""
    start = "facade_gate_answers_total{"
    lines = facade.request("GET", "/metrics").body.decode().splitlines()
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines if line.startswith(start)}

"""HTTP/1.1 messages as bytes, written and read: RFC 9112 §2.1."""

from __future__ import annotations

import json


def message(start_line: str, *fields: str, body: bytes = b"") -> bytes:
    """A whole request or response. Its length is added where it has a body."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([start_line, *fields, *length, "", ""]).encode() + body


def get(target: str, *fields: str) -> bytes:
    """A GET request."""
    return message(f"GET {target} HTTP/1.1", *fields)


def status_of(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def fields_of(sent: bytes) -> dict[str, str]:
    """The header fields, by their names in lower case. Raises ValueError for a name that comes twice."""
    lines = sent.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(f"a field comes twice: {pairs}")
    return fields


def body_of(sent: bytes) -> bytes:
    return sent.partition(b"\r\n\r\n")[2]


def error_of(response: bytes) -> tuple[int, str, str]:
    """Status, code and message of an error (OCI distribution specification, "Error Codes")."""
    assert fields_of(response)["content-type"] == "application/json"
    (error,) = json.loads(body_of(response))["errors"]
    assert error.keys() == {"code", "message", "detail"}
    return status_of(response), error["code"], error["message"]

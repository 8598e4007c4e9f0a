"""What passed a meter, as HTTP: every request with its answer, out of the recorded bytes of each connection."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.e2e.lab.meter import Meter

_HEAD_END = b"\r\n\r\n"
_BODILESS = (204, 304)


@dataclass(frozen=True)
class Passed:
    """One request and its answer. Header names are in lower case; of repeated headers, the last."""

    method: str
    target: str
    request_headers: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def is_relayed(self) -> bool:
        """Whether the body came from a backing registry: all under /v2/<name>/ that isn't the facade's own answer."""
        return self.status in (200, 206) and self.path.startswith("/v2/") and self.path != "/v2/"

    @property
    def is_blob(self) -> bool:
        return "/blobs/" in self.path

    def __str__(self) -> str:
        credentials = self.request_headers.get("authorization", "-").partition(" ")[0]
        agent = self.request_headers.get("user-agent", "-").partition(" ")[0]
        location = f" → {self.headers['location']}" if "location" in self.headers else ""
        return f"{self.method} {self.target} {self.status} {len(self.body)} B [{agent}, {credentials}]{location}"


def passed(meter: Meter) -> list[Passed]:
    """Everything whole that passed, connection by connection. What isn't HTTP (a TLS hello) is left out."""
    pairs = zip(meter.requests(), meter.answers(), strict=True)
    return [exchange for sent, received in pairs for exchange in _exchanges(sent, received)]


def relayed_bytes(exchanges: Iterable[Passed]) -> int:
    """Bytes of bodies that the facade handed on from backing registries: manifests, lists, blobs. Its own answers
    (challenges, tokens, redirects, refusals) are not among them."""
    return sum(len(exchange.body) for exchange in exchanges if exchange.is_relayed)


def blob_bytes(exchanges: Iterable[Passed]) -> int:
    """Bytes of blobs (layers and configs) that the facade passed through."""
    return sum(len(exchange.body) for exchange in exchanges if exchange.is_relayed and exchange.is_blob)


def _exchanges(sent: bytes, received: bytes) -> Iterable[Passed]:
    while (request := _head(sent)) and (answer := _head(received)):
        request_line, request_headers, sent = request
        words = request_line.split(" ")
        if len(words) != 3:
            return
        status_line, headers, received = answer
        status = int(status_line.split(" ")[1])
        if status < 200:
            sent = f"{request_line}\r\n".encode() + _again(request_headers) + sent
            continue
        _, sent = _body(request_headers, sent)
        bodiless = words[0] == "HEAD" or status in _BODILESS
        body, received = (b"", received) if bodiless else _body(headers, received)
        yield Passed(words[0], words[1], request_headers, status, headers, body)


def _head(data: bytes) -> tuple[str, dict[str, str], bytes] | None:
    head, end, rest = data.partition(_HEAD_END)
    if not end or data.startswith(b"\x16"):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return first, {name.lower(): value.strip() for name, _, value in fields}, rest


def _again(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1") + b"\r\n"


def _body(headers: Mapping[str, str], data: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        length = int(headers.get("content-length", "0"))
        return data[:length], data[length:]
    body = b""
    while data:
        size_line, _, data = data.partition(b"\r\n")
        size = int(size_line.split(b";")[0], 16)
        if not size:
            return body, data.partition(b"\r\n")[2]
        body, data = body + data[:size], data[size + 2 :]
    return body, data
